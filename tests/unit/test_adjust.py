"""Settings that change under a running alert: the state stays, the new times hold at once."""

from dataclasses import replace

from pipeline.alert import AlertSettings, AlertTrigger
from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, State

SETTINGS = AlertSettings(tau_s=0.5, hold_s=60.0, release_s=60.0)


def feed(trigger, prob, start_s, seconds):
    """One probability, four times a second; the phases that came of it."""
    steps = [trigger.update(prob, start_s + i / 4) for i in range(int(4 * seconds))]
    return [step.phase for step in steps if step.phase], steps[-1].state


def test_evidence_that_has_lasted_counts_under_a_shorter_hold():
    trigger = AlertTrigger(Thresholds(raise_at=0.7, clear_at=0.5), SETTINGS)
    assert feed(trigger, 0.85, 0.0, 5) == ([], State.SUSPECT)
    trigger.adjust(replace(SETTINGS, hold_s=1.0))
    assert feed(trigger, 0.85, 5.0, 1) == ([AlertPhase.OPENED], State.ALERT)


def test_an_open_alert_stays_the_same_one_and_closes_by_the_new_time():
    trigger = AlertTrigger(Thresholds(raise_at=0.7, clear_at=0.5), replace(SETTINGS, hold_s=1.0))
    assert feed(trigger, 0.85, 0.0, 3)[0] == [AlertPhase.OPENED]
    trigger.adjust(replace(SETTINGS, release_s=2.0))
    phases, state = feed(trigger, 0.1, 3.0, 6)
    assert (phases[-1], state) == (AlertPhase.CLOSED, State.CLEAR)
