"""Further plots: robustness, left-out families, skin tones and training curves."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from export.evaluation.drawing import COLOURS, FAKE, GENUINE, Plot, finished, said


def robustness(report: dict[str, Any]) -> Plot | None:
    """One panel a kind: AUC, and genuine videos left alone, over the levels."""
    sweep = report["robustness"]
    if sweep is None:
        return None
    kinds = sweep["kinds"]
    rows = -(-len(kinds) // 4)
    figure, panels = plt.subplots(rows, 4, figsize=(12, 2.7 * rows), sharey=True, squeeze=False)
    words = []
    for axes, kind in zip(panels.ravel(), kinds.values(), strict=False):
        _levels(axes, kind)
        last = kind["levels"][-1]
        words.append(
            f"{kind['title']} at {last['level']:g}: AUC {said(last['video_auc'])}, "
            f"genuine left alone {said(last['genuine_recall'])}"
        )
    for axes in panels.ravel()[len(kinds) :]:
        axes.set_axis_off()
    panels[0, 0].legend(fontsize=8, loc="lower left")
    alt = f"Robustness. Undisturbed AUC {said(sweep['clean']['video_auc'])}. {'; '.join(words)}."
    return finished("robustness", "Disturbed pictures and lines", figure, alt)


def _levels(axes: Axes, kind: dict[str, Any]) -> None:
    x = range(len(kind["levels"]))
    for key, colour, mark, label in (
        ("video_auc", FAKE, "o-", "video AUC"),
        ("genuine_recall", GENUINE, "s--", "genuine left alone"),
    ):
        values = np.array([level[key] for level in kind["levels"]], dtype=np.float64)
        axes.plot(x, values[:, 0], mark, color=colour, label=label, ms=4)
        axes.fill_between(x, values[:, 1], values[:, 2], color=colour, alpha=0.12, lw=0)
        clean = kind["clean"][key][0]
        if clean is not None:
            axes.axhline(clean, color=colour, lw=0.8, ls=":")
    axes.set_xticks(x, [f"{level['level']:g}" for level in kind["levels"]], fontsize=8)
    axes.set_title(kind["title"], fontsize=10)
    axes.set_xlabel(kind["unit"], fontsize=9)
    axes.set_ylim(0.2, 1.02)


def methods_heat(report: dict[str, Any]) -> Plot | None:
    """AUC of each method at the third level of each kind."""
    sweep = report["robustness"]
    if sweep is None or not report["methods"]:
        return None
    names = list(report["methods"])
    kinds = sweep["kinds"]
    table = np.array(
        [[kind["methods"].get(name) for kind in kinds.values()] for name in names], dtype=np.float64
    )
    figure, axes = plt.subplots(figsize=(1.0 * len(kinds) + 4.2, 0.4 * len(names) + 1.9))
    axes.imshow(table, cmap="RdYlBu", vmin=0, vmax=1, aspect="auto")
    for line in range(len(names)):
        for column in range(len(kinds)):
            value = table[line, column]
            if np.isfinite(value):
                dark = value < 0.15 or value > 0.85
                colour = "white" if dark else "black"
                axes.text(
                    column, line, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour
                )
    titles = [
        kind["title"].replace(", ", ",\n").replace(" frames", "\nframes") for kind in kinds.values()
    ]
    axes.set_xticks(range(len(kinds)), titles, fontsize=8, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), [name[:46] for name in names], fontsize=9)
    axes.grid(visible=False)
    place = np.unravel_index(np.nanargmin(table), table.shape)
    alt = (
        "AUC of each method against the genuine videos of its source, under the third level "
        f"of each kind; lowest {np.nanmin(table):.2f} for {names[int(place[0])]} under "
        f"{list(kinds.values())[int(place[1])]['title'].lower()}."
    )
    return finished("methods_disturbed", "Method by disturbance", figure, alt)


def left_out(report: dict[str, Any]) -> Plot | None:
    """A family of pseudo-fakes trained on, and left out of training."""
    found = report["leave_one_out"]
    if not found:
        return None
    names = list(found["families"])
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.4))
    words = []
    for place, name in enumerate(names):
        level = len(names) - place
        known, unknown = found["families"][name]["trained"], found["families"][name]["left_out"]
        for row, colour, shift, mark in (
            (known, COLOURS[2], 0.12, "s"),
            (unknown, FAKE, -0.12, "o"),
        ):
            if row and row[0] is not None:
                axes.plot(row[1:], [level + shift] * 2, color=colour, lw=3, alpha=0.6)
                axes.plot(row[0], level + shift, mark, color=colour, ms=7)
        words.append(f"{name}: left out {said(unknown)}")
    axes.plot([], [], "s", color=COLOURS[2], label="trained on")
    axes.plot([], [], "o", color=FAKE, label="left out")
    axes.legend(fontsize=9)
    axes.axvline(0.5, color="grey", lw=1)
    axes.set_yticks(range(len(names), 0, -1), names)
    axes.set_ylim(0.4, len(names) + 0.6)
    axes.set_xlabel("AUC of genuine faces against pseudo-fakes of this family")
    return finished("leave_one_out", "Families left out of training", figure, "; ".join(words))


def skin_tones(report: dict[str, Any]) -> Plot | None:
    """False alarms by skin tone."""
    bins = report["fairness"]["bins"]
    if not bins:
        return None
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(bins) + 1.2))
    for place, row in enumerate(bins):
        value, low, high = row["false_alarm_share"]
        level = len(bins) - place
        axes.plot([low, high], [level] * 2, color=GENUINE, lw=3, alpha=0.6)
        axes.plot(value, level, "o", color=GENUINE, ms=8)
    labels = [f"{row['tone']} ({row['videos']} videos)" for row in bins]
    axes.set_yticks(range(len(bins), 0, -1), labels)
    axes.set_ylim(0.4, len(bins) + 0.6)
    axes.set(xlabel="genuine videos raised (share, exact 95 % interval)", xlim=(-0.02, 1))
    words = "; ".join(f"{row['tone']} {row['raised']} of {row['videos']}" for row in bins)
    return finished("skin_tone", "False alarms by skin tone", figure, f"Raised: {words}.")


def training(curves: dict[str, list[dict[str, float]]]) -> Plot | None:
    """Loss and share judged rightly over the pictures seen, one line a run."""
    known = {name: rows for name, rows in curves.items() if rows}
    if not known:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    words = []
    for number, (name, rows) in enumerate(known.items()):
        images = [row["images"] / 1000 for row in rows]
        colour = COLOURS[number % 7]
        left.plot(images, [row["loss"] for row in rows], color=colour, label=name)
        right.plot(images, [row["right"] for row in rows], color=colour)
        words.append(f"{name} ends at loss {rows[-1]['loss']:.2f} after {images[-1]:.0f} thousand")
    left.set(xlabel="thousand pictures", ylabel="loss on training pictures")
    right.set(xlabel="thousand pictures", ylabel="judged rightly, training pictures")
    left.legend(fontsize=9)
    return finished("training", "Training", figure, f"Training curves. {'; '.join(words)}.")
