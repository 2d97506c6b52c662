"""After a crash people are gone on with: same alert, same evidence, for half a minute."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.alert import AlertSettings, AlertTrigger, TriggerMemory
from pipeline.memory import StreamMemory
from pipeline.model_card import Cusum, Thresholds
from pipeline.types import AlertPhase, Box, State
from tests.unit.test_analyzer import (
    GENUINE,
    MANIPULATED,
    FixedDetector,
    analyzer_with,
    changes,
    frame,
    run,
)

MEMORY = TypeAdapter(StreamMemory)
ELSEWHERE = Box(400, 60, 520, 180)
RULES = Thresholds(0.8, 0.55, Cusum(0.5, 4.0))


def through_json(memory):
    return MEMORY.validate_python(json.loads(json.dumps(MEMORY.dump_python(memory))))


def killed_after(seconds, value=MANIPULATED, **settings):
    """The memory of an analyzer, and the alerts that it has told."""
    analyzer = analyzer_with(**settings)
    told = changes(run(analyzer, 100, 100 + seconds, value))
    return through_json(analyzer.memory), told


def gone_on(memory, age_s, value=MANIPULATED, detector=None, seconds=10):
    """A new analyzer, whose clock starts at zero, `age_s` seconds later."""
    analyzer = analyzer_with(detector)
    analyzer.recall(memory, frame(0, value), age_s)
    return run(analyzer, 0, seconds, value)


def test_an_open_alert_goes_on_under_its_id_and_no_second_one_is_opened():
    memory, told = killed_after(6)
    assert told[0].phase is AlertPhase.OPENED
    after = changes(gone_on(memory, 3.0))
    assert after[0].phase in (AlertPhase.UPDATED, AlertPhase.ESCALATED)
    assert {change.alert_id for change in after} == {told[0].alert_id}
    assert AlertPhase.OPENED not in {change.phase for change in after}
    assert after[0].opened_s == pytest.approx(told[0].opened_s - memory.time_s - 3.0)


def test_the_window_goes_on_with_what_is_still_young_enough():
    memory, _ = killed_after(6, GENUINE)
    first = gone_on(memory, 1.0)[0].readings[0]
    assert first.window.samples >= 8
    assert first.state is not State.INSUFFICIENT
    late = gone_on(memory, 5.0)[0].readings[0]
    assert late.window.samples <= 1


def test_an_alert_that_was_recalled_ends_when_the_signs_end():
    memory, told = killed_after(6)
    after = changes(gone_on(memory, 2.0, GENUINE, seconds=25))
    assert after[-1].phase is AlertPhase.CLOSED
    assert after[-1].alert_id == told[0].alert_id


@pytest.mark.parametrize("age_s", [30.5, 60.0])
def test_what_is_older_than_half_a_minute_says_nothing(age_s):
    memory, _ = killed_after(6)
    after = gone_on(memory, age_s)
    assert after[0].readings[0].window.samples <= 1
    assert changes(after)[0].phase is AlertPhase.OPENED


def test_somebody_elsewhere_in_the_picture_inherits_nothing():
    memory, _ = killed_after(6)
    first = gone_on(memory, 1.0, detector=FixedDetector(ELSEWHERE))[0].readings[0]
    assert first.window.samples <= 1


def test_boxes_of_another_picture_size_say_nothing():
    memory, _ = killed_after(6)
    small = StreamMemory(memory.time_s, (64, 48), memory.people)
    assert gone_on(small, 1.0)[0].readings[0].window.samples <= 1


def test_the_cooldown_outlasts_the_crash():
    analyzer = analyzer_with()
    run(analyzer, 100, 106, MANIPULATED)
    assert changes(run(analyzer, 106, 110, 0))[-1].phase is AlertPhase.CLOSED
    after = gone_on(through_json(analyzer.memory), 8.0)
    assert changes(after) == []
    assert after[-1].readings[0].state is State.SUSPECT


def test_nothing_is_remembered_before_the_first_frame():
    assert analyzer_with().memory is None


PROBS = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40)


@given(PROBS, PROBS, st.integers(-4000, 4000).map(lambda quarters: quarters / 4))
def test_a_trigger_goes_on_on_any_clock_as_if_nothing_had_happened(before, after, by_s):
    one = AlertTrigger(RULES, AlertSettings())
    for step, prob in enumerate(before):
        one.update(prob, step * 0.25)
    memory = TypeAdapter(TriggerMemory).validate_python(
        json.loads(json.dumps(TypeAdapter(TriggerMemory).dump_python(one.memory)))
    )
    other = AlertTrigger(RULES, AlertSettings(), memory.moved(by_s))
    for step, prob in enumerate(after, len(before)):
        expected, found = one.update(prob, step * 0.25), other.update(prob, step * 0.25 + by_s)
        assert (found.state, found.escalated) == (expected.state, expected.escalated)
        assert found.peak_prob == pytest.approx(expected.peak_prob)
        assert (found.opened_s is None) == (expected.opened_s is None)
    assert math.isclose(other.memory.closed_s, one.memory.closed_s + by_s, abs_tol=1e-6)
