"""CUSUM beside the smoothed level, and escalation: through any scores, at any pace."""

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alert import AlertSettings, AlertTrigger, Step, TriggerMemory
from pipeline.model_card import Cusum, Thresholds
from pipeline.types import AlertPhase

THRESHOLDS = Thresholds(0.8, 0.55, Cusum(allowance=0.5, limit=4.0))
STEP_S = 0.25
MODERATE = 0.75
"""Below the raising threshold for ever; 0.6 log-odds above the allowance."""


def run(probs, step_s=STEP_S, thresholds=THRESHOLDS) -> list[Step]:
    trigger = AlertTrigger(thresholds, AlertSettings())
    return [trigger.update(prob, index * step_s) for index, prob in enumerate(probs)]


def phases(steps) -> list[AlertPhase]:
    return [step.phase for step in steps if step.phase is not None]


def seconds(prob, duration_s):
    return [prob] * round(duration_s / STEP_S)


def test_lasting_moderate_evidence_opens_an_alert_that_the_level_alone_would_not():
    probs = seconds(0.1, 10) + seconds(MODERATE, 20)
    assert phases(run(probs)).count(AlertPhase.OPENED) == 1
    assert phases(run(probs, thresholds=Thresholds(0.8, 0.55))) == []


def test_it_opens_when_the_excess_times_seconds_reaches_the_limit():
    steps = run(seconds(0.1, 10) + seconds(MODERATE, 20))
    opened = next(i for i, step in enumerate(steps) if step.phase is AlertPhase.OPENED)
    excess = math.log(0.75 / 0.25) - 0.5
    assert opened * STEP_S - 10 == pytest.approx(4.0 / excess, abs=2 * STEP_S)


def test_an_alert_by_the_sum_closes_after_calm_and_the_sum_begins_anew():
    steps = run(seconds(MODERATE, 20) + seconds(0.1, 100) + seconds(MODERATE, 5))
    told = phases(steps)
    assert told.count(AlertPhase.OPENED) == told.count(AlertPhase.CLOSED) == 1


def test_what_a_gap_hides_makes_the_sum_fade_and_never_grow():
    thick = run(seconds(MODERATE, 6) + seconds(MODERATE, 1.5))
    thin = run(seconds(MODERATE, 6) + seconds(None, 9) + seconds(MODERATE, 0.75))
    assert AlertPhase.OPENED in phases(thick)
    assert phases(thin) == []


@pytest.mark.fault("F27")
@given(st.floats(0.0, 0.6), st.floats(0.02, 1.0), st.floats(0.01, 1.0))
def test_one_frame_adds_nothing_to_the_sum_whatever_its_limit(base, step_s, limit):
    thresholds = Thresholds(0.97, 0.55, Cusum(0.5, limit))
    steps = run([base] * 40 + [1.0] + [base] * 40, step_s, thresholds)
    opened_by_level = any((step.level_prob or 0) >= 0.97 for step in steps)
    assert opened_by_level or phases(steps) == []


@pytest.mark.fault("F26")
@given(st.floats(0.01, 30), st.floats(0.05, 0.5), st.floats(0.7, 0.85))
def test_a_minute_of_oscillation_opens_at_most_one_alert(period_s, step_s, middle):
    times = [index * step_s for index in range(round(60 / step_s))]
    probs = [middle + 0.05 * math.sin(2 * math.pi * t / period_s) for t in times]
    assert phases(run(probs, step_s)).count(AlertPhase.OPENED) <= 1


observations = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(0, 1)), st.floats(0, 20)), max_size=150
)


@given(observations)
def test_an_alert_escalates_at_most_once_and_only_while_it_is_open(seen):
    trigger, is_open, escalated = AlertTrigger(THRESHOLDS), False, False
    times = accumulate(dt for _, dt in seen)
    for (prob, _), time_s in zip(seen, times, strict=True):
        step = trigger.update(prob, time_s)
        if step.phase is AlertPhase.OPENED:
            assert not is_open
            is_open, escalated = True, step.escalated
        elif step.phase is AlertPhase.ESCALATED:
            assert is_open
            assert not escalated
            escalated = True
        elif step.phase is AlertPhase.CLOSED:
            is_open = False
        assert prob is not None or step.phase is None
        if is_open:
            assert step.escalated == escalated


def test_an_alert_that_lasts_fifteen_seconds_escalates_once():
    steps = run(seconds(0.85, 40))
    opened = next(i for i, step in enumerate(steps) if step.phase is AlertPhase.OPENED)
    escalated = [i for i, step in enumerate(steps) if step.phase is AlertPhase.ESCALATED]
    assert [round((i - opened) * STEP_S, 2) for i in escalated] == [15.0]


def test_a_strong_alert_is_escalated_from_its_first_moment():
    steps = run(seconds(0.97, 10))
    first = next(step for step in steps if step.phase is AlertPhase.OPENED)
    assert first.escalated
    assert AlertPhase.ESCALATED not in phases(steps)


def test_seconds_without_evidence_do_not_make_an_alert_grave():
    steps = run(seconds(0.85, 5) + seconds(None, 9) + seconds(0.85, 4))
    assert AlertPhase.ESCALATED not in phases(steps)


def test_someone_whose_alert_has_just_closed_gets_no_other_within_the_cooldown():
    trigger = AlertTrigger(THRESHOLDS, AlertSettings(), TriggerMemory(closed_s=0.0))
    steps = [trigger.update(0.95, 1 + index * STEP_S) for index in range(round(70 / STEP_S))]
    opened = [1 + i * STEP_S for i, step in enumerate(steps) if step.phase is AlertPhase.OPENED]
    assert opened == [60.0]
