"""The drift monitor: silent while nothing has changed, and clear when something has."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_server.calibration.recordings import CUES, Recording
from stream_server.calibration.reference import (
    BINS,
    LEAST_SAMPLES,
    DriftWatch,
    stability_index,
    summarise,
    warning_of,
)


def rows(seed, count, *, phi=0.0, **moved):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, len(CUES)))
    for index in range(1, count):
        values[index] = phi * values[index - 1] + math.sqrt(1 - phi * phi) * values[index]
    for cue, by in moved.items():
        values[:, CUES.index(cue)] += by
    return [tuple(map(float, row)) for row in values]


def reference():
    return summarise([Recording(str(seed), samples=rows(seed, 200)) for seed in range(10)])


def watched(samples):
    watch = DriftWatch(reference())
    for index, row in enumerate(samples):
        watch.add(row, 4.0 * index)
    return watch.drift


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_a_stream_like_the_calibration_is_not_said_to_have_drifted(phi):
    warned = sum(watched(rows(100 + seed, 225, phi=phi)).drifted for seed in range(20))
    assert warned <= 1


@pytest.mark.parametrize("cue", CUES)
def test_a_cue_that_has_moved_is_named_with_what_to_do(cue):
    drift = watched(rows(7, 225, **{cue: 1.5}))
    assert (drift.drifted, drift.cue) == (True, cue)
    sentence = warning_of(drift)
    assert sentence.startswith("No longer looks like the calibration")
    assert "thresholds are not valid here" in sentence


def test_nothing_is_said_before_enough_was_seen():
    assert watched(rows(7, LEAST_SAMPLES - 1, logit=9.0)) is None


def test_few_windows_that_repeat_each_other_are_no_evidence():
    assert not watched(rows(3, 60, phi=0.97)).drifted


def test_a_reconnect_that_sets_the_clock_back_stops_nothing():
    watch = DriftWatch(reference())
    for _ in range(3):
        for index, row in enumerate(rows(7, 40)):
            watch.add(row, 4.0 * index)
    assert watch.drift is not None


def test_windows_come_at_a_steady_pace():
    watch = DriftWatch(reference())
    for index in range(LEAST_SAMPLES * 10):
        watch.add((0.0, 0.0, 0.0, 0.0), 0.1 * index)
    assert watch.drift is None


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_the_index_is_never_negative_and_always_finite(values):
    edges = np.linspace(-2, 2, BINS - 1)
    index = stability_index(np.array(values), edges)
    assert math.isfinite(index)
    assert index > -0.3  # the floor of empty bins takes a little away


def test_the_index_of_equal_shares_is_zero():
    edges = np.arange(1, BINS) - 0.5
    assert stability_index(np.arange(BINS).astype(float), edges) == pytest.approx(0.0)
