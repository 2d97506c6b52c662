"""The plots of a report as PNG bytes, each with its words for those who cannot see it."""

import math
from collections.abc import Callable
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.stats import norm

from export.evaluation import sweep_plots
from export.evaluation.drawing import COLOURS, DASHES, FAKE, GENUINE, STYLE, Plot, finished, said


def all_plots(report: dict[str, Any], curves: dict[str, list[dict[str, float]]]) -> list[Plot]:
    """Every plot that there are figures for, in the order of the page."""
    drawers: tuple[Callable[[dict[str, Any]], Plot | None], ...] = (
        roc, det, precision, histograms, confusion, reliability, risk, baseline_bars,
        sweep_plots.robustness, sweep_plots.methods_heat, sweep_plots.left_out,
        sweep_plots.skin_tones,
    )  # fmt: skip
    with mpl.rc_context(STYLE):
        found = [drawer(report) for drawer in drawers]
        found.append(sweep_plots.training(curves))
    return [plot for plot in found if plot is not None]


def _lines(axes: Axes, report: dict[str, Any]) -> list[str]:
    """Every set's ROC with its band; returns what was drawn, in words."""
    words = []
    for number, (name, curve) in enumerate(report["curves"]["roc"].items()):
        colour, dash = COLOURS[number % 7], DASHES[number % 7]
        auc = report["sets"][name]["videos"]["auc"]
        axes.plot(
            curve["alarms"], curve["value"], color=colour, ls=dash, label=f"{name} {said(auc)}"
        )
        axes.fill_between(
            curve["alarms"], curve["low"], curve["high"], color=colour, alpha=0.12, lw=0
        )
        words.append(f"{name}: AUC {said(auc)}")
    return words


def roc(report: dict[str, Any]) -> Plot:
    """Linear, and with few false alarms spread out."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6))
    words = _lines(left, report)
    _lines(right, report)
    left.plot([0, 1], [0, 1], color="grey", lw=1)
    left.set(xlabel="genuine videos raised (share)", ylabel="manipulated videos found (share)")
    right.set(xscale="log", xlim=(0.005, 1), xlabel="the same, few false alarms spread out")
    left.legend(loc="lower right", fontsize=9, title="video AUC [95 %]")
    alt = f"ROC curves of videos with 95 % bands. {'; '.join(words)}. The diagonal is chance."
    return finished("roc", "Found and falsely raised", figure, alt)


def det(report: dict[str, Any]) -> Plot:
    """Misses over false alarms on normal-deviate axes (Martin et al. 1997)."""
    figure, axes = plt.subplots(figsize=(6, 5))
    ticks = [0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95]

    def place(values: list[float]) -> Any:
        return norm.ppf([min(max(value, 0.005), 0.995) for value in values])

    for number, (name, curve) in enumerate(report["curves"]["roc"].items()):
        missed = {key: [1 - value for value in curve[key]] for key in ("value", "low", "high")}
        x, colour = place(curve["alarms"]), COLOURS[number % 7]
        axes.plot(x, place(missed["value"]), color=colour, ls=DASHES[number % 7], label=name)
        band = place(missed["high"]), place(missed["low"])
        axes.fill_between(x, *band, color=colour, alpha=0.12, lw=0)
    for axis, label in ((axes.xaxis, "genuine videos raised"), (axes.yaxis, "manipulated missed")):
        axis.set_ticks(place(ticks), [f"{tick:.0%}" for tick in ticks])
        axis.set_label_text(label)
    axes.set(xlim=norm.ppf([0.008, 0.96]), ylim=norm.ppf([0.008, 0.96]))
    axes.legend(fontsize=9)
    errors = [f"{n}: {said(report['sets'][n]['videos']['eer'])}" for n in report["curves"]["roc"]]
    alt = f"Detection error trade-off of videos. Equal error rates: {'; '.join(errors)}."
    return finished("det", "Misses against false alarms", figure, alt)


def precision(report: dict[str, Any]) -> Plot:
    """Precision over recall, with the prevalence that it leans on."""
    figure, axes = plt.subplots(figsize=(6, 4.6))
    curve = report["curves"]["precision"]
    names = [name for name in report["sets"] if name != "everything"] or ["everything"]
    figures = report["sets"][names[-1]]["videos"]
    axes.plot(curve["recall"], curve["value"], color=FAKE, label="model")
    axes.fill_between(curve["recall"], curve["low"], curve["high"], color=FAKE, alpha=0.15, lw=0)
    axes.axhline(figures["prevalence"], color="grey", lw=1, label="prevalence")
    axes.set(
        xlabel="manipulated videos found (share)", ylabel="right among the raised", ylim=(0, 1.02)
    )
    axes.legend()
    alt = (
        f"Precision over recall of videos: average precision {said(figures['ap'])} "
        f"at a prevalence of {figures['prevalence']:.2f}."
    )
    return finished("precision_recall", "Right among the raised", figure, alt)


def histograms(report: dict[str, Any]) -> Plot:
    """One dot a video, one row a method; a bar at the median."""
    groups = report["curves"]["scores"]
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(groups) + 1.4))
    words = []
    for place, (name, values) in enumerate(groups.items()):
        colour = GENUINE if name.startswith("genuine") else FAKE
        level = len(groups) - place
        axes.plot(values, [level] * len(values), "o", color=colour, alpha=0.45, ms=6, mew=0)
        middle = median(values)
        axes.plot([middle] * 2, [level - 0.35, level + 0.35], color=colour, lw=3)
        words.append(f"{name} {middle:.1f}")
    limit = log_odds(report["model"]["raise_at"])
    axes.axvline(limit, color="black", lw=1, ls="--")
    axes.text(limit, len(groups) + 0.7, " raised from here", fontsize=9, va="bottom")
    axes.set_yticks(range(len(groups), 0, -1), [_short(name) for name in groups], fontsize=9)
    axes.set_xlabel("calibrated log-odds of a video (dot: one video, bar: median)")
    alt = f"Scores of videos by method. Medians of log-odds: {'; '.join(words)}."
    return finished("scores", "Scores by method", figure, alt)


def log_odds(prob: float) -> float:
    """Log-odds of a probability."""
    return math.log(prob / (1 - prob))


def _short(name: str) -> str:
    return name if len(name) <= 58 else name[:57] + "…"


def confusion(report: dict[str, Any]) -> Plot:
    """Two by two, with shares and intervals: by the card, and by folds."""
    both = {
        "threshold of the card": report["confusion"],
        "thresholds of other folds": report["calibration"]["cross_fitted_confusion"],
    }
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    words = []
    for place, (title, found) in zip(axes, both.items(), strict=True):
        shares = []
        for name in ("genuine", "manipulated"):
            total, raised = found[name]["videos"], found[name]["raised"]
            shares.append([(total - raised) / max(1, total), raised / max(1, total)])
        place.imshow(shares, cmap="Blues", vmin=0, vmax=1.4)
        for line, name in enumerate(("genuine", "manipulated")):
            counts = (found[name]["videos"] - found[name]["raised"], found[name]["raised"])
            for column, count in enumerate(counts):
                right = line == column
                note = f"\n{said(found[name]['right_share'])}" if right else ""
                place.text(column, line, f"{count}{note}", ha="center", va="center")
            words.append(f"{title}, {name}: {counts[0]} left alone, {counts[1]} raised")
        place.set_xticks([0, 1], ["left alone", "raised"])
        place.set_yticks([0, 1], ["genuine", "manipulated"])
        place.set_title(title, fontsize=11)
        place.grid(visible=False)
    return finished("confusion", "Decisions", figure, f"Counts of videos. {'; '.join(words)}.")


def reliability(report: dict[str, Any]) -> Plot:
    """What it says against what was so: before temperature, by the card, by other folds."""
    found = report["calibration"]
    titles = {"before": "before", "card": "card", "cross_fitted": "other folds"}
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.7), sharey=True)
    words = []
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        bins = [each for each in found[key]["bins"] if each["said"] is not None]
        axes.plot([0, 1], [0, 1], color="grey", lw=1)
        axes.plot([b["said"] for b in bins], [b["true"] for b in bins], "o-", color=COLOURS[0])
        axes.set(
            xlim=(0, 1), ylim=(0, 1), xlabel="said", title=f"{title}: ECE {found[key]['ece'][0]}"
        )
        axes.title.set_fontsize(11)
        words.append(f"{title} {said(found[key]['ece'])}")
    panels[0].set_ylabel("share that was manipulated")
    alt = f"Reliability of windows in 15 bins of equal mass; ECE: {'; '.join(words)}."
    return finished("reliability", "Can the probabilities be believed?", figure, alt)


def risk(report: dict[str, Any]) -> Plot:
    """Error among the surest videos."""
    curve = report["curves"]["risk"]
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(curve["coverage"], curve["value"], color=COLOURS[2])
    axes.fill_between(curve["coverage"], curve["low"], curve["high"], color=COLOURS[2], alpha=0.15)
    axes.set(xlabel="share of the videos judged, the surest first", ylabel="wrong among these")
    axes.set_ylim(0, None)
    half = min(range(len(curve["coverage"])), key=lambda i: abs(curve["coverage"][i] - 0.5))
    alt = (
        f"Risk over coverage: {curve['value'][half]:.2f} wrong among the surest half, "
        f"{curve['value'][-1]:.2f} among all."
    )
    return finished("risk_coverage", "Wrong among the surest", figure, alt)


def baseline_bars(report: dict[str, Any]) -> Plot:
    """Video AUC of the model and its rivals."""
    rows = report["baselines"]
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(rows) + 1.2))
    for place, row in enumerate(rows):
        value, low, high = row["video_auc"]
        if value is None:
            continue
        level, colour = len(rows) - place, FAKE if row["name"] == "model" else "#555555"
        axes.plot([low, high], [level, level], color=colour, lw=3, alpha=0.6)
        axes.plot([value], [level], "o", color=colour, ms=8)
    axes.axvline(0.5, color="grey", lw=1)
    titles = [report["model"]["name"], *(_short(row["title"]) for row in rows[1:])]
    axes.set_yticks(range(len(rows), 0, -1), titles, fontsize=9)
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.set(xlabel="video AUC, 95 % interval; the line is chance", xlim=(0.3, 1.0))
    words = "; ".join(f"{row['title']} {said(row['video_auc'])}" for row in rows)
    return finished("baselines", "Against the baselines", figure, f"Video AUC: {words}.")
