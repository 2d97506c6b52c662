"""The service's SQLite file: added streams, enrolments, alerts, deliveries that wait, users."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import FakewatchError

FILE = "fakewatch.db"
_FIRST = """
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
_ENROLMENT = "CREATE TABLE enrolment (stream_id TEXT PRIMARY KEY, body TEXT NOT NULL);"
_ACCESS = """
CREATE TABLE account (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, streams TEXT, password TEXT, created_at TEXT NOT NULL
);
CREATE TABLE api_token (
    token_id TEXT PRIMARY KEY, account TEXT NOT NULL, label TEXT NOT NULL, secret TEXT NOT NULL,
    created_at TEXT NOT NULL
);
"""
_STEPS = (_FIRST, _ENROLMENT, _ACCESS)
"""What each version of the schema added; a file is brought up from where it is."""


class StorageError(FakewatchError):
    """Something could not be written or read; the analysis goes on without it."""


class Store:
    """One connection for all threads, one writer at a time.

    It always opens: a damaged file is moved aside, never deleted, and where nothing can be
    written the service runs from memory and `problem` says so.
    """

    def __init__(self, directory: Path) -> None:
        self.problem: str | None = None
        """Why alerts would not survive a restart; None while all is well."""
        self.moved_aside: Path | None = None
        """Where a damaged file went at the start."""
        self.error: str | None = None
        """The newest failure to write; None after a success."""
        self._lock = threading.RLock()
        self._lock_file: int | None = None
        try:
            self._connection = self._open_file(directory)
        except (OSError, sqlite3.Error) as error:
            self.problem = f"{directory} cannot be used ({error}): nothing is kept on disk."
            self._connection = _prepare(sqlite3.connect(":memory:", check_same_thread=False))

    def _open_file(self, directory: Path) -> sqlite3.Connection:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = _lock(directory / "fakewatch.lock")
        path = directory / FILE
        # Camera passwords are in there; SQLite gives its side files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        try:
            return _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise
        self.moved_aside = _move_aside(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return _open(path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all of it or nothing.

        Raises:
            StorageError: the disk is full, the file is locked or damaged, or the store is closed.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self.error = str(error)
                self._roll_back()
                raise StorageError(f"The database cannot be written: {error}.") from error
            except BaseException:
                self._roll_back()
                raise
            self.error = None

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def read(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Run a query.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise StorageError(f"The database cannot be read: {error}.") from error

    def close(self) -> None:
        """Write everything back and let go of the file."""
        with self._lock:
            self._connection.close()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None


class SideStore(Store):
    """The same file, for a command beside the running service: it takes no lock on it."""

    def _open_file(self, directory: Path) -> sqlite3.Connection:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / FILE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return _open(path)


def _lock(path: Path) -> int:
    """Take the directory for this process: two services would deliver every alert twice."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError("another fakewatch service is using it") from error
    return descriptor


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        return _prepare(connection)
    except BaseException:
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is gone: enrolments are biometric data.
    connection.execute("PRAGMA secure_delete = ON")
    if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("database disk image is malformed")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_STEPS):
        raise sqlite3.OperationalError("it was written by a newer fakewatch")
    for number, step in enumerate(_STEPS[version:], version + 1):
        connection.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT")
    return connection


def _move_aside(path: Path) -> Path:
    """Rename a damaged database and its side files; the first free number is taken."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(target.with_name(target.name + suffix))
    return target
