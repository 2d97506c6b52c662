"""The outbox: written with its alert, in order, bounded, and never silently lost."""

import pytest

from tests.alert_desk import AT, CLOSED, OPENED, UPDATED, Desk

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_change_and_its_deliveries_are_written_together(desk):
    desk.apply(OPENED)
    for sink in ("log", "hook"):
        (delivery,) = desk.outbox.due(sink, now_s=AT.timestamp())
        assert delivery.event.alert.phase is OPENED
    assert desk.outbox.counts() == {"log": (1, 0), "hook": (1, 0)}


@pytest.mark.fault("F29")
def test_a_waiting_update_is_replaced_but_never_an_opening_or_a_close(desk):
    for phase in (OPENED, UPDATED, UPDATED, UPDATED, CLOSED):
        desk.apply(phase)
    sent = []
    while due := desk.outbox.due("hook", now_s=1e10):
        sent += [delivery.event.alert.phase for delivery in due]
        for delivery in due:
            desk.outbox.done(delivery)
    assert sent == [OPENED, CLOSED]


@pytest.mark.fault("F29")
def test_the_events_of_one_alert_are_due_in_their_order(desk):
    desk.apply(OPENED, "a")
    desk.apply(CLOSED, "a")
    desk.apply(OPENED, "b")
    now_s = AT.timestamp()
    due = desk.outbox.due("hook", now_s)
    assert [(d.event.alert.alert_id, d.event.alert.phase) for d in due] == [
        ("a", OPENED),
        ("b", OPENED),
    ]
    desk.outbox.put_off(due[0], now_s + 300, "no answer")
    desk.outbox.done(due[1])
    assert desk.outbox.due("hook", now_s) == [], "the close waits for its opening"
    (again,) = desk.outbox.due("hook", now_s + 301)
    assert (again.delivery_id, again.attempts) == (due[0].delivery_id, 1)
    assert again.event == due[0].event, "the same id and number at every try"


def test_a_dead_letter_stays_visible_and_blocks_nothing(desk):
    desk.apply(OPENED, "a")
    desk.apply(CLOSED, "a")
    (first,) = desk.outbox.due("hook", now_s=1e10)
    desk.outbox.bury(first, "gone")
    (second,) = desk.outbox.due("hook", now_s=1e10)
    assert second.event.alert.phase is CLOSED
    assert desk.outbox.counts()["hook"] == (1, 1)


@pytest.mark.fault("F16")
def test_a_delivery_put_off_under_another_clock_is_not_lost(desk):
    """F16: the clock went back a day after the delivery had been put off."""
    desk.apply(OPENED)
    now_s = AT.timestamp()
    (delivery,) = desk.outbox.due("hook", now_s)
    desk.outbox.put_off(delivery, now_s + 300, "no answer")
    assert desk.outbox.due("hook", now_s) == []
    assert len(desk.outbox.due("hook", now_s - 86400)) == 1


@pytest.mark.fault("F29")
def test_the_outbox_is_bounded_and_updates_go_first(desk):
    for number in range(6):
        desk.apply(OPENED, f"a{number}")
        desk.apply(UPDATED, f"a{number}")
    desk.outbox.trim(13)
    due = [d for _ in range(9) for d in take(desk.outbox, "log")]
    assert [d.event.alert.phase for d in due].count(OPENED) == 6
    assert sum(map(sum, desk.outbox.counts().values())) < 13


def take(outbox, sink):
    due = outbox.due(sink, now_s=1e10)
    for delivery in due:
        outbox.done(delivery)
    return due
