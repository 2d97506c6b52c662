"""Blinks from drawn eye traces: counting at any frame rate, and saying nothing when blind."""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blink import BlinkMeter
from pipeline.blink_evidence import LLR_HIGH, LLR_LOW
from pipeline.types import BlinkStats, EyeSample

RATES = (30.0, 25.0, 15.0, 12.0, 10.0)


def sample(ear: float | None, shut: float | None = None) -> EyeSample:
    return EyeSample(ear, ear, ear, shut)


def lid(t: float, start_s: float, duration_s: float, depth: float) -> float:
    """How much a blink takes off the opening at t: closing takes a third, opening the rest."""
    since = t - start_s
    if not 0 < since < duration_s:
        return 0.0
    closing = duration_s / 3
    share = since / closing if since < closing else (duration_s - since) / (duration_s - closing)
    return depth * min(1.0, 1.4 * share)


def trace(
    blinks: Sequence[float],
    *,
    fps: float = 30.0,
    seconds: float = 60.0,
    open_ear: float = 0.3,
    depth: float = 0.8,
    duration_s: float = 0.25,
    noise: float = 0.01,
    jitter_s: float = 0.0,
    seed: int = 1,
) -> Iterator[tuple[float, float]]:
    """(time, eye aspect ratio) of a person who blinks at the given times."""
    rng = np.random.default_rng(seed)
    for index in range(int(seconds * fps)):
        t = index / fps + rng.uniform(-jitter_s, jitter_s)
        taken = max((lid(t, start, duration_s, depth) for start in blinks), default=0.0)
        yield t, open_ear * (1 - taken + noise * rng.normal())


def meter_of(points: Iterator[tuple[float, float]]) -> tuple[BlinkMeter, BlinkStats]:
    meter = BlinkMeter()
    stats = meter.update(None, -1.0)
    for t, ear in points:
        stats = meter.update(sample(ear), t)
    return meter, stats


def count(points: Iterator[tuple[float, float]]) -> int:
    return meter_of(points)[1].blinks


REGULAR = [4.0 + 3.7 * i + 0.13 * (i % 5) for i in range(15)]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("open_ear", [0.18, 0.3, 0.42])
def test_every_blink_is_counted_at_every_frame_rate_for_narrow_and_wide_eyes(fps, open_ear):
    assert count(trace(REGULAR, fps=fps, open_ear=open_ear)) == len(REGULAR)


@pytest.mark.parametrize("fps", [30.0, 15.0])
def test_uneven_timestamps_change_nothing(fps):
    assert count(trace(REGULAR, fps=fps, jitter_s=0.3 / fps)) == len(REGULAR)


@pytest.mark.parametrize("fps", [30.0, 15.0, 12.0])
def test_incomplete_blinks_count_and_are_told_apart(fps):
    _, stats = meter_of(trace(REGULAR, fps=fps, depth=0.5))
    assert stats.blinks == len(REGULAR)
    assert stats.incomplete_share == 1.0
    _, stats = meter_of(trace(REGULAR, fps=fps, depth=0.95))
    assert stats.incomplete_share == 0.0


def test_durations_and_intervals_are_measured_in_seconds():
    blinks = [5.0 + 4.0 * i for i in range(12)]
    for fps in (30.0, 15.0):
        _, stats = meter_of(trace(blinks, fps=fps, duration_s=0.3, noise=0.0))
        assert stats.mean_closed_s == pytest.approx(0.2, abs=0.06)
        assert stats.mean_interval_s == pytest.approx(4.0, abs=0.05)
        assert stats.interval_cv == pytest.approx(0.0, abs=0.02)
        assert stats.since_last_s == pytest.approx(60 - 49.25, abs=0.2)


@pytest.mark.parametrize("fps", RATES)
def test_a_look_down_of_a_second_is_no_blink(fps):
    down = [(t, ear * (0.6 if 20 < t < 21.5 else 1)) for t, ear in trace([], fps=fps)]
    assert count(iter(down)) == 0


@pytest.mark.parametrize("fps", RATES)
def test_eyes_closed_for_long_are_no_blink_and_blinks_after_it_count(fps):
    points = [(t, 0.05 if 10 < t < 13 else ear) for t, ear in trace([20.0, 25.0], fps=fps)]
    assert count(iter(points)) == 2


def test_a_slow_drift_of_the_opening_is_no_blink():
    points = [(t, ear * (1 - 0.4 * math.sin(t / 6) ** 2)) for t, ear in trace([])]
    assert count(iter(points)) == 0


def test_blinks_while_looking_down_count():
    points = ((t, ear * (0.65 if t > 20 else 1)) for t, ear in trace([30.0, 40.0, 50.0]))
    assert count(points) == 3


def test_one_odd_frame_at_thirty_frames_a_second_is_noise():
    points = list(trace([], noise=0.005))
    points[500] = (points[500][0], 0.18)
    assert count(iter(points)) == 0


def test_a_closure_in_progress_is_shown():
    meter, stats = BlinkMeter(), None
    for t, ear in trace([5.0], seconds=5.15):
        stats = meter.update(sample(ear), t)
    assert stats is not None
    assert stats.closed
    assert stats.ear is not None
    assert stats.baseline_ear == pytest.approx(0.3, abs=0.01)


def test_nothing_is_said_before_half_a_minute_of_eyes():
    _, stats = meter_of(trace(REGULAR, seconds=29.0))
    assert (stats.sufficient, stats.reason, stats.rate_per_min, stats.llr) == (
        False,
        "short",
        None,
        0.0,
    )
    assert stats.blinks > 0


def test_after_a_minute_the_rate_has_its_exact_interval():
    _, stats = meter_of(trace(REGULAR, seconds=60.0))
    assert stats.sufficient
    assert stats.rate_per_min == pytest.approx(15 * 60 / stats.observed_s)
    assert stats.rate_low_per_min is not None
    assert stats.rate_high_per_min is not None
    assert stats.rate_low_per_min == pytest.approx(8.395 * 60 / stats.observed_s, rel=1e-3)
    assert stats.rate_high_per_min == pytest.approx(24.740 * 60 / stats.observed_s, rel=1e-3)


@pytest.mark.parametrize("fps", [7.0, 5.0, 2.0])
def test_too_few_frames_a_second_are_low_fps_and_no_rate(fps):
    _, stats = meter_of(trace(REGULAR, fps=fps))
    assert (stats.reason, stats.rate_per_min, stats.llr) == ("low_fps", None, 0.0)


def test_many_holes_between_frames_are_gaps():
    points = (p for p in trace(REGULAR) if p[0] % 1.0 < 0.7)
    _, stats = meter_of(points)
    assert stats.reason == "gaps"
    assert stats.rate_per_min is None


def test_hidden_eyes_are_not_observed_time():
    meter = BlinkMeter()
    for t, ear in trace([t for t in REGULAR if t < 30], seconds=100.0):
        stats = meter.update(None if t > 40 else sample(ear), t)
    assert stats.observed_s < 1
    assert stats.reason == "eyes_hidden"
    assert stats.rate_per_min is None


def test_a_blink_cut_by_hidden_eyes_is_not_invented():
    meter = BlinkMeter()
    for t, ear in trace([10.0]):
        stats = meter.update(None if 10.1 < t < 10.6 else sample(ear), t)
    assert stats.blinks == 0


def test_old_blinks_leave_the_window():
    early = [3.0 + 2.5 * i for i in range(10)]
    assert count(trace(early, seconds=120.0)) == 0


def test_a_time_that_does_not_advance_is_ignored():
    meter = BlinkMeter()
    first = meter.update(sample(0.3), 1.0)
    assert meter.update(sample(0.01), 1.0).ear == first.ear
    assert meter.update(sample(0.01), 0.5).ear == first.ear


def test_a_model_that_sees_open_eyes_outvotes_a_dip():
    for rise, blinks in ((0.0, 0), (0.5, 2)):
        meter = BlinkMeter()
        for t, ear in trace([20.0, 30.0]):
            shut = 0.1 + (rise if ear < 0.2 else 0.0)
            stats = meter.update(sample(ear, shut), t)
        assert stats.blinks == blinks


@given(st.floats(0.3, 3.0), st.floats(0.0, 1e5), st.integers(0, 99))
def test_the_count_depends_neither_on_the_size_of_the_eyes_nor_on_the_hour(scale, hour_s, seed):
    points = list(trace(REGULAR[:6], fps=15.0, seconds=32.0, seed=seed))
    moved = iter([(t + hour_s, ear * scale) for t, ear in points])
    assert count(moved) == count(iter(points))


@given(
    st.lists(
        st.tuples(
            st.floats(0.001, 3.0),
            st.one_of(st.none(), st.floats(0, 1)),
            st.one_of(st.none(), st.floats(0, 1)),
        ),
        max_size=200,
    )
)
def test_whatever_comes_in_the_facts_stay_possible(steps):
    meter, t = BlinkMeter(), 0.0
    for dt, ear, shut in steps:
        t += dt
        stats = meter.update(None if ear is None else sample(ear, shut), t)
        assert 0 <= stats.observed_s <= 60 + 1e-6
        assert stats.blinks * 0.05 <= t
        assert stats.sufficient == (stats.reason is None)
        assert (stats.rate_per_min is None) == (not stats.sufficient)
        assert LLR_LOW <= stats.llr <= LLR_HIGH
        if not stats.sufficient:
            assert stats.llr == 0


def test_an_update_costs_less_than_a_tenth_of_a_millisecond():
    meter, costs = BlinkMeter(), []
    for t, ear in trace(REGULAR, seconds=60.0):
        start = time.perf_counter()
        meter.update(sample(ear), t)
        costs.append(time.perf_counter() - start)
    assert sorted(costs)[len(costs) // 2] < 0.0001
