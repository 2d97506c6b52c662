"""What blink counts say about manipulation: a capped log-likelihood ratio and exact intervals.

Swapped faces keep the driver's lids, so blinks are weak evidence: normal blinking never
exonerates, and abnormal blinking alone never raises an alert (see the caps).
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

_NODES = np.linspace(-5, 5, 301)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()
"""A normal density on a fine grid: quadrature by few nodes fails where the counts are many."""

_REAL = ((0.55, 18.0, 0.45), (0.25, 5.0, 0.6), (0.20, 28.0, 0.35))
"""(share, median blinks a minute, spread of its logarithm): silent, reading, talking.

From Doughty 2001, Bentivoglio 1997 and Chidi-Egboka 2022.
"""
_FAKE_LIKE_REAL, _FAKE_ONLY = 0.7, ((0.15, 1.0, 0.8), (0.15, 50.0, 0.5))
"""Most fakes blink like their driver; some hardly blink, some flutter."""

RATE_CAP = 1.5
LLR_LOW, LLR_HIGH = -0.4, 2.0
_ODD_DURATION_LLR, _CLOCKWORK_LLR = 0.4, 0.6
_DURATION_S = (0.08, 0.5)
_MIN_DURATION_FPS = 20.0


def llr(
    blinks: int, observed_s: float, widths_s: Sequence[float], interval_cv: float | None, fps: float
) -> float:
    """Log-likelihood ratio fake : real in [-0.4, 2.0] of what was counted in `observed_s`.

    `widths_s` are the blinks' durations (trusted from 20 samples a second on), `interval_cv` the
    coefficient of variation of the times between blinks.
    """
    total = min(RATE_CAP, rate_llr(blinks, round(observed_s)))
    if len(widths_s) >= 5 and fps >= _MIN_DURATION_FPS:
        median = sorted(widths_s)[len(widths_s) // 2]
        if not _DURATION_S[0] <= median <= _DURATION_S[1]:
            total += _ODD_DURATION_LLR
    if interval_cv is not None and blinks >= 9 and interval_cv < 0.15:
        total += _CLOCKWORK_LLR
    return min(LLR_HIGH, max(LLR_LOW, total))


@lru_cache(maxsize=4096)
def rate_llr(blinks: int, observed_s: int) -> float:
    """The logarithm of p(blinks | fake) / p(blinks | real), both lognormal-Poisson mixtures.

    At least ln 0.7 by construction, because most fakes blink like real people.
    """
    real = _mixture(blinks, observed_s, _REAL)
    fake = _FAKE_LIKE_REAL * real + _mixture(blinks, observed_s, _FAKE_ONLY)
    return math.log(fake / real) if real > 0 else RATE_CAP


def _mixture(blinks: int, observed_s: int, parts: Sequence[tuple[float, float, float]]) -> float:
    total = 0.0
    for share, per_min, spread in parts:
        expected = per_min / 60 * max(1, observed_s) * np.exp(spread * _NODES)
        logs = blinks * np.log(expected) - expected - math.lgamma(blinks + 1)
        total += share * float(_WEIGHTS @ np.exp(logs))
    return total


@lru_cache(maxsize=4096)
def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of the mean of a Poisson count (Garwood 1936)."""
    tail = (1 - confidence) / 2
    # P(X >= count | mean) grows with the mean, P(X <= count | mean) falls.
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _at_most(count - 1, mean) - tail, count)
    high = _solve(lambda mean: tail - _at_most(count, mean), count)
    return low, high


def _at_most(count: int, mean: float) -> float:
    """P(X <= count) of a Poisson X."""
    if mean <= 0:
        return 1.0
    log_mean = math.log(mean)
    terms = (math.exp(k * log_mean - mean - math.lgamma(k + 1)) for k in range(count + 1))
    return math.fsum(terms)


def _solve(growing: Callable[[float], float], count: int) -> float:
    """The root of a growing function of the mean, by bisection."""
    low, high = 0.0, 4.0 * count + 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if growing(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
