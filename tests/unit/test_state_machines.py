"""The alert trigger and the outbox against models of themselves, through any order of events."""

import math
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pipeline.alert import AlertSettings, AlertTrigger, Step
from pipeline.model_card import Cusum, Thresholds
from pipeline.types import AlertPhase, State
from tests.alert_desk import AT, CLOSED, OPENED, UPDATED, Desk

QUICK = settings(max_examples=25, stateful_step_count=30, deadline=None)
RULES = AlertSettings()


class AlertMachine(RuleBasedStateMachine):
    """Evidence, silence and ends in any order and at any pace."""

    def __init__(self) -> None:
        super().__init__()
        self.trigger = AlertTrigger(Thresholds(0.8, 0.55, Cusum(0.5, 4.0)), RULES)
        self.time_s = 0.0
        self.is_open = False
        self.closed_s = -math.inf
        self.strong_s = 0.0

    @rule(prob=st.floats(0, 1), dt=st.floats(0, 15))
    def see(self, prob: float, dt: float) -> None:
        self.time_s += dt
        self.strong_s = self.strong_s + dt if prob > 0.5 else 0.0
        self.check(self.trigger.update(prob, self.time_s))

    @rule(dt=st.floats(0, 30), prob=st.sampled_from([None, math.nan, math.inf]))
    def see_nothing(self, dt: float, prob: float | None) -> None:
        self.time_s += dt
        step = self.trigger.update(prob, self.time_s)
        assert step.phase is None, "silence neither opens nor closes"

    @rule()
    def lose_the_track(self) -> None:
        step = self.trigger.close(self.time_s)
        assert (step.phase is AlertPhase.CLOSED) == self.is_open
        if self.is_open:
            self.is_open, self.closed_s = False, self.time_s

    def check(self, step: Step) -> None:
        if step.phase is AlertPhase.OPENED:
            assert not self.is_open
            assert self.time_s - self.closed_s >= RULES.cooldown_s
            self.is_open = True
        elif step.phase in (AlertPhase.UPDATED, AlertPhase.ESCALATED):
            assert self.is_open
        elif step.phase is AlertPhase.CLOSED:
            assert self.is_open
            self.is_open, self.closed_s = False, self.time_s
        assert (step.opened_s is not None) == (self.is_open or step.phase is AlertPhase.CLOSED)
        assert step.state is not State.CLEAR or not self.is_open
        assert 0 <= step.peak_prob <= 1


class OutboxMachine(RuleBasedStateMachine):
    """Alerts change, sinks take, refuse or are gone, in any order."""

    alerts = Bundle("alerts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name))
        self.open: dict[str, bool] = {}
        self.taken: dict[str, list[AlertPhase]] = {}
        self.dead: set[str] = set()
        self.now_s = AT.timestamp()

    def teardown(self) -> None:
        self.desk.store.close()
        self.folder.cleanup()

    @rule(target=alerts)
    def an_alert_opens(self) -> str:
        name = f"alert-{len(self.open)}"
        self.open[name], self.taken[name] = True, []
        self.desk.apply(OPENED, name)
        return name

    @rule(name=alerts)
    def it_is_updated(self, name: str) -> None:
        if self.open[name]:
            self.desk.apply(UPDATED, name)

    @rule(name=alerts)
    def it_closes(self, name: str) -> None:
        if self.open[name]:
            self.open[name] = False
            self.desk.apply(CLOSED, name)

    @rule(wait_s=st.floats(0, 3600))
    def time_passes(self, wait_s: float) -> None:
        self.now_s += wait_s

    @rule(gone=st.booleans())
    def the_sink_refuses(self, gone: bool) -> None:
        for delivery in self.desk.outbox.due("hook", self.now_s)[:1]:
            if gone:
                self.desk.outbox.bury(delivery, "gone")
                self.dead.add(delivery.event.alert.alert_id)
            else:
                self.desk.outbox.put_off(delivery, self.now_s + 300, "no answer")

    @rule()
    def the_sink_takes(self) -> None:
        self.take()

    def take(self) -> None:
        for delivery in self.desk.outbox.due("hook", self.now_s):
            alert = delivery.event.alert
            self.taken[alert.alert_id].append(alert.phase)
            self.desk.outbox.done(delivery)

    @invariant()
    def what_was_taken_is_in_order(self) -> None:
        for name, phases in self.taken.items():
            if name not in self.dead:
                assert phases[:1] in ([], [OPENED])
            assert CLOSED not in phases[:-1]

    @rule()
    def in_the_end_everything_has_come(self) -> None:
        self.now_s += 86_400
        while self.desk.outbox.due("hook", self.now_s):
            self.take()
        for name, is_open in self.open.items():
            if name not in self.dead:
                assert self.taken[name][0] is OPENED
                assert is_open or self.taken[name][-1] is CLOSED


TestAlertTrigger = AlertMachine.TestCase
TestAlertTrigger.settings = QUICK


def test_the_outbox(each_database):
    run_state_machine_as_test(OutboxMachine, settings=QUICK)
