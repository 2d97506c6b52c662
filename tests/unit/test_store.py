"""The database: full, damaged, locked or foreign, it stops nothing and deletes nothing."""

import sqlite3
import threading

import pytest

from pipeline.types import AlertId, StreamId
from stream_server.specs import StreamSpec
from stream_server.store import FILE, StorageError, Store
from stream_server.streams.spec_book import SpecBook
from tests.alert_desk import AT, CLOSED, OPENED, UPDATED, Desk


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_many_threads_may_write_at_once(desk):
    def watch(number):
        for phase in (OPENED, UPDATED, CLOSED):
            desk.apply(phase, f"alert-{number}")

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.book.recent(state="closed")) == 8
    assert len(desk.book.since(0)) == 24


@pytest.mark.fault("F32")
def test_a_full_disk_stops_nothing_and_loses_nothing(desk):
    """F32: what could not be written waits in memory and is written later."""
    pages = desk.store.read("PRAGMA page_count")[0][0]
    desk.store.read(f"PRAGMA max_page_count = {pages}")
    number = 0
    while desk.store.error is None and number < 500:
        number += 1
        desk.apply(OPENED, f"alert-{number}")
    assert "full" in desk.store.error
    assert len(desk.book.open_alerts()) == number, "the page still sees every alert"
    desk.store.read(f"PRAGMA max_page_count = {pages * 100}")
    desk.apply(CLOSED, f"alert-{number}")
    assert desk.store.error is None
    assert len(desk.book.recent(limit=1000)) == number
    assert desk.book.since(0, limit=1000)[-1].alert.phase is CLOSED


def test_a_user_is_told_when_the_disk_is_full(desk):
    desk.apply(OPENED)
    pages = desk.store.read("PRAGMA page_count")[0][0]
    desk.store.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="cannot be written"):
        acknowledge_often(desk.book)


def acknowledge_often(book):
    for _ in range(500):
        book.acknowledge(AlertId("alert-1"), AT)


@pytest.mark.fault("F33")
def test_a_damaged_database_is_moved_aside_and_kept(tmp_path):
    """F33."""
    (tmp_path / FILE).write_bytes(b"this is no database" * 500)
    desk = Desk(tmp_path)
    assert desk.store.problem is None
    assert desk.store.moved_aside.read_bytes().startswith(b"this is no database")
    desk.apply(OPENED)
    desk.store.close()


@pytest.mark.fault("F33")
def test_a_database_damaged_in_the_middle_is_moved_aside_too(tmp_path):
    desk = Desk(tmp_path)
    for number in range(200):
        desk.apply(OPENED, f"alert-{number}")
    desk.store.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    content[4096 : len(content) // 2] = bytes(len(content) // 2 - 4096)
    (tmp_path / FILE).write_bytes(content)
    again = Desk(tmp_path)
    assert again.store.moved_aside.stat().st_size == len(content)
    assert again.book.recent() == []
    again.store.close()


@pytest.mark.fault("F33")
@pytest.mark.parametrize("fault", ["a file in the way", "locked", "newer"])
def test_a_store_that_cannot_be_used_says_so_and_runs_from_memory(tmp_path, fault):
    """F33: nothing is deleted."""
    directory, first = tmp_path / "data", None
    if fault == "a file in the way":
        directory.write_text("mine")
    elif fault == "locked":
        first = Desk(directory)
    else:
        Store(directory).close()
        connection = sqlite3.connect(directory / FILE)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    desk = Desk(directory)
    assert "nothing is kept on disk" in desk.store.problem
    desk.apply(OPENED)
    assert len(desk.book.recent()) == 1
    desk.store.close()
    if first:
        first.store.close()
    assert directory.exists()


def test_the_database_is_readable_by_its_owner_only(desk, tmp_path):
    desk.apply(OPENED)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("fakewatch*")} == {0o600}


def test_added_streams_keep_their_order_and_their_credentials(desk):
    book = SpecBook(desk.store)
    for name in ("b", "a"):
        source = {"type": "av", "url": f"rtsp://u:pass-word@{name}/"}
        book.save(StreamSpec(id=name, name=name, source=source))
    book.save(StreamSpec(id="b", name="renamed", source={"type": "synthetic"}))
    specs, faults = book.read()
    assert [(spec.id, spec.name) for spec in specs] == [("b", "renamed"), ("a", "a")]
    assert specs[1].source.url.get_secret_value() == "rtsp://u:pass-word@a/"
    assert faults == []
    book.delete(StreamId("b"))
    assert [spec.id for spec in book.read()[0]] == ["a"]


def test_a_stored_stream_that_became_unusable_is_named_and_kept(desk):
    book = SpecBook(desk.store)
    with desk.store.transaction() as connection:
        connection.execute(
            "INSERT INTO stream VALUES ('old', 1, ?)",
            ('{"id": "old", "name": "Old", "source": {"type": "vhs", "pin": "hunter2-x"}}',),
        )
    specs, faults = book.read()
    assert specs == []
    assert "old" in faults[0]
    assert "hunter2-x" not in faults[0]
    assert len(desk.store.read("SELECT * FROM stream")) == 1
