"""Blind classifiers: what can be told from facts that should say nothing of a forgery."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from export.metrics import Interval, auc, clustered
from pipeline.types import Image

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
LOW, HIGH = 0.45, 0.55
FOLDS = 5
LEAST_PX = 400
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe saw."""

    probe: str
    auc: Interval
    groups: int
    """How many people or pairs it was asked about."""

    @property
    def leaks(self) -> bool:
        """Beyond 0.45-0.55, and not by chance."""
        return not LOW <= self.auc.value <= HIGH and not self.auc.low <= 0.5 <= self.auc.high

    @property
    def settled(self) -> bool:
        """Whether the interval is narrow enough to say that there is no leak."""
        narrow = self.auc.low > 2 * LOW - 0.5 and self.auc.high < 2 * HIGH - 0.5
        return self.leaks or (self.groups >= FOLDS and narrow)


def texture(image: Image, where: NDArray[np.bool_]) -> Floats:
    """(12,) statistics of fine texture where `where` holds: blocks, noise, sharpness."""
    if int(where.sum()) < LEAST_PX:
        return np.zeros(12)
    grey = image.astype(np.float64).mean(2)
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    # A difference counts only where both of its pixels lie inside.
    beside, below = where[:, 1:] & where[:, :-1], where[1:] & where[:-1]
    columns = [across[:, k::8][beside[:, k::8]] for k in (0, 3, 7)]
    rows = [down[k::8][below[k::8]] for k in (0, 3, 7)]
    values = [*columns, *rows, fine[where], across[beside], grey[where]]
    means = [float(value.mean()) if value.size else 0.0 for value in values]
    spreads = [float(fine[where].std()), float(grey[where].std())]
    return np.array([*means, *spreads, float(np.percentile(fine[where], 90))])


def coded_sizes(image: Image, hidden: NDArray[np.bool_]) -> Floats:
    """(2,): bytes of the picture as JPEG at two qualities, greyed out where `hidden` holds."""
    shown = np.where(hidden[:, :, None], np.uint8(128), image)
    qualities = ([cv2.IMWRITE_JPEG_QUALITY, quality] for quality in (60, 90))
    return np.array([float(len(cv2.imencode(".jpg", shown, q)[1])) for q in qualities])


def probe(name: str, features: Floats, labels: Labels, groups: Sequence[str] | Labels) -> Finding:
    """A logistic regression, five-fold with whole groups held out; its AUC with an interval.

    Where every group holds both labels, features are taken relative to the group's mean, which
    makes the probe as sharp as it can be.
    """
    names, numbers = np.unique(np.asarray(groups), return_inverse=True)
    centred = features - _centres(features, labels, numbers)
    centred = centred / (centred.std(0) + 1e-9)
    folds = np.random.default_rng(0).permutation(len(names))[numbers] % FOLDS
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and len(set(labels[~held].tolist())) == 2:
            scores[held] = centred[held] @ _logistic(centred[~held], labels[~held])
    found = clustered(
        lambda rows: auc(scores[rows], labels[rows]), [str(n) for n in numbers], draws=DRAWS
    )
    return Finding(name, found, len(names))


def _centres(features: Floats, labels: Labels, numbers: NDArray[np.intp]) -> Floats:
    fakes = np.bincount(numbers, labels)
    if not ((fakes > 0) & (fakes < np.bincount(numbers))).all():
        return np.asarray(features.mean(0), np.float64)
    sums = np.zeros((len(fakes), features.shape[1]))
    np.add.at(sums, numbers, features)
    return np.asarray((sums / np.bincount(numbers)[:, None])[numbers], np.float64)


def _logistic(features: Floats, labels: Labels) -> Floats:
    signs = np.where(labels == 1, 1.0, -1.0)
    weights = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels == 0).sum())

    def loss(free: Floats) -> tuple[float, Floats]:
        odds = signs * (features @ free[1:] + free[0])
        wrong = weights / (1 + np.exp(np.clip(odds, -50, 50)))
        slope = np.concatenate([[-(signs * wrong).sum()], -(features.T @ (signs * wrong))])
        slope[1:] += 0.01 * free[1:]
        return float(weights @ np.logaddexp(0, -odds) + 0.005 * free[1:] @ free[1:]), slope

    found = minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B")
    return np.asarray(found.x[1:], np.float64)
