"""What must last, in SQLite or PostgreSQL: added streams, enrolments, alerts, deliveries, users."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Engine, RowMapping, text
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from pipeline.errors import FakewatchError
from stream_server.database import begin, opened, postgres_engine, reason_of, sqlite_engine
from stream_server.redact import SecretUrl
from stream_server.sqlite_file import FILE, is_damage, lock, make_private, move_aside

_PATIENCE_S, _REST_S = 1.0, 10.0
"""Whoever let us wait longer for an error than the first is left alone for the second: analyser
threads stand in that queue."""


class StorageError(FakewatchError):
    """Something could not be written or read; the analysis goes on without it."""


class Run(Protocol):
    """Runs a statement, with its `:names` bound, in the transaction that gave it."""

    def __call__(self, sql: str, /, **values: object) -> CursorResult[Any]:
        """Run it."""


class Store:
    """One connection for all threads, one writer at a time.

    It always opens: a damaged file is moved aside, never deleted, and where nothing can be
    written the service runs from memory and `problem` says so. All statements are in the SQL
    that SQLite and PostgreSQL share.
    """

    _alone = True
    """Nobody else may deliver what is in there."""

    def __init__(self, directory: Path, database_url: SecretUrl | None = None) -> None:
        """Open the file in the directory, or the PostgreSQL database of that address."""
        self.problem: str | None = None
        """Why alerts would not survive a restart; None while all is well."""
        self.moved_aside: Path | None = None
        """Where a damaged file went at the start."""
        self.error: str | None = None
        """The newest failure to write; None after a success."""
        self._lock = threading.RLock()
        self._lock_file: int | None = None
        self._closed = False
        self._rests_until_s = 0.0
        try:
            self._engine = self._open(directory, database_url)
        except (OSError, SQLAlchemyError) as error:
            place = database_url or directory
            self.problem = f"{place} cannot be used ({reason_of(error)}): nothing is kept on disk."
            self._engine = opened(sqlite_engine(None))

    def _open(self, directory: Path, database_url: SecretUrl | None) -> Engine:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if database_url is not None:
            return opened(postgres_engine(database_url.get_secret_value(), alone=self._alone))
        if self._alone:
            self._lock_file = lock(directory / "fakewatch.lock")
        path = directory / FILE
        make_private(path)
        try:
            return opened(sqlite_engine(path))
        except DatabaseError as error:
            if not (self._alone and is_damage(error.orig)):
                raise
        self.moved_aside = move_aside(path)
        make_private(path)
        return opened(sqlite_engine(path))

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        """Write all of it or nothing.

        Raises:
            StorageError: the disk is full, the database is locked, damaged or away, or the store
                is closed.
        """
        with self._lock:
            began_s = time.monotonic()
            try:
                with self._connect() as connection:
                    begin(connection)
                    yield partial(_run, connection)
                    connection.commit()
            except (OSError, SQLAlchemyError) as error:
                self._rest(began_s)
                self.error = reason_of(error)
                raise StorageError(f"The database cannot be written: {self.error}.") from error
            self.error = None

    def read(self, sql: str, **values: object) -> Sequence[RowMapping]:
        """Run a query, with its `:names` bound.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._lock:
            began_s = time.monotonic()
            try:
                with self._connect() as connection:
                    return _run(connection, sql, **values).mappings().all()
            except (OSError, SQLAlchemyError) as error:
                self._rest(began_s)
                raise StorageError(f"The database cannot be read: {reason_of(error)}.") from error

    def forget_changes(self) -> None:
        """Take what was deleted out of SQLite's log of changes too.

        PostgreSQL keeps its log, and its backups, for as long as whoever runs it has said.
        """
        if self._engine.dialect.name == "sqlite":
            self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write everything back and let go of the database."""
        with self._lock:
            self._closed = True
            self._engine.dispose()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def _connect(self) -> Connection:
        if self._closed:  # an engine would open itself again
            raise StorageError("The database is closed.")
        if time.monotonic() < self._rests_until_s:
            raise StorageError("The database does not answer in time.")
        return self._engine.connect()

    def _rest(self, began_s: float) -> None:
        now_s = time.monotonic()
        if now_s - began_s > _PATIENCE_S:
            self._rests_until_s = now_s + _REST_S


class SideStore(Store):
    """The same database, for a command beside the running service: it takes no lock on it."""

    _alone = False


def _run(connection: Connection, sql: str, /, **values: object) -> CursorResult[Any]:
    return connection.execute(text(sql), values)
