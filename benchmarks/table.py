"""Writes the README's table of measurements from benchmarks/results, and nothing by hand."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.record import RESULTS
from pipeline.load import DEFAULT_CLASSIFIER, models_directory
from pipeline.model_card import ModelCard, read_card

README = RESULTS.parent.parent / "README.md"
MARKED = re.compile(r"(<!-- benchmarks:start -->\n).*?(<!-- benchmarks:end -->)", re.DOTALL)

OTHER = "fakewatch-accurate"
CARD = "[onnx_models/README.md](onnx_models/README.md)"
CARD_ROWS = {
    "ffpp_c23_video_auc": "video AUC, FaceForensics++ c23, held-out clips (n = 14 + 30)",
    "deepfacelive_video_auc": "video AUC, DeepFaceLive, held-out clips (n = 26 + 27)",
    "pooled_video_auc": "video AUC, both pooled, held-out clips (n = 40 + 57)",
    "genuine_video_recall": "genuine videos left alone at the shipped threshold (n = 70)",
    "fake_video_recall": "manipulated videos raised at the shipped threshold (n = 57)",
}
"""Of the card's metrics those that a newcomer needs; sample sizes: the development clips."""

Figures = dict[str, Any]
Row = tuple[str, str]


def main() -> None:
    """Replace what stands between the marks."""
    text = README.read_text(encoding="utf-8")
    README.write_text(MARKED.sub(lambda found: found[1] + table() + found[2], text), "utf-8")


def table() -> str:
    """The section in Markdown, in the order of `SECTIONS`."""
    documents = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, _ in SECTIONS
        if (path := RESULTS / f"{name}.json").is_file()
    }
    machines = Counter(_machine(document["machine"]) for document in documents.values())
    usual = machines.most_common(1)[0][0]
    rows = []
    for name, describe in SECTIONS:
        if name not in documents:
            continue
        document = documents[name]
        machine, command = _machine(document["machine"]), f"`{document['command']}`"
        first = command if machine == usual else f"{command}, on {machine}"
        for index, (what, value) in enumerate(describe(document["figures"])):
            rows.append(f"| {what} | {value} | {first if index == 0 else ''} |")
    for card in own_classifiers():
        rows += [f"| {what} | {value} | {CARD} |" for what, value in classifier(card)]
    head = (
        f"On {usual} unless another machine is named, "
        "ONNX Runtime on the CPU, one thread a session:\n\n"
    )
    return "\n".join([head + "| what | measured | command |", "|---|---|---|", *rows, ""])


def own_classifiers() -> list[ModelCard]:
    """The cards of the classifiers that come along, the default first; variants share figures."""
    return [read_card(models_directory() / f"{name}.toml") for name in (DEFAULT_CLASSIFIER, OTHER)]


def classifier(card: ModelCard) -> list[Row]:
    """What the card says was measured, each with its interval."""
    facts = dict(card.metrics)
    name = f"{card.name} {card.version}"
    return [
        (f"{name}: {what}", "{:.3f} (95 % interval {:.2f} to {:.2f})".format(*facts[key]))
        for key, what in CARD_ROWS.items()
        if key in facts
    ]


def _machine(facts: Figures) -> str:
    return f"{facts['cores']} cores of an {facts['processor']} ({facts['memory_gib']} GiB)"


def _streams(figures: Figures) -> list[Row]:
    rows = {row["streams"]: row for row in figures["rows"]}
    ages = [
        f"{n}: {row['age_p50_ms']:.0f} / {row['age_p95_ms']:.0f} / {row['age_p99_ms']:.0f}"
        for n, row in rows.items()
    ]
    first, last = min(rows), max(rows)
    memory = (rows[last]["memory_mib"] - rows[first]["memory_mib"]) / max(1, last - first)
    fullest = max(
        (n for n, r in rows.items() if r["landmarks_fps"] >= 12 and r["classifier_fps"] >= 3),
        default=0,
    )
    return [
        (
            "Streams a core (640x480, 30 fps, a face; landmarks >= 12/s, classifier >= 3/s)",
            f"**{figures['streams_per_core']}** by processor time; {fullest} at once were served",
        ),
        ("Age of a frame when judged, ms, p50 / p95 / p99 by number of streams", "; ".join(ages)),
        ("Memory for one more stream", f"{memory:.0f} MiB"),
    ]


def _overhead(figures: Figures) -> list[Row]:
    floors = {
        "over_in_order": "the same decoding and model calls, in the same order, nothing between",
        "over_each_alone": "decoding and each of the three models run alone, in hot caches",
    }
    return [
        (
            f"Processor time of the pipeline over its floor: {floor}",
            f"{figures[key]['median']:+.1%} ({figures[key]['min']:+.1%} to "
            f"{figures[key]['max']:+.1%}, n = {figures['rounds']})",
        )
        for key, floor in floors.items()
    ]


def _classifier_speed(figures: Figures) -> list[Row]:
    rows, kind = [], "with VNNI" if figures["vnni"] else "without VNNI"
    for model in figures["models"]:
        budget = figures["budgets_ms"].get(model["name"])
        limit = f"; at most {budget:g} asked" if budget else ""
        rows.append(
            (
                f"{model['name']}: one crop, one thread of a core {kind}",
                f"{model['wall_ms']['p50']} ms (95 % within {model['wall_ms']['p95']} ms{limit})",
            )
        )
    for model in figures["gpu"] or []:
        paces = ", ".join(f"{size}: {pace}" for size, pace in model["crops_a_second"].items())
        rows.append((f"{model['name']} on the GPU: crops a second by batch", paces))
    return rows


def _variants(figures: Figures) -> list[Row]:
    return [
        (
            f"{name} less fp32: video AUC, {figures['what']}",
            "{:+.4f} (95 % interval {:+.4f} to {:+.4f})".format(*row["pooled"]["difference"]),
        )
        for name, row in figures["variants"].items()
    ]


def _file_speed(figures: Figures) -> list[Row]:
    return [
        (
            f"`fakewatch analyze`, {figures['what']}, {row['size']}",
            f"{row['process_s']} s, of which {row['analysis_s']} s analysis "
            f"(median of {figures['rounds']})",
        )
        for row in figures["rows"]
    ]


def _long_file(figures: Figures) -> list[Row]:
    found = (
        f"{figures['wall_s']:.0f} s ({figures['share_of_duration']:.0%} of its duration), "
        f"at most {figures['rss_mib_max']} MiB, cancelled within {figures['cancel_s']} s"
    )
    return [(f"`fakewatch analyze`, {figures['what']}", found)]


def _soak(figures: Figures) -> list[Row]:
    low, high = figures["own_slope_95_interval"]
    found = (
        f"{figures['own_slope_mib_per_h']:.1f} MiB/h ({low:.1f} to {high:.1f}), "
        f"threads {figures['threads']['min']} to {figures['threads']['max']}"
    )
    return [(f"Memory over a soak of {figures['hours']:.1f} h ({figures['what']})", found)]


def _startup(figures: Figures) -> list[Row]:
    return [
        (
            "Start to ready, models loaded and warmed",
            f"{figures['ready_s']} s, {figures['idle_memory_mib']} MiB when idle",
        )
    ]


def _reconnect(figures: Figures) -> list[Row]:
    return [
        (
            f"Camera back to first analysed frame, {len(figures['outages'])} outages",
            f"median {figures['median_s']} s, worst {figures['max_s']} s",
        )
    ]


def _time_to_alert(figures: Figures) -> list[Row]:
    delay = figures["delay_s"]
    found = (
        f"{figures['alerted']} of {figures['pairs']} alerted, median {delay['p50']} s; "
        f"{figures['alerted_before_the_forgery']} alerted before; {figures['note']}"
    )
    return [("First forged frame to the alert", found)]


def _false_alarms(figures: Figures) -> list[Row]:
    shipped = figures["shipped"]
    found = (
        f"{shipped['false_alarms']} on {figures['genuine_clips']} genuine clips of "
        f"{60 * figures['genuine_hours']:.0f} min ({shipped['false_alarms_per_hour']}/h, "
        f"below {shipped['upper_95_per_hour']}/h at 95 %); {shipped['alerted']} of "
        f"{figures['manipulated_clips']} manipulated clips alerted"
    )
    return [(f"False alarms, {figures['what']}", found)]


def _blink(figures: Figures) -> list[Row]:
    held = figures["held_out"]
    rows = []
    for rule, rates in held["rules"].items():
        scores = ", ".join(f"{rate} {value['f1']:.3f}" for rate, value in rates.items())
        rows.append((f"Blinks found, F1: {rule}", scores))
    sample = f"{held['blinks']} blinks in {held['minutes']:.0f} min, held out"
    return [(f"{rows[0][0]} ({sample})", rows[0][1]), *rows[1:]]


SECTIONS: tuple[tuple[str, Callable[[Figures], list[Row]]], ...] = (
    ("streams", _streams),
    ("classifier_speed", _classifier_speed),
    ("variants", _variants),
    ("variants_accurate", _variants),
    ("overhead", _overhead),
    ("file_speed", _file_speed),
    ("long_file", _long_file),
    ("startup", _startup),
    ("soak", _soak),
    ("reconnect", _reconnect),
    ("time_to_alert", _time_to_alert),
    ("false_alarms", _false_alarms),
    ("blink", _blink),
)

if __name__ == "__main__":
    main()
