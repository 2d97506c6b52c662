"""Signs that a picture repeats itself or stands still, and that two eyes do not blink as one.

Pure measures over a track's recent signals (head position, size, yaw, eye aspect ratio ...).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

RATE_HZ = 15.0
"""Signals are compared on an even grid of this rate: real frames come unevenly."""
_HOLE_S = 0.5
_LEAST_LID_MOTION = 0.01
"""Standard deviation of an eye aspect ratio below which nothing has closed."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A stretch that is a copy of an earlier one."""

    period_s: float
    """How long ago the same was seen."""
    similarity: float
    """Normalised cross-correlation in [-1, 1]."""


def find_loop(
    times_s: Series,
    signals: Series,
    *,
    least_s: float = 3.0,
    similar: float = 0.98,
    least_motion: float = 0.02,
) -> Repeat | None:
    """Find the earlier stretch that the newest `least_s` seconds repeat; None if there is none.

    `times_s` is (N,) and grows; `signals` is (N, C), each channel in units in which natural motion
    is about 1 (pixels over the face's side, yaw over 30 degrees ...). A still face repeats itself
    honestly, so the stretch must move by `least_motion` (standard deviation) to count.
    """
    even = _resampled(times_s, signals)
    length = round(least_s * RATE_HZ)
    if even is None or len(even) < 2 * length:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(even, length, axis=0)
    centred = windows - windows.mean(axis=2, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=(1, 2)))
    newest, earlier = centred[-1], centred[: len(centred) - length]
    if norms[-1] < least_motion * np.sqrt(newest.size):
        return None
    products = np.einsum("wcl,cl->w", earlier, newest)
    correlations = products / np.maximum(norms[: len(earlier)] * norms[-1], 1e-12)
    best = int(correlations.argmax())
    if correlations[best] < similar:
        return None
    return Repeat((len(centred) - 1 - best) / RATE_HZ, float(correlations[best]))


def still_for_s(times_s: Series, signals: Series, tolerance: float = 1e-3) -> float:
    """Seconds since any channel last differed from its newest value by more than `tolerance`.

    A living face moves all the time and its landmarks tremble; a frozen picture does neither.
    """
    if len(times_s) == 0:
        return 0.0
    moved = np.flatnonzero((np.abs(signals - signals[-1]) > tolerance).any(axis=1))
    first_still = int(moved[-1]) + 1 if len(moved) else 0
    return float(times_s[-1] - times_s[first_still])


def lid_lag_s(times_s: Series, right: Series, left: Series, *, most_s: float = 0.3) -> float | None:
    """How much later the left eye closes than the right, over one blink; None if it is unclear.

    The lag of the best correlation of the two eye aspect ratios, refined by a parabola; people's
    eyes close within one frame of each other.
    """
    even = _resampled(times_s, np.stack([right, left], axis=1), rate_hz=60.0)
    most = round(most_s * 60.0)
    if even is None or len(even) <= 2 * most:
        return None
    if even.std(axis=0).min() < _LEAST_LID_MOTION:
        return None
    a, b = (even - even.mean(axis=0)).T
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    lags = range(-most, most + 1)
    scores = np.array([a[max(0, -k) : len(a) - max(0, k)] @ _later(b, k) for k in lags]) / scale
    best = int(scores.argmax())
    if scores[best] < 0.7 or best in (0, len(scores) - 1):
        return None
    before, peak, after = scores[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float((best - most + shift) / 60.0)


def _later(values: Series, steps: int) -> Series:
    """The part of `values` that lies `steps` after the part it is compared with."""
    return values[max(0, steps) : len(values) - max(0, -steps)]


def _resampled(times_s: Series, signals: Series, rate_hz: float = RATE_HZ) -> Series | None:
    """The signals on an even grid since the last hole; (M, C), or None where nothing is left."""
    if len(times_s) < 2:
        return None
    holes = np.flatnonzero(np.diff(times_s) > _HOLE_S)
    start = int(holes[-1]) + 1 if len(holes) else 0
    times, values = times_s[start:], signals[start:]
    if len(times) < 2:
        return None
    grid = np.arange(times[-1], times[0], -1 / rate_hz)[::-1]
    return np.stack([np.interp(grid, times, channel) for channel in values.T], axis=1)
