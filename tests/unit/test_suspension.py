"""A stream's alerts are muted for a while: kept, marked, and told where they outlast it."""

from dataclasses import replace

import pytest

from pipeline.types import AlertPhase
from tests.alert_desk import AT, CAM, CLOSED, OPENED, UPDATED, Desk, change

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def apply(desk, phase, alert_id="alert-1", *, suspended=False, **facts):
    return desk.book.apply(
        CAM, "Camera", change(phase, alert_id, **facts), "m", AT, suspended=suspended
    ).alert


def told(desk):
    phases = []
    while due := desk.outbox.due("hook", AT.timestamp() + 1):
        for delivery in due:
            phases.append(delivery.event.alert.phase)
            desk.outbox.done(delivery)
    return phases


def test_an_alert_that_begins_and_ends_in_a_suspension_is_kept_and_not_delivered(desk):
    assert apply(desk, OPENED, suspended=True).suspended
    assert apply(desk, CLOSED, suspended=True).suspended
    assert told(desk) == []
    (kept,) = desk.book.recent()
    assert (kept.suspended, kept.phase) == (True, CLOSED)


def test_its_end_after_the_suspension_is_not_told_either(desk):
    apply(desk, OPENED, suspended=True)
    apply(desk, CLOSED)
    assert told(desk) == []


def test_one_that_outlasts_the_suspension_is_told_as_opened_then_and_closed_later(desk):
    apply(desk, OPENED, suspended=True)
    apply(desk, UPDATED, suspended=True)
    apply(desk, UPDATED)
    assert told(desk) == [OPENED]
    apply(desk, AlertPhase.ESCALATED, escalated=True)
    apply(desk, CLOSED)
    assert told(desk) == [AlertPhase.ESCALATED, CLOSED]


def test_whoever_was_told_of_an_alert_before_is_told_its_end_and_nothing_else(desk):
    apply(desk, OPENED)
    apply(desk, UPDATED, suspended=True)
    assert not apply(desk, CLOSED, suspended=True).suspended
    assert told(desk) == [OPENED, CLOSED]


def test_what_a_restart_closes_of_a_suspended_alert_is_not_told(desk):
    apply(desk, OPENED, suspended=True)
    (closed,) = desk.book.close_open(AT, "The service was stopped.")
    assert replace(closed.alert, phase=CLOSED).suspended
    assert told(desk) == []
