"""The alert book: one id from open to close, numbered changes, a user's own verdict."""

from datetime import timedelta

import pytest

from pipeline.types import AlertId, AlertPhase, StreamId
from stream_server.alerts import severity_of
from stream_server.problems import NotFound
from tests.alert_desk import AT, CAM, CLOSED, OPENED, UPDATED, Desk

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_an_alert_keeps_its_id_from_open_to_close(desk):
    desk.apply(OPENED)
    desk.apply(UPDATED, seconds=5, prob=0.97, time_s=15.0)
    closed = desk.apply(CLOSED, seconds=20, prob=0.3, time_s=30.0).alert
    assert closed.phase is CLOSED
    assert (closed.opened_at, closed.closed_at) == (AT, AT + timedelta(seconds=20))
    assert closed.peak_prob == 0.97
    assert desk.book.recent() == [closed]
    assert desk.book.open_alerts() == []


def test_every_change_has_a_growing_number_and_can_be_replayed(desk):
    seqs = [desk.apply(phase).seq for phase in (OPENED, UPDATED, CLOSED)]
    assert seqs == sorted(set(seqs))
    missed = desk.book.since(seqs[0])
    assert [event.alert.phase for event in missed] == [UPDATED, CLOSED]
    assert desk.book.since(seqs[-1]) == []


def test_alerts_survive_a_restart(tmp_path):
    first = Desk(tmp_path)
    last_seq = first.apply(OPENED).seq
    first.store.close()
    second = Desk(tmp_path)
    assert [alert.alert_id for alert in second.book.open_alerts()] == ["alert-1"]
    assert second.apply(UPDATED).seq > last_seq
    second.store.close()


def test_what_a_crash_left_open_is_closed_with_the_reason(tmp_path):
    first = Desk(tmp_path)
    first.apply(OPENED)
    first.store.close()
    second = Desk(tmp_path)
    (event,) = second.book.close_open(AT + timedelta(hours=1), "The service stopped.")
    assert event.alert.phase is CLOSED
    assert event.alert.reasons[-1].text == "The service stopped."
    # The terms of a score still add up: the note weighs nothing.
    assert sum(reason.llr for reason in event.alert.reasons) == pytest.approx(2.2)
    assert second.book.open_alerts() == []
    second.store.close()


def test_only_the_alerts_of_one_stream_are_closed_with_it(desk):
    desk.apply(OPENED, "alert-1")
    desk.apply(OPENED, "alert-2", stream=StreamId("other-cam"))
    desk.book.close_open(AT, "The stream was removed.", CAM)
    assert [alert.alert_id for alert in desk.book.open_alerts()] == ["alert-2"]


def test_acknowledging_and_judging_are_kept_through_later_changes(desk):
    desk.apply(OPENED)
    desk.book.acknowledge(AlertId("alert-1"), AT + timedelta(seconds=1))
    desk.book.judge(AlertId("alert-1"), manipulated=False, at=AT + timedelta(seconds=2))
    desk.book.acknowledge(AlertId("alert-1"), AT + timedelta(seconds=3))
    alert = desk.apply(CLOSED, seconds=9).alert
    assert alert.judged is False
    assert alert.acknowledged_at == AT + timedelta(seconds=1)
    desk.book.judge(AlertId("alert-1"), manipulated=True, at=AT)
    assert desk.book.get(AlertId("alert-1")).judged is True


def test_judging_acknowledges(desk):
    desk.apply(OPENED)
    event = desk.book.judge(AlertId("alert-1"), manipulated=True, at=AT)
    assert event.alert.acknowledged_at == AT


def test_an_unknown_alert_is_not_found(desk):
    with pytest.raises(NotFound, match="There is no alert nobody"):
        desk.book.acknowledge(AlertId("nobody"), AT)


def test_the_list_is_newest_first_and_can_be_narrowed(desk):
    desk.apply(OPENED, "a", seconds=1)
    desk.apply(OPENED, "b", seconds=2, stream=StreamId("door"))
    desk.apply(OPENED, "c", seconds=3)
    desk.apply(CLOSED, "a", seconds=4)
    ids = lambda **narrow: [alert.alert_id for alert in desk.book.recent(**narrow)]  # noqa: E731
    assert ids() == ["c", "b", "a"]
    assert ids(stream_id=CAM) == ["c", "a"]
    assert ids(state="open") == ["c", "b"]
    assert ids(state="closed") == ["a"]
    assert ids(limit=1) == ["c"]


def test_closed_alerts_go_with_their_history_after_their_retention(desk):
    desk.apply(OPENED, "old")
    desk.apply(CLOSED, "old", seconds=1)
    desk.apply(OPENED, "still-open")
    desk.apply(OPENED, "young", seconds=100)
    desk.apply(CLOSED, "young", seconds=101)
    desk.book.prune(AT + timedelta(seconds=50))
    assert {alert.alert_id for alert in desk.book.recent()} == {"still-open", "young"}
    assert {event.alert.alert_id for event in desk.book.since(0)} == {"still-open", "young"}


def test_severity_is_high_from_the_escalation_on(desk):
    assert severity_of(desk.apply(OPENED).alert) == "moderate"
    assert severity_of(desk.apply(AlertPhase.ESCALATED, escalated=True).alert) == "high"
    assert severity_of(desk.apply(CLOSED).alert) == "high"
