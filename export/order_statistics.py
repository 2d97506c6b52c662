"""Is any statistic of a window better than its trimmed mean? Ships only if its interval says so."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.evaluation.bootstrap import group_draws
from export.evaluation.measures import auc
from export.reference_arms import learnt, trimmed
from export.reference_cases import Case, Floats, by_path

WINDOWS_S = (4.0, 15.0)
HOP_S = 2.0
LEAST_SHARE = 0.6
"""Of a window's four looks a second that must be there; a shorter clip is one window."""

STATISTICS: dict[str, Callable[[Floats], float]] = {
    "trimmed_mean": trimmed,
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(np.median(values)),
    "upper_quartile": lambda values: float(np.quantile(values, 0.75)),
    "p90": lambda values: float(np.quantile(values, 0.9)),
    "top_third_mean": lambda values: float(np.sort(values)[-max(1, len(values) // 3) :].mean()),
    "max": lambda values: float(values.max()),
    "lower_quartile": lambda values: float(np.quantile(values, 0.25)),
    "sd": lambda values: float(values.std()),
    "share_above_0": lambda values: float((values > 0).mean() + 1e-6 * values.mean()),
}
_LEARNT = ("mean", "sd", "p90", "median", "lower_quartile")


def order_statistics(
    facts: Sequence[dict[str, Any]], odds: Floats, numbers: NDArray[np.int64]
) -> dict[str, Any]:
    """For each window length, each statistic's pooled AUC and its gain over the trimmed mean."""
    return {f"{window_s:g}_s": _table(facts, odds, numbers, window_s)
            for window_s in WINDOWS_S}  # fmt: skip


def _table(
    facts: Sequence[dict[str, Any]],
    odds: Floats,
    numbers: NDArray[np.int64],
    window_s: float,
) -> dict[str, Any]:
    found = _windows(facts, numbers, window_s)
    labels = np.array([case.label for case in found])
    scores = {
        name: np.array([statistic(odds[case.judged]) for case in found])
        for name, statistic in STATISTICS.items()
    }
    scores["logistic_of_five"] = learnt(np.column_stack([scores[name] for name in _LEARNT]), found)
    weights = group_draws([case.group for case in found])
    weights = np.concatenate([np.ones((1, len(found))), weights])
    base = auc(scores["trimmed_mean"], labels, weights)
    table: dict[str, Any] = {"windows": len(found)}
    for name, values in scores.items():
        figure = auc(values, labels, weights)
        table[name] = {"auc": _interval(figure), "gain": _interval(figure - base)}
    return table


def _interval(draws: Floats) -> list[float]:
    """The figure of the rows as they are, first, and the interval of the draws."""
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return [round(float(value), 3) for value in (draws[0], low, high)]


def _windows(
    facts: Sequence[dict[str, Any]], numbers: NDArray[np.int64], window_s: float
) -> list[Case]:
    """Windows of the paired sets, whose genuine and swapped clips share everything else."""
    times = np.array([fact["time_s"] for fact in facts])
    found = []
    for rows in by_path(facts).values():
        fact = facts[int(rows[0])]
        if fact["source"] not in ("deepfacelive", "ffpp_c23"):
            continue
        last_s = max(0.0, float(times[rows[-1]]) - window_s)
        for start_s in np.arange(0.0, last_s + 1e-6, HOP_S):
            inside = rows[(times[rows] >= start_s) & (times[rows] < start_s + window_s)]
            if len(inside) >= min(LEAST_SHARE * 4 * window_s, len(rows)):
                fold = int(numbers[int(rows[0])])
                found.append(
                    Case(inside, inside, fact["label"], fact["source"], fact["group"], fold)
                )
    return found
