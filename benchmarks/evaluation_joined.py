"""Adds other models, and families left out, to the recorded evaluation of fakewatch-fast.

Its held-out logits came from fold models that are gone, and cannot be had again; its figures stay
as they are. `python -m benchmarks.evaluation_joined STORE --baseline CARD... --families JSON`
scores the other models on all clips, takes their paired distance to fakewatch-fast from
mesonets.json, which was measured while its logits were there, and draws both plots anew.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.evaluation import PLOTS
from benchmarks.record import RESULTS
from export.crops import CropStore
from export.evaluation import baselines, words
from export.evaluation.drawing import STYLE, Plot
from export.evaluation.plots import baseline_bars
from export.evaluation.scorer import find_card, open_scorer, score_store
from export.evaluation.sweep_plots import left_out

DRAWS = 2000
Figures = dict[str, Any]


def main() -> None:
    """Score, join, write results/evaluation.json and two plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path, help="the development clips")
    parser.add_argument("--baseline", nargs="+", default=[], metavar="CARD")
    parser.add_argument("--families", type=Path, help="what --leave-one-out wrote")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    path = RESULTS / "evaluation.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    leads = json.loads((RESULTS / "mesonets.json").read_text(encoding="utf-8"))["figures"]
    store = CropStore(args.store)
    rows = [row_of(name, store, leads, args.jobs) for name in args.baseline]
    families = json.loads(args.families.read_text(encoding="utf-8")) if args.families else None
    figures = joined(document["figures"], rows, families)
    figures["joined"] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": "python -m benchmarks.evaluation_joined STORE --baseline MESONETS --families JSON",
        "baselines": [row["name"] for row in figures["baselines"] if "measured_on" in row],
    }
    document["figures"] = figures
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for plot in drawn(figures):
        (PLOTS / f"{plot.name}.png").write_bytes(plot.png)


def row_of(name: str, store: CropStore, leads: Figures, jobs: int) -> Figures:
    """A model's row of the table of baselines, on all clips of the store."""
    card = find_card(name)
    scores = score_store(open_scorer(card), store, jobs)
    row = baselines.alone(card.name, scores, store.facts, DRAWS)
    videos = len({fact["path"] for fact in store.facts})
    row["measured_on"] = {"crops": len(store), "videos": videos}
    lead = leads["models"].get(card.name, {}).get("fakewatch_fast_leads_by")
    if lead is not None:
        row["gain"] = lead["pooled"]
        most = leads["pictures_a_video_at_most"]
        row["gain_from"] = f"mesonets.json: the same videos, at most {most} pictures each"
    return row


def joined(figures: Figures, rows: list[Figures], families: Figures | None) -> Figures:
    """The recorded figures with these rows, in place of older ones of the same names."""
    names = {row["name"] for row in rows}
    kept = [row for row in figures["baselines"] if row["name"] not in names]
    out = {**figures, "baselines": [*kept, *rows]}
    if families is not None:
        out["leave_one_out"] = families
    return {**out, "summary": words.summary(out)}


def drawn(figures: Figures) -> list[Plot]:
    """The plots that show what was joined."""
    with mpl.rc_context(STYLE):
        return [plot for plot in (baseline_bars(figures), left_out(figures)) if plot is not None]


if __name__ == "__main__":
    main()
