"""Figures of merit of scores, for many weightings of the rows at once.

Every function takes `weights` (draws, rows) and gives (draws,): a bootstrap is one call with its
counts as weights, the plain figure one call with ones. Where a class is missing the answer is NaN.
Names and definitions are scikit-learn's; the tests compare both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
BINS = 15


@dataclass(frozen=True, slots=True)
class Ladder:
    """What lies at or above each distinct score, from the highest down; starts at nothing."""

    fake: Floats
    """(draws, steps) weight of manipulated rows."""
    genuine: Floats
    """(draws, steps) weight of genuine rows."""

    @property
    def recall(self) -> Floats:
        """Share of the manipulated rows that is found: true positive rate."""
        return ratio(self.fake, self.fake[:, -1:])

    @property
    def alarms(self) -> Floats:
        """Share of the genuine rows that is raised: false positive rate."""
        return ratio(self.genuine, self.genuine[:, -1:])


def ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, NaN where there is nothing below."""
    wide = np.broadcast_to(below, above.shape)
    return np.divide(above, wide, out=np.full(above.shape, np.nan), where=wide > 0)


def ladder(scores: Floats, labels: Labels, weights: Floats) -> Ladder:
    """Sort once, add up for every draw."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    fake = labels[order] == 1

    def steps(rows: NDArray[np.bool_]) -> Floats:
        added = np.cumsum(weights[:, order] * rows, axis=1)[:, last]
        return np.pad(added, ((0, 0), (1, 0)))

    return Ladder(steps(fake), steps(~fake))


def auc(scores: Floats, labels: Labels, weights: Floats) -> Floats:
    """Area under the ROC curve, ties counted half."""
    return _area(ladder(scores, labels, weights))


def ranking(scores: Floats, labels: Labels, weights: Floats) -> dict[str, Floats]:
    """What needs no threshold: AUC, average precision, equal error rate, recall at few alarms."""
    found = ladder(scores, labels, weights)
    return {
        "auc": _area(found),
        "ap": _average_precision(found),
        "eer": _equal_error_rate(found),
        "tpr_at_1": _recall_at(found, 0.01),
        "tpr_at_5": _recall_at(found, 0.05),
    }


def _area(found: Ladder) -> Floats:
    return np.asarray(np.trapezoid(found.recall, found.alarms, axis=1), np.float64)


def _average_precision(found: Ladder) -> Floats:
    """Area under precision over recall, by steps."""
    precision = np.nan_to_num(ratio(found.fake, found.fake + found.genuine))
    return np.asarray((np.diff(found.recall, axis=1) * precision[:, 1:]).sum(1), np.float64)


def _equal_error_rate(found: Ladder) -> Floats:
    """Where missed fakes and false alarms are equal shares, between two steps by a line."""
    recall, alarms = found.recall, found.alarms
    gap = alarms + recall - 1
    place = np.maximum(1, (gap >= 0).argmax(axis=1))
    rows = np.arange(len(gap))
    before, after = gap[rows, place - 1], gap[rows, place]
    part = -before / np.where(after > before, after - before, 1)
    low, high = alarms[rows, place - 1], alarms[rows, place]
    return np.asarray(low + part * (high - low), np.float64)


def _recall_at(found: Ladder, alarms: float) -> Floats:
    """Largest share of fakes found with at most this share of false alarms."""
    within = found.alarms <= alarms + 1e-12
    best = np.where(within, found.recall, 0.0).max(axis=1)
    return np.where(np.isfinite(found.alarms[:, -1] + found.recall[:, -1]), best, np.nan)


@dataclass(frozen=True, slots=True)
class Decisions:
    """The four counts at one threshold, each (draws,)."""

    kept: Floats
    """Genuine and left alone."""
    alarmed: Floats
    """Genuine and raised."""
    missed: Floats
    found: Floats

    @property
    def genuine_recall(self) -> Floats:
        """Share of the genuine rows that is left alone."""
        return ratio(self.kept, self.kept + self.alarmed)

    @property
    def fake_recall(self) -> Floats:
        """Share of the manipulated rows that is raised."""
        return ratio(self.found, self.found + self.missed)

    @property
    def balanced_accuracy(self) -> Floats:
        """Mean of the two recalls."""
        return (self.genuine_recall + self.fake_recall) / 2

    @property
    def matthews(self) -> Floats:
        """Correlation of decision and label (Matthews 1975); 0 where one of them never varies."""
        raised, alone = self.found + self.alarmed, self.kept + self.missed
        fakes, reals = self.found + self.missed, self.kept + self.alarmed
        below = np.sqrt(raised * alone * fakes * reals)
        above = self.found * self.kept - self.alarmed * self.missed
        return np.nan_to_num(ratio(above, below))


def decisions(raised: NDArray[np.bool_], labels: Labels, weights: Floats) -> Decisions:
    """Count who is raised."""
    fake = labels == 1

    def count(rows: NDArray[np.bool_]) -> Floats:
        return np.asarray(weights @ rows.astype(np.float64), np.float64)

    return Decisions(
        count(~fake & ~raised), count(~fake & raised), count(fake & ~raised), count(fake & raised)
    )


def deciding(raised: NDArray[np.bool_], labels: Labels, weights: Floats) -> dict[str, Floats]:
    """What a threshold gives."""
    counts = decisions(raised, labels, weights)
    return {
        "genuine_recall": counts.genuine_recall,
        "fake_recall": counts.fake_recall,
        "balanced_accuracy": counts.balanced_accuracy,
        "mcc": counts.matthews,
    }


def judging(odds: Floats, labels: Labels, weights: Floats) -> dict[str, Floats]:
    """How far the probabilities can be believed."""
    return {
        "brier": brier(odds, labels, weights),
        "nll": log_loss(odds, labels, weights),
        "ece": calibration_error(odds, labels, weights),
        "aurc": area_under_risk(odds, labels, weights),
    }


def brier(odds: Floats, labels: Labels, weights: Floats) -> Floats:
    """Mean squared error of the probabilities of these log-odds."""
    return ratio(weights @ np.square(probability(odds) - labels), weights.sum(1))


def log_loss(odds: Floats, labels: Labels, weights: Floats) -> Floats:
    """Negative log-likelihood, nats a row."""
    signed = np.where(labels == 1, -odds, odds)
    return ratio(weights @ np.logaddexp(0, signed), weights.sum(1))


def probability(odds: Floats) -> Floats:
    """Probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -60, 60))), np.float64)


def calibration_error(odds: Floats, labels: Labels, weights: Floats, bins: int = BINS) -> Floats:
    """Expected calibration error over bins of equal mass (Naeini et al. 2015)."""
    said, true, mass = reliability(odds, labels, weights, bins)
    gaps = np.abs(np.nan_to_num(said - true)) * mass
    return np.asarray(gaps.sum(1) / mass.sum(1), np.float64)


def reliability(
    odds: Floats, labels: Labels, weights: Floats, bins: int = BINS
) -> tuple[Floats, Floats, Floats]:
    """Mean probability, share of fakes and mass of each bin: three times (draws, bins)."""
    order = np.argsort(odds, kind="stable")
    mass = weights[:, order]
    middle = np.cumsum(mass, axis=1) - mass / 2
    place = np.minimum(bins - 1, (bins * middle / mass.sum(1, keepdims=True)).astype(np.int64))
    flat = (place + bins * np.arange(len(mass))[:, None]).ravel()

    def per_bin(values: Floats) -> Floats:
        added = np.bincount(flat, (mass * values).ravel(), bins * len(mass))
        return np.asarray(added.reshape(len(mass), bins), np.float64)

    total = per_bin(np.ones(len(odds)))
    said = per_bin(probability(odds)[order])
    true = per_bin(labels[order].astype(np.float64))
    return ratio(said, total), ratio(true, total), total


def risk_coverage(odds: Floats, labels: Labels, weights: Floats) -> tuple[Floats, Floats]:
    """Coverage and the error among the rows judged, the surest first: twice (draws, rows).

    A row is judged by the sign of its log-odds and is as sure as these are far from nought.
    """
    order = np.argsort(-np.abs(odds), kind="stable")
    wrong = (odds[order] >= 0) != (labels[order] == 1)
    mass = weights[:, order]
    seen = np.cumsum(mass, axis=1)
    return ratio(seen, seen[:, -1:]), ratio(np.cumsum(mass * wrong, axis=1), seen)


def area_under_risk(odds: Floats, labels: Labels, weights: Floats) -> Floats:
    """Mean risk over all coverages (Geifman and El-Yaniv 2017)."""
    coverage, risk = risk_coverage(odds, labels, weights)
    steps = np.diff(coverage, axis=1, prepend=0.0)
    return np.asarray((steps * np.nan_to_num(risk)).sum(1), np.float64)
