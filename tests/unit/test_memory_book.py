"""What is left of a crash: young, of the same model, for this user's eyes, and never trusted."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alert import TriggerMemory
from pipeline.memory import PersonMemory, StreamMemory
from pipeline.types import AlertPhase, Box, StreamId
from stream_server import housekeeping
from stream_server.live import EventHub, LiveAlert
from stream_server.streams.memory_book import FILE, MemoryBook
from tests.alert_desk import OPENED, UPDATED, Desk, change

DOOR, MODEL, BOX = StreamId("door"), "fast@1@abc", Box(100, 60, 220, 180)
CHANGE = change(OPENED)
PERSON = PersonMemory(BOX, 12.5, ((12.0, 1.5, 1.0), (12.25, 2.0, 0.5)), TriggerMemory(), CHANGE)
MEMORY = StreamMemory(12.5, (640, 480), (PERSON,))


class Clock:
    def __init__(self):
        self.now_s = 1_000_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def left_behind(directory, clock):
    book = MemoryBook(directory, clock)
    book.keep(DOOR, MODEL, MEMORY)
    book.write()
    return MemoryBook(directory, clock)


def test_a_memory_is_handed_out_once_with_its_age(tmp_path, clock):
    left_behind(tmp_path, clock)
    clock.now_s += 3.0
    book = MemoryBook(tmp_path, clock)
    assert book.open_alerts == {"alert-1"}
    assert book.recall(DOOR, MODEL) == (MEMORY, 3.0)
    assert book.recall(DOOR, MODEL) is None


@pytest.mark.parametrize("later_s", [30.5, 3600.0, -5.0])
def test_an_old_memory_and_one_of_a_clock_that_was_set_back_say_nothing(tmp_path, clock, later_s):
    left_behind(tmp_path, clock)
    clock.now_s += later_s
    book = MemoryBook(tmp_path, clock)
    assert book.open_alerts == set()
    assert book.recall(DOOR, MODEL) is None


def test_a_memory_grows_old_while_a_camera_is_away(tmp_path, clock):
    book = left_behind(tmp_path, clock)
    clock.now_s += 31.0
    assert book.recall(DOOR, MODEL) is None


def test_scores_of_another_model_say_nothing(tmp_path, clock):
    assert left_behind(tmp_path, clock).recall(DOOR, "other@1@def") is None


def test_a_stream_that_ended_and_a_service_that_stopped_leave_nothing(tmp_path, clock):
    book = left_behind(tmp_path, clock)
    book.keep(DOOR, MODEL, MEMORY)
    book.forget(DOOR)
    book.write()
    assert json.loads((tmp_path / FILE).read_text()) == {}
    book.close()
    assert list(tmp_path.iterdir()) == []


def test_only_this_user_may_read_it(tmp_path, clock):
    left_behind(tmp_path, clock)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_without_a_place_of_its_own_nothing_is_kept(clock):
    book = MemoryBook(None, clock)
    book.keep(DOOR, MODEL, MEMORY)
    book.write()
    book.close()
    assert book.recall(DOOR, MODEL) is None


def test_a_disk_that_cannot_be_written_costs_the_memory_only(tmp_path, clock):
    book = MemoryBook(tmp_path / "missing", clock)
    book.keep(DOOR, MODEL, MEMORY)
    book.write()
    (tmp_path / "missing").mkdir()
    book.keep(DOOR, MODEL, MEMORY)
    book.write()
    assert MemoryBook(tmp_path / "missing", clock).recall(DOOR, MODEL) is not None


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.floats(), st.text(max_size=5), st.integers()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(st.sampled_from(["at_s", "model", "memory", "people"]), inner),
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps({"door": value}).encode()),
    )
)
def test_whatever_stands_in_the_file_the_service_starts(tmp_path_factory, text):
    directory = tmp_path_factory.getbasetemp() / "hostile"
    directory.mkdir(exist_ok=True)
    (directory / FILE).write_bytes(text)
    assert MemoryBook(directory).open_alerts == set()


def test_what_nobody_goes_on_with_is_closed_with_the_reason(tmp_path, clock):
    desk = Desk(tmp_path)
    desk.book.apply(DOOR, "Door", CHANGE, MODEL, datetime.now(UTC))
    housekeeping.close_ended(desk.book, MemoryBook(tmp_path, clock))
    (alert,) = desk.book.recent()
    assert alert.phase is AlertPhase.CLOSED
    assert "stopped without a farewell" in alert.reasons[-1].text


async def test_who_does_not_come_back_in_time_is_closed_and_told(tmp_path, clock, monkeypatch):
    desk = Desk(tmp_path)
    crashed_at = datetime.now(UTC) - timedelta(seconds=5)
    desk.book.apply(DOOR, "Door", CHANGE, MODEL, crashed_at)
    housekeeping.close_ended(desk.book, left_behind(tmp_path, clock))
    assert [alert.phase for alert in desk.book.recent()] == [AlertPhase.OPENED]
    monkeypatch.setattr(housekeeping, "_RESUME_S", 0.0)
    told = []
    monkeypatch.setattr(EventHub, "publish", lambda _, event: told.append(event))
    await housekeeping.close_unheard(desk.book, EventHub(), datetime.now(UTC))
    (event,) = told
    assert isinstance(event, LiveAlert)
    assert event.alert.phase is AlertPhase.CLOSED
    assert desk.book.open_alerts() == []


async def test_who_came_back_stays_open(tmp_path, monkeypatch):
    desk = Desk(tmp_path)
    started_at = datetime.now(UTC) - timedelta(seconds=5)
    desk.book.apply(DOOR, "Door", CHANGE, MODEL, datetime.now(UTC))
    monkeypatch.setattr(housekeeping, "_RESUME_S", 0.0)
    await housekeeping.close_unheard(desk.book, EventHub(), started_at)
    assert len(desk.book.open_alerts()) == 1


def test_an_alert_that_the_crash_kept_from_the_book_opens_with_its_next_news(tmp_path):
    recorded = Desk(tmp_path).apply(UPDATED)
    assert recorded.alert.phase is AlertPhase.OPENED
