"""The first page: what the figures mean, in plain words and with their intervals."""

from typing import Any

ORIGINS = {
    "held_out": "Held out: every clip was scored by a model that had not been trained on it, nor "
    "on its group. The model that ships may have been trained on all of them since.",
    "test_part": "These are the clips of the store that training leaves out.",
    "unseen": "Whoever asked for this report says that the model was not trained on these clips.",
    "maybe_seen": "Nothing says that the model was not trained on these clips. If it was, every "
    "figure below is too good: give held-out logits, or say that the clips are new to it.",
}
KINDS_OF_ERROR = (
    "A score is a sign of manipulation, never a proof, and a low score is no proof of the opposite."
)
Row = list[float | None]


def summary(report: dict[str, Any]) -> list[str]:
    """Sentences, the most important first."""
    sentences = [_decisions(report), *_ranking(report), _belief(report), _rivals(report)]
    sentences += [_methods(report), _robust(report), _skin(report), _reach(report), KINDS_OF_ERROR]
    return [sentence for sentence in sentences if sentence]


def _decisions(report: dict[str, Any]) -> str:
    genuine = report["confusion"]["genuine"]
    fakes = report["confusion"]["manipulated"]
    return (
        f"At the threshold of the card ({report['model']['raise_at']:.2f}) "
        f"{_hundred(genuine['right_share'])} of 100 genuine videos are left alone and "
        f"{_hundred(fakes['right_share'])} of 100 manipulated ones are raised "
        f"({genuine['videos']} and {fakes['videos']} videos)."
    )


def _ranking(report: dict[str, Any]) -> list[str]:
    return [
        f"On {name} a manipulated video scores above a genuine one "
        f"{_hundred(figures['videos']['auc'])} times in 100; by chance it would be 50 "
        f"({figures['videos']['rows']} videos of {figures['videos']['groups']} groups)."
        for name, figures in report["sets"].items()
        if name != "everything" or len(report["sets"]) == 1
    ]


def _belief(report: dict[str, Any]) -> str:
    found = report["calibration"]
    return (
        "What it says as a probability is off by "
        f"{_points(found['cross_fitted']['ece'])} percentage points on average when temperature "
        "and bias are found on other clips, and was off by "
        f"{_points(found['before']['ece'])} before."
    )


def _rivals(report: dict[str, Any]) -> str:
    rivals = [row for row in report["baselines"] if "gain" in row]
    beaten = [row for row in rivals if (row["gain"][1] or 0) > 0]
    rest = [row["title"] for row in rivals if row not in beaten]
    text = f"It ranks better than {len(beaten)} of {len(rivals)} baselines by a paired interval"
    return f"{text}; not clearly better than: {'; '.join(rest)}." if rest else f"{text}."


def _methods(report: dict[str, Any]) -> str:
    known = {name: row for name, row in report["methods"].items() if row["auc"][0] is not None}
    if len(known) < 2:
        return ""
    order = sorted(known, key=lambda name: float(known[name]["auc"][0]))
    worst, best = order[0], order[-1]
    return (
        f"Of the methods it ranks {best} best ({_figure(known[best]['auc'])}) and "
        f"{worst} worst ({_figure(known[worst]['auc'])})."
    )


def _robust(report: dict[str, Any]) -> str:
    sweep = report["robustness"]
    if sweep is None:
        return "Robustness was not measured."
    clean = sweep["clean"]["video_auc"][0]
    hardest = {
        kind["title"]: kind["levels"][-1] for kind in sweep["kinds"].values() if kind["levels"]
    }
    order = sorted(hardest, key=lambda name: float(hardest[name]["video_auc"][0] or 0))
    alarms = min(hardest, key=lambda name: float(hardest[name]["genuine_recall_drift"][0] or 0))
    return (
        f"Disturbed pictures: from {clean:.2f} undisturbed, video AUC falls lowest under "
        f"{order[0].lower()} ({_figure(hardest[order[0]]['video_auc'])} at the hardest level); "
        f"genuine videos are raised most under {alarms.lower()} (share left alone "
        f"{_figure(hardest[alarms]['genuine_recall'])})."
    )


def _skin(report: dict[str, Any]) -> str:
    bins = [row for row in report["fairness"]["bins"] if row["tone"] != "unknown"]
    thick = [row for row in bins if not row["few"]]
    if len(thick) < 2:
        return "Too few genuine videos of different skin tones to compare false alarms."
    parts = [f"{row['tone']} {row['raised']} of {row['videos']}" for row in bins]
    return f"False alarms by skin tone, counted: {', '.join(parts)}. Few videos: wide intervals."


def _reach(report: dict[str, Any]) -> str:
    coverage = report["abstention"]["video_coverage"]
    return (
        f"{_hundred(coverage)} of 100 videos have enough looks of sufficient quality; the service "
        'says "insufficient" of the others. Other tools, other people and other compression than '
        "those in this set were not measured."
    )


def _hundred(row: Row) -> str:
    value, low, high = row
    if value is None:
        return "an unknown number"
    band = "" if low is None or high is None else f" [{100 * low:.0f}–{100 * high:.0f}]"
    return f"{100 * value:.0f}{band}"


def _points(row: Row) -> str:
    return "an unknown number of" if row[0] is None else f"{100 * row[0]:.1f}"


def _figure(row: Row) -> str:
    value, low, high = row
    if value is None:
        return "unknown"
    return f"{value:.2f}" + ("" if low is None or high is None else f" [{low:.2f}–{high:.2f}]")
