"""Thresholds by block bootstrap: columns equal the trigger, the rate is kept, no claim too far."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alert import AlertSettings
from pipeline.model_card import Cusum, Thresholds
from pipeline.types import TrackId
from stream_server.calibration.recordings import STEP_S, Recording
from stream_server.calibration.replay import Candidates, count_openings
from stream_server.calibration.solve import (
    held_out_alarms,
    resample,
    solve,
    spread_of,
    upper_per_h,
)

RULES = AlertSettings()


def recording(logits, name="r") -> Recording:
    return Recording(name, {TrackId(1): [(i * STEP_S, float(x)) for i, x in enumerate(logits)]})


def genuine(seed, minutes=5.0, *, sd=1.0, phi=0.9, offset=-1.5) -> Recording:
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=int(minutes * 60 / STEP_S)) * math.sqrt(1 - phi * phi) * sd
    values, value = [], 0.0
    for step in steps:
        value = phi * value + step
        values.append(offset + value)
    return recording(values, f"r{seed}")


def prob(logit):
    return 1 / (1 + math.exp(-logit))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(-1, 3),
    st.floats(0.3, 3),
    st.floats(0.5, 30) | st.none(),
    st.floats(0.3, 3),
)
def test_the_columns_open_exactly_the_alerts_that_the_trigger_opens(seed, raise_at, gap, limit, sd):
    one = genuine(seed, 6, sd=2 * sd, offset=raise_at - 1)
    allowance = raise_at - 0.7
    cusum = Cusum(allowance, limit) if limit else None
    thresholds = Thresholds(prob(raise_at), prob(raise_at - gap), cusum)
    rules = Candidates(
        np.array([raise_at]), np.array([raise_at - gap]), np.array([limit or np.inf]), allowance
    )
    (counted,) = count_openings(one.series[None], rules, RULES)
    assert counted[0] == one.alarms(thresholds, RULES)


def test_more_seldom_false_alarms_ask_for_higher_thresholds():
    recordings = [genuine(seed) for seed in range(8)]
    raised = [solve(recordings, hours, RULES, replicates=60) for hours in (0.05, 0.2, 1.0)]
    probs = [found.thresholds.raise_at for found in raised]
    assert probs == sorted(probs)
    assert probs[0] < probs[-1]
    for found, hours in zip(raised, (0.05, 0.2, 1.0), strict=True):
        assert found.reached
        assert found.per_h <= 1 / hours
        assert found.thresholds.clear_at < found.thresholds.raise_at


def test_new_recordings_of_the_same_kind_keep_about_the_asked_rate():
    solved = solve([genuine(seed) for seed in range(24)], 0.5, RULES)
    fresh = [genuine(1000 + seed) for seed in range(48)]
    alarms = sum(one.alarms(solved.thresholds, RULES) for one in fresh)
    hours = sum(one.hours for one in fresh)
    assert alarms / hours <= 2 * 2.0


def test_cusum_is_solved_beside_the_level_within_the_same_rate():
    solved = solve([genuine(seed) for seed in range(8)], 0.2, RULES, with_cusum=True, replicates=60)
    assert solved.thresholds.cusum is not None
    assert solved.per_h <= 5.0


def test_recordings_that_alarm_at_every_threshold_are_told_apart():
    hopeless = [recording([6.0 if i // 400 % 2 else -6.0 for i in range(4000)])] * 3
    assert not solve(hopeless, 8.0, RULES, replicates=20).reached


def test_the_stream_effect_is_told_from_the_noise_within():
    spread = spread_of([genuine(seed, 30, offset=offset) for seed, offset in ((1, -2), (2, 0))])
    assert spread.between_sd == pytest.approx(math.sqrt(2), abs=0.5)
    assert spread.within_sd == pytest.approx(1.0, abs=0.3)
    assert spread.mean == pytest.approx(-1, abs=0.5)


def test_a_replicate_is_as_long_as_the_material_and_holds_nothing_else():
    recordings = [genuine(seed, 0.5) for seed in range(3)]
    rows = resample(recordings, 20, np.random.default_rng(1))
    known = np.concatenate([one.series for one in recordings])
    assert rows.shape == (20, len(known))
    assert np.isin(rows, known).all()


def test_blocks_keep_neighbours_together():
    row = resample([genuine(1, 60, phi=0.98)], 1, np.random.default_rng(1))[0]
    assert np.corrcoef(row[:-1], row[1:])[0, 1] > 0.9


@pytest.mark.parametrize(("alarms", "hours"), [(0, 3.0), (1, 4.75), (2, 6.3), (5, 10.5)])
def test_the_hours_that_a_claim_of_one_an_hour_needs(alarms, hours):
    assert upper_per_h(alarms, hours) == pytest.approx(1.0, abs=0.01)


def test_each_recording_is_judged_by_thresholds_that_do_not_know_it():
    calm = [genuine(seed, 3) for seed in range(9)]
    loud = recording([5.0] * 400 + [-5.0] * 400, "loud")
    counts = held_out_alarms([*calm, loud], 1.0, RULES)
    assert counts is not None
    assert counts[-1] == 1
    assert held_out_alarms(calm[:4], 1.0, RULES) is None
