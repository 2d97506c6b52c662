"""Temperature, bias and thresholds from scores: `python -m export.calibrate`.

`--scores FILE.npz --store STORE` prints what belongs into a card, from calibration data: held-out
logits, or those of clips that the model never saw.

Calibrated log-odds = logit / temperature + bias (Platt 1999; Guo et al. 2017). The thresholds act
on windows, as the service's do: the mean over about four seconds of one face.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from export.crops import CropStore
from export.metrics import sigmoid

WINDOW_S = 4.0
LEAST_SAMPLES = 6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a raw logit becomes log-odds; always rising, since the temperature is positive."""

    temperature: float
    bias: float

    def __call__(self, logits: Floats) -> Floats:
        """Calibrated log-odds."""
        return np.asarray(logits / self.temperature + self.bias, np.float64)


def fit(logits: Floats, labels: NDArray[np.int64], weights: Floats) -> Calibration:
    """Least weighted log loss, with a weak pull to temperature 1 that keeps it finite."""

    def loss(free: Floats) -> float:
        odds = logits * np.exp(-free[0]) + free[1]
        signed = np.where(labels == 1, -odds, odds)
        wrong = np.logaddexp(0, signed)
        return float((weights * wrong).sum() / weights.sum() + 1e-3 * np.square(free).sum())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead")
    return Calibration(float(np.exp(found.x[0])), float(found.x[1]))


def balanced(labels: NDArray[np.int64], groups: Sequence[str]) -> Floats:
    """Weights by which both labels count alike, and every group within its label."""
    weights = np.zeros(len(labels))
    names = np.array(groups)
    for label in (0, 1):
        members = labels == label
        kinds = np.unique(names[members])
        for name in kinds:
            rows = members & (names == name)
            weights[rows] = 0.5 / (len(kinds) * rows.sum())
    return weights


@dataclass(frozen=True, slots=True)
class Windows:
    """Window means of every video."""

    means: Floats
    rows: NDArray[np.int64]
    """The first crop of each window: its facts are the window's."""


def windows(facts: Sequence[dict[str, Any]], odds: Floats) -> Windows:
    """Means over four seconds, a new one every second; a shorter video is one window."""
    videos: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        videos.setdefault(fact["path"], []).append(index)
    means, rows = [], []
    for indices in videos.values():
        times = np.array([facts[index]["time_s"] for index in indices])
        values = odds[indices]
        last_s = max(times[0], times[-1] - WINDOW_S)
        for start_s in np.arange(times[0], last_s + 1e-6, 1.0):
            inside = (times >= start_s) & (times < start_s + WINDOW_S)
            if inside.sum() >= min(LEAST_SAMPLES, len(indices)):
                means.append(float(values[inside].mean()))
                rows.append(indices[int(inside.argmax())])
    return Windows(np.array(means), np.array(rows, dtype=np.int64))


def thresholds(genuine: Floats, groups: Sequence[str], recall: float) -> tuple[float, float]:
    """(raise_at, clear_at) probabilities: `recall` of genuine windows stay below `raise_at`.

    Every group counts alike, so that one long recording does not decide. `clear_at` lies halfway
    in log-odds between that and the genuine median.
    """
    names = np.array(groups)
    weights = np.array([1 / (names == name).sum() for name in names])
    order = np.argsort(genuine)
    reached = np.cumsum(weights[order]) / weights.sum()
    high = float(genuine[order][min(int(np.searchsorted(reached, recall)), len(order) - 1)])
    middle = float(genuine[order][int(np.searchsorted(reached, 0.5))])
    high = max(high, 0.0)
    low = (high + min(middle, high - 0.5)) / 2
    return float(sigmoid(np.array(high))), float(sigmoid(np.array(low)))


def calibrate(
    facts: Sequence[dict[str, Any]], logits: Floats, recall: float
) -> tuple[Calibration, tuple[float, float]]:
    """Calibration and (raise_at, clear_at) from the windows of all these videos."""
    raw = windows(facts, logits)
    chosen = [facts[int(row)] for row in raw.rows]
    labels = np.array([fact["label"] for fact in chosen])
    groups = [fact["group"] for fact in chosen]
    found = fit(raw.means, labels, balanced(labels, groups))
    genuine = labels == 0
    names = [name for name, yes in zip(groups, genuine, strict=True) if yes]
    return found, thresholds(found(raw.means[genuine]), names, recall)


def main() -> None:
    """Print what belongs into a card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="NPZ with held-out `logits`")
    parser.add_argument("--store", type=Path, required=True, help="the crop store that they are of")
    parser.add_argument("--recall", type=float, default=0.95, help="genuine windows left alone")
    options = parser.parse_args()
    store = CropStore(options.store)
    logits = np.load(options.scores)["logits"]
    if len(logits) != len(store) or not np.isfinite(logits).all():
        parser.error(f"{options.scores} does not hold one finite logit for each crop of the store.")
    found, (raise_at, clear_at) = calibrate(store.facts, logits, options.recall)
    sys.stdout.write(
        f"temperature = {found.temperature:.4f}\nbias = {found.bias:.4f}\n\n[thresholds]\n"
        f"raise_at = {raise_at:.4f}\nclear_at = {clear_at:.4f}\n"
    )


if __name__ == "__main__":
    main()
