"""Thresholds for an asked rate of false alarms, by a stationary block bootstrap.

Neighbouring windows repeat each other, so whole blocks of about `BLOCK_S` seconds are drawn
(Politis and Romano 1994); and recordings differ from each other, so each replicate draws its
recordings first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.alert import AlertSettings
from pipeline.blink_evidence import poisson_interval
from pipeline.model_card import Cusum, Thresholds
from stream_server.calibration.recordings import STEP_S, Floats, Recording
from stream_server.calibration.replay import Candidates, count_openings

BLOCK_S = 45.0
REPLICATES = 200
FOLDS = 5
_FOLD_REPLICATES = 60
_MOST_STEPS = 72_000
"""Of a replicate: five hours say enough about one rate."""
_RAISE = np.round(np.arange(0.0, 5.95, 0.1), 2)
_LIMITS = np.round(np.geomspace(1.0, 240.0, 40), 2)
_ALLOWANCE_SD = 1.5
Progress = Callable[[float], None]


def _ignore(_share: float) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How genuine log-odds lie: the mean of recordings, and what varies within and between them."""

    mean: float
    within_sd: float
    between_sd: float
    """The stream effect."""
    median: float

    @property
    def sd(self) -> float:
        """Of one window of an unknown stream."""
        return max(0.05, math.hypot(self.within_sd, self.between_sd))


@dataclass(frozen=True, slots=True)
class Solved:
    """Thresholds, and the rate that the bootstrap gives them: mean and 95 % interval, an hour."""

    thresholds: Thresholds
    per_h: float
    low_per_h: float
    high_per_h: float
    reached: bool
    """Whether any threshold keeps to the asked rate."""


def spread_of(recordings: Sequence[Recording]) -> Spread:
    """Standardise: every recording counts alike."""
    series = [recording.series for recording in recordings]
    means = np.array([values.mean() for values in series])
    within = math.sqrt(float(np.mean([values.var() for values in series])))
    between = float(means.std(ddof=1)) if len(means) > 1 else 0.0
    return Spread(float(means.mean()), within, between, float(np.median(np.concatenate(series))))


def solve(
    recordings: Sequence[Recording],
    every_h: float,
    settings: AlertSettings,
    *,
    with_cusum: bool = False,
    replicates: int = REPLICATES,
    progress: Progress = _ignore,
) -> Solved:
    """The most sensitive thresholds with at most one false alarm in `every_h` hours."""
    spread = spread_of(recordings)
    series = resample(recordings, replicates, np.random.default_rng(20))
    hours = series.shape[1] * STEP_S / 3600
    share = 0.5 if with_cusum else 1.0
    levels = _levels(spread, _RAISE)
    rates = count_openings(series, levels, settings, progress) / hours
    chosen, reached = _choose(rates, share / every_h)
    raise_at, clear_at = levels.raise_at[chosen], levels.clear_at[chosen]
    cusum = None
    if with_cusum:
        allowance = spread.mean + _ALLOWANCE_SD * spread.sd
        ones = np.ones(len(_LIMITS))
        sums = Candidates(raise_at * ones, clear_at * ones, _LIMITS, allowance)
        joint = count_openings(series, sums, settings, progress) / hours
        limit, found = _choose(joint, 1 / every_h)
        if found:
            cusum = Cusum(round(allowance, 3), float(_LIMITS[limit]))
            rates, chosen = joint, limit
    low, high = np.quantile(rates[:, chosen], (0.025, 0.975))
    thresholds = Thresholds(round(_prob(raise_at), 4), round(_prob(clear_at), 4), cusum)
    return Solved(thresholds, float(rates[:, chosen].mean()), float(low), float(high), reached)


def held_out_alarms(
    recordings: Sequence[Recording],
    every_h: float,
    settings: AlertSettings,
    *,
    with_cusum: bool = False,
    progress: Progress = _ignore,
) -> list[int] | None:
    """Alarms of each recording at thresholds that were solved without it; None for too few."""
    if len(recordings) < FOLDS:
        return None
    counts = [0] * len(recordings)
    for fold in range(FOLDS):
        rest = [r for i, r in enumerate(recordings) if i % FOLDS != fold]
        solved = solve(rest, every_h, settings, with_cusum=with_cusum, replicates=_FOLD_REPLICATES)
        for index in range(fold, len(recordings), FOLDS):
            counts[index] = recordings[index].alarms(solved.thresholds, settings)
        progress((fold + 1) / FOLDS)
    return counts


def resample(recordings: Sequence[Recording], replicates: int, rng: np.random.Generator) -> Floats:
    """(replicates, steps) log-odds; each row as long as all recordings, five hours at most."""
    series = [recording.series for recording in recordings]
    lengths = np.array([len(values) for values in series])
    steps = int(min(_MOST_STEPS, lengths.sum()))
    rows = np.empty((replicates, steps))
    for row in rows:
        drawn = rng.integers(len(series), size=len(series))
        odds = lengths[drawn] / lengths[drawn].sum()
        filled = 0
        while filled < steps:
            values = series[drawn[rng.choice(len(drawn), p=odds)]]
            # A recording that is shorter than a block is passed through once, never looped.
            length = min(int(rng.geometric(STEP_S / BLOCK_S)), len(values), steps - filled)
            places = (int(rng.integers(len(values))) + np.arange(length)) % len(values)
            row[filled : filled + length] = values[places]
            filled += length
    return rows


def upper_per_h(alarms: int, hours: float) -> float:
    """Exact one-sided 95 % upper bound of a Poisson rate (Garwood 1936)."""
    return poisson_interval(alarms, 0.9)[1] / hours


def _levels(spread: Spread, raise_at: Floats) -> Candidates:
    """Clearing lies halfway between raising and the genuine median, as a card's does."""
    clear_at = (raise_at + np.minimum(spread.median, raise_at - 0.5)) / 2
    return Candidates(raise_at, clear_at, np.full(len(raise_at), np.inf))


def _choose(rates: Floats, most_per_h: float) -> tuple[int, bool]:
    """The first candidate from which on every mean rate keeps to the limit."""
    too_many = np.flatnonzero(rates.mean(axis=0) > most_per_h)
    first = int(too_many[-1]) + 1 if len(too_many) else 0
    last = rates.shape[1] - 1
    return min(first, last), first <= last


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
