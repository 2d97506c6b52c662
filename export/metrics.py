"""Figures of merit with intervals; no learning library is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}-{self.high:.3f}]"


def auc(scores: Scores, labels: Labels) -> float:
    """Area under the ROC curve by ranks, ties counted half; NaN if a class is missing."""
    fakes = int((labels == 1).sum())
    reals = len(labels) - fakes
    if fakes == 0 or reals == 0:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[labels == 1].sum() - fakes * (fakes + 1) / 2) / (fakes * reals))


def equal_error_rate(scores: Scores, labels: Labels) -> float:
    """Where the share of missed fakes equals the share of false alarms."""
    cuts = np.unique(scores)
    missed = np.array([(scores[labels == 1] < cut).mean() for cut in cuts])
    false = np.array([(scores[labels == 0] >= cut).mean() for cut in cuts])
    place = int(np.abs(missed - false).argmin())
    return float((missed[place] + false[place]) / 2)


def brier(probs: Scores, labels: Labels) -> float:
    """Mean squared error of the probabilities."""
    return float(np.square(probs - labels).mean())


def calibration_error(probs: Scores, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    parts = np.array_split(np.argsort(probs, kind="stable"), min(bins, len(probs)))
    gaps = [abs(probs[part].mean() - labels[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(probs))


def clustered(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """`statistic` of row indices, with a bootstrap that draws whole groups."""
    names = np.array(groups)
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = rng.integers(len(rows), size=len(rows))
        value = statistic(np.concatenate([rows[int(i)] for i in chosen]))
        if np.isfinite(value):
            values.append(value)
    whole = statistic(np.arange(len(names)))
    if not values:
        return Interval(whole, float("nan"), float("nan"))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(whole, float(low), float(high))


def sigmoid(logits: Scores) -> Scores:
    """Probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float64)
