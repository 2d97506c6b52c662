"""Blinks in heads that nod, turn and shake, lids that close apart, and blinks over minutes."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from pipeline.blink import BlinkMeter
from pipeline.types import BlinkStats, EyeSample, HeadPose
from tests.unit.test_blink import REGULAR, lid, meter_of, sample, trace


def head(x_px: float = 300.0, yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> HeadPose:
    return HeadPose(x_px, 200.0, 100.0, yaw_deg, pitch_deg)


def watched(
    points: Iterator[tuple[float, float]], pose: Callable[[float], HeadPose], late_s: float = 0.0
) -> BlinkStats:
    """The statistics of eyes in a head that is held as `pose` says; the left lid may be late."""
    meter, stats = BlinkMeter(), BlinkMeter().update(None, -1.0)
    trail = list(points)
    times, ears = np.array(trail).T
    for t, ear in trail:
        left = float(np.interp(t - late_s, times, ears))
        stats = meter.update(EyeSample(ear, left, (ear + left) / 2, None, pose(t)), t)
    return stats


def test_a_nod_that_half_closes_the_lids_is_no_blink():
    def nodding(t: float) -> HeadPose:
        return head(pitch_deg=20 * lid(t, 20.0, 0.3, 1.0))

    assert watched(trace([20.0], depth=0.5), lambda _t: head()).blinks == 1
    assert watched(trace([20.0], depth=0.5), nodding).blinks == 0
    assert watched(trace([20.0], depth=0.95), nodding).blinks == 1


def test_a_turn_that_half_closes_the_lids_is_no_blink():
    def turning(t: float) -> HeadPose:
        return head(yaw_deg=30 * min(1.0, max(0.0, t - 20.0) / 0.3))

    assert watched(trace([20.0], depth=0.5), turning).blinks == 0


@pytest.mark.parametrize("fps", [30.0, 12.0])
def test_a_shaken_head_hides_its_eyes(fps):
    def shaking(t: float) -> HeadPose:
        return head(x_px=300 + (100 * math.sin(2 * math.pi * 2 * t) if 20 < t < 30 else 0))

    quiet = watched(trace(REGULAR, fps=fps), lambda _t: head())
    shaken = watched(trace(REGULAR, fps=fps), shaking)
    assert shaken.blinks < quiet.blinks
    assert shaken.observed_s == pytest.approx(quiet.observed_s - 10, abs=6)


@pytest.mark.parametrize("late_s", [0.0, 0.15])
def test_a_lid_that_comes_late_is_timed_in_every_blink(late_s):
    stats = watched(trace([10.0, 20.0, 30.0, 40.0], noise=0.003), lambda _t: head(), late_s)
    assert (stats.blinks, stats.lags) == (4, 4)
    assert stats.lid_lag_s == pytest.approx(late_s, abs=0.03)
    assert stats.late_lids == (4 if late_s else 0)


def test_five_minutes_remember_what_one_minute_forgot():
    early = [4.0 + 4 * i for i in range(10)]
    meter, stats = meter_of(trace(early, seconds=105.0, fps=15.0))
    assert (stats.blinks, stats.long.blinks, stats.long.sufficient) == (0, 10, False)
    for t in np.arange(105.0, 150.0, 1 / 15):
        stats = meter.update(sample(0.3), float(t))
    assert stats.long.sufficient
    assert stats.long.rate_per_min == pytest.approx(60 * 10 / stats.long.observed_s)
    assert stats.long.rate_low_per_min < stats.long.rate_per_min < stats.long.rate_high_per_min
    assert stats.llr > 1.0 > stats.long.llr
