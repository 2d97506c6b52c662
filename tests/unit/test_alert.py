"""The alert state machine: few, steady alerts from noisy, patchy probabilities."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alert import AlertSettings, AlertTrigger, Step
from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, State

THRESHOLDS = Thresholds(raise_at=0.8, clear_at=0.55)
STEP_S = 0.25


def run(
    probs: Sequence[float | None], step_s: float = STEP_S, settings: AlertSettings | None = None
) -> list[Step]:
    trigger = AlertTrigger(THRESHOLDS, settings or AlertSettings())
    return [trigger.update(prob, index * step_s) for index, prob in enumerate(probs)]


def phases(steps: Sequence[Step]) -> list[AlertPhase]:
    return [step.phase for step in steps if step.phase is not None]


def seconds(prob: float | None, duration_s: float) -> list[float | None]:
    return [prob] * round(duration_s / STEP_S)


def test_nothing_is_said_before_the_first_evidence():
    assert {step.state for step in run([None] * 20)} == {State.INSUFFICIENT}


def test_lasting_strong_evidence_opens_one_alert_and_lasting_calm_closes_it():
    steps = run(seconds(0.1, 5) + seconds(0.95, 10) + seconds(0.1, 20))
    told = Counter(phases(steps))
    assert told[AlertPhase.OPENED] == 1
    assert told[AlertPhase.CLOSED] == 1
    assert steps[-1].state is State.CLEAR
    assert steps[-1].opened_s is None


def test_an_alert_opens_only_after_the_hold_time_above_the_threshold():
    settings = AlertSettings(hold_s=2.0)
    steps = run(seconds(0.1, 5) + seconds(0.97, 10), settings=settings)
    above = next(i for i, s in enumerate(steps) if s.level_prob and s.level_prob >= 0.8)
    opened = next(i for i, s in enumerate(steps) if s.phase is AlertPhase.OPENED)
    assert (opened - above) * STEP_S == pytest.approx(2.0)


def test_an_alert_closes_only_after_the_release_time_below_the_clearing_threshold():
    steps = run(seconds(0.95, 5) + seconds(0.1, 20))
    below = next(i for i, s in enumerate(steps) if i > 20 and s.level_prob and s.level_prob <= 0.55)
    closed = next(i for i, s in enumerate(steps) if s.phase is AlertPhase.CLOSED)
    assert (closed - below) * STEP_S == pytest.approx(8.0)


@pytest.mark.fault("F26")
def test_a_score_that_flaps_round_the_raising_threshold_for_a_minute_opens_at_most_one_alert():
    flapping = [0.75 if i % 2 else 0.85 for i in range(240)]
    assert phases(run(flapping)).count(AlertPhase.OPENED) <= 1
    slow = [0.8 + 0.05 * math.sin(i / 8) for i in range(240)]
    assert phases(run(slow)).count(AlertPhase.OPENED) <= 1


def test_a_score_that_flaps_round_the_clearing_threshold_closes_nothing():
    flapping = [0.5 if i % 8 < 4 else 0.6 for i in range(240)]
    steps = run(seconds(0.95, 5) + flapping)
    assert phases(steps).count(AlertPhase.OPENED) == 1
    assert AlertPhase.CLOSED not in phases(steps)


@pytest.mark.fault("F27")
@pytest.mark.parametrize("step_s", [1 / 30, 1 / 15, 0.25])
def test_a_spike_of_one_frame_opens_no_alert(step_s):
    steps = run([0.3] * 60 + [1.0] + [0.3] * 60, step_s)
    assert phases(steps) == []


def test_within_the_cooldown_the_state_warns_but_no_second_alert_opens():
    again = seconds(0.95, 5) + seconds(0.1, 10) + seconds(0.95, 20) + seconds(0.1, 10)
    steps = run(again)
    assert phases(steps).count(AlertPhase.OPENED) == 1
    assert steps[round(30 / STEP_S)].state is State.SUSPECT


def test_evidence_that_outlasts_the_cooldown_opens_a_new_alert():
    steps = run(seconds(0.95, 5) + seconds(0.1, 10) + seconds(0.95, 70))
    assert phases(steps).count(AlertPhase.OPENED) == 2


def test_a_gap_freezes_the_level_and_neither_raises_nor_clears():
    steps = run(seconds(0.95, 5) + seconds(None, 9) + seconds(0.95, 2))
    gap = steps[round(6 / STEP_S) : round(13 / STEP_S)]
    assert {step.level_prob for step in gap} == {steps[19].level_prob}
    assert {step.state for step in gap} == {State.ALERT}
    assert AlertPhase.CLOSED not in phases(steps)


def test_a_short_hold_is_not_filled_by_a_gap():
    settings = AlertSettings(hold_s=2.0)
    probs = seconds(0.1, 5) + seconds(0.97, 1) + seconds(None, 8) + seconds(0.97, 0.5)
    assert phases(run(probs, settings=settings)) == []


def test_ten_seconds_without_evidence_are_insufficient_and_do_not_close_the_alert():
    steps = run(seconds(0.95, 5) + seconds(None, 12))
    assert steps[-1].state is State.INSUFFICIENT
    assert steps[-1].opened_s is not None
    assert AlertPhase.CLOSED not in phases(steps)


def test_after_a_long_gap_old_evidence_does_not_count():
    steps = run(seconds(0.95, 5) + seconds(None, 30) + seconds(0.05, 2))
    assert steps[-1].level_prob == pytest.approx(0.05)


def test_an_open_alert_is_updated_every_five_seconds_at_most_while_steady():
    steps = run(seconds(0.95, 65))
    assert 10 <= phases(steps).count(AlertPhase.UPDATED) <= 13


def test_a_higher_peak_is_told_soon():
    steps = run(seconds(0.1, 3) + seconds(0.81, 6) + seconds(0.88, 3))
    rising = [s for s in steps if s.phase is AlertPhase.UPDATED and s.peak_prob > 0.86]
    assert rising


def test_the_end_of_a_track_closes_its_alert_once():
    trigger = AlertTrigger(THRESHOLDS)
    for index in range(40):
        trigger.update(0.95, index * STEP_S)
    last = trigger.close(10.0)
    assert last.phase is AlertPhase.CLOSED
    assert last.peak_prob > 0.9
    assert trigger.close(10.0).phase is None


def test_weak_signs_are_suspect_and_stay_so_until_cleared():
    steps = run(seconds(0.1, 3) + seconds(0.72, 5) + seconds(0.6, 5) + seconds(0.4, 5))
    assert steps[round(8 / STEP_S) - 1].state is State.SUSPECT
    assert steps[round(13 / STEP_S) - 1].state is State.SUSPECT
    assert steps[-1].state is State.CLEAR


@pytest.mark.parametrize("prob", [math.nan, math.inf])
def test_a_probability_that_is_no_number_counts_as_missing(prob):
    steps = run([*seconds(0.2, 3), prob, *seconds(0.2, 3)])
    assert {s.state for s in steps} == {State.CLEAR}


probabilities = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(0, 1)),
        st.floats(0.01, 15),
    ),
    max_size=150,
)


@given(probabilities)
def test_alerts_open_and_close_in_turn_and_obey_the_cooldown(observations):
    trigger, time_s, opened, last_close = AlertTrigger(THRESHOLDS), 0.0, False, -math.inf
    for prob, dt in observations:
        time_s += dt
        step = trigger.update(prob, time_s)
        if step.phase is AlertPhase.OPENED:
            assert not opened
            assert time_s - last_close >= AlertSettings().cooldown_s
            opened = True
        elif step.phase is AlertPhase.CLOSED:
            assert opened
            opened, last_close = False, time_s
        elif step.phase is AlertPhase.UPDATED:
            assert opened
        if step.phase is not AlertPhase.CLOSED:
            assert (step.opened_s is not None) == opened
        assert (step.state is State.ALERT) <= opened
        assert step.level_prob is None or 0 < step.level_prob < 1
        assert 0 <= step.peak_prob < 1


@given(probabilities)
def test_missing_evidence_never_opens_nor_closes(observations):
    trigger, time_s = AlertTrigger(THRESHOLDS), 0.0
    for prob, dt in observations:
        time_s += dt
        trigger.update(prob, time_s)
        step = trigger.update(None, time_s)
        assert step.phase is None


@given(st.lists(st.floats(0, 0.79), max_size=200), st.floats(0.02, 0.5))
def test_scores_below_the_threshold_never_open_an_alert(probs, step_s):
    assert AlertPhase.OPENED not in phases(run(probs, step_s))
