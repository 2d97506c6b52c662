"""What must last, in an SQLite file: full, damaged, locked or foreign, it deletes nothing."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory

from pipeline.types import AlertId
from stream_server.schema import HEAD
from stream_server.schema.upgrade import config
from stream_server.sqlite_file import FILE
from stream_server.store import StorageError, Store
from tests.alert_desk import AT, CLOSED, OPENED, Desk


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


@pytest.mark.fault("F32")
def test_a_full_disk_stops_nothing_and_loses_nothing(desk):
    """F32: what could not be written waits in memory and is written later."""
    pages, number = fill(desk)
    assert "full" in desk.store.error
    assert len(desk.book.open_alerts()) == number, "the page still sees every alert"
    desk.apply(CLOSED, f"alert-{number}")
    desk.store.read(f"PRAGMA max_page_count = {pages * 100}")
    desk.book.catch_up()
    assert desk.store.error is None
    assert len(desk.book.recent(limit=1000)) == number
    assert desk.book.since(0, limit=1000)[-1].alert.phase is CLOSED


def test_a_verdict_is_added_to_what_waited_and_not_written_over_by_it(desk):
    pages, _ = fill(desk)
    desk.apply(CLOSED)
    desk.store.read(f"PRAGMA max_page_count = {pages * 100}")
    desk.book.judge(AlertId("alert-1"), manipulated=True, at=AT)
    desk.book.catch_up()
    (judged,) = [alert for alert in desk.book.recent(limit=1000) if alert.alert_id == "alert-1"]
    assert (judged.phase, judged.judged) == (CLOSED, True)


def fill(desk):
    """Leave no room for another alert; the size in pages, and how many alerts there are."""
    pages = desk.store.read("PRAGMA page_count")[0]["page_count"]
    desk.store.read(f"PRAGMA max_page_count = {pages}")
    number = 0
    while desk.store.error is None and number < 500:
        number += 1
        desk.apply(OPENED, f"alert-{number}")
    return pages, number


def test_a_user_is_told_when_the_disk_is_full(desk):
    desk.apply(OPENED)
    pages = desk.store.read("PRAGMA page_count")[0]["page_count"]
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
        written = Store(directory)
        with written.transaction() as run:
            run("UPDATE alembic_version SET version_num = '99'")
        written.close()
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


def test_the_step_that_needs_no_alembic_is_the_newest_one():
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


def test_only_the_first_start_on_a_database_imports_alembic(tmp_path):
    code = (
        "import sys; from pathlib import Path; from stream_server.store import Store;"
        "store = Store(Path(sys.argv[1])); assert store.problem is None; store.close();"
        "print('alembic' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


BEFORE_ALEMBIC = """
CREATE TABLE stream (stream_id TEXT PRIMARY KEY, position INTEGER NOT NULL, spec TEXT NOT NULL);
CREATE TABLE alert (
    alert_id TEXT PRIMARY KEY, stream_id TEXT NOT NULL, is_open INTEGER NOT NULL,
    opened_at TEXT NOT NULL, updated_at TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX alert_by_time ON alert (opened_at);
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX event_by_alert ON event (alert_id);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, seq INTEGER NOT NULL,
    alert_id TEXT NOT NULL, phase TEXT NOT NULL, created_s REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, error TEXT, body TEXT NOT NULL
);
CREATE INDEX outbox_by_alert ON outbox (sink, dead, alert_id, id);
"""
"""Files of the first users; later ones have more of the tables."""
TABLES = ("stream", "alert", "event", "outbox")


def test_a_file_from_before_alembic_is_carried_over_without_loss(tmp_path):
    new = Desk(tmp_path / "new")
    new.apply(OPENED)
    new.apply(OPENED, "alert-2")
    rows = {name: all_of(new.store, name) for name in TABLES}
    new.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as old:
        old.executescript(f"{BEFORE_ALEMBIC} PRAGMA user_version = 1;")
        for name, kept in rows.items():
            for row in kept:
                places = ", ".join("?" * len(row))
                old.execute(f"INSERT INTO {name} VALUES ({places})", row)  # noqa: S608
        old.commit()
    desk = Desk(tmp_path)
    assert desk.store.problem is None
    assert {name: all_of(desk.store, name) for name in TABLES} == rows
    assert desk.apply(CLOSED).seq == 3, "numbers go on"
    assert len(desk.outbox.due("hook", now_s=1e10)) == 2
    assert all_of(desk.store, "account") == []
    desk.store.close()


def all_of(store, table):
    return [tuple(row.values()) for row in store.read(f"SELECT * FROM {table}")]  # noqa: S608


def test_a_closed_store_writes_nothing_more(tmp_path):
    desk = Desk(tmp_path)
    desk.store.close()
    with pytest.raises(StorageError, match="closed"):
        desk.store.read("SELECT 1 AS one")
    desk.apply(OPENED)
    assert Store(tmp_path).read("SELECT * FROM alert") == []
