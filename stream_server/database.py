"""SQLAlchemy's engines for the two databases that can be used, and their schema by Alembic."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, inspect, make_url

from stream_server.redact import redact
from stream_server.schema import HEAD

_LOCK = 0x66616B65
"""The first half of our advisory locks in PostgreSQL: "fake" in ASCII."""
_GONE_MS = 5_000
_REACH = {"connect_timeout": 3, "tcp_user_timeout": _GONE_MS, "target_session_attrs": "read-write"}
"""A server that is away, silent or only read from is an error soon, never a hang."""


def sqlite_engine(file: Path | None) -> Engine:
    """One connection to a file; None: to memory."""
    url = URL.create("sqlite", database=str(file) if file else None)
    engine = _engine(url, {"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def postgres_engine(url: str, *, alone: bool) -> Engine:
    """One connection to a server, made anew when it was lost.

    `alone` takes the schema for this service; whoever comes second gets an OSError.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    reach = {name: value for name, value in _REACH.items() if name not in address.query}
    engine = _engine(address, {"application_name": "fakewatch", **reach})
    event.listen(engine, "connect", _take_postgres if alone else _prepare_postgres)
    return engine


def opened(engine: Engine) -> Engine:
    """Try it, and bring the schema up to date; an engine that fails is put away.

    Raises:
        OSError: another service has it, or a newer fakewatch has written it.
        SQLAlchemyError: it cannot be used.
    """
    try:
        with engine.connect() as connection:
            begin(connection)
            _bring_up_to_date(connection)
            connection.commit()
    except BaseException:
        engine.dispose()
        raise
    return engine


def begin(connection: Connection) -> None:
    """Begin to write; SQLite is told at once, so that nobody else does in between."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def reason_of(error: BaseException) -> str:
    """Say why in one line, without statements, rows and secrets."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return redact(said.splitlines()[0].rstrip("."))


def _engine(url: URL, arguments: dict[str, Any]) -> Engine:
    return create_engine(
        url,
        connect_args=arguments,
        # Rows hold passwords of cameras: errors must not quote them.
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
    )


def _bring_up_to_date(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if _step(connection) != HEAD:
        from stream_server.schema.upgrade import upgrade

        upgrade(connection)


def _step(connection: Connection) -> str | None:
    """Say how far the schema is, by Alembic's own table; None: there is no such table."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is gone: enrolments are biometric data.
    connection.execute("PRAGMA secure_delete = ON")
    if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _prepare_postgres(connection: Any, _record: object) -> None:
    connection.execute(f"SET statement_timeout = {_GONE_MS}")
    connection.execute(f"SET lock_timeout = {_GONE_MS}")
    connection.commit()


def _take_postgres(connection: Any, record: object) -> None:
    _prepare_postgres(connection, record)
    taken = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(coalesce(current_schema(), '')))", (_LOCK,)
    ).fetchone()[0]
    connection.commit()
    if not taken:
        connection.close()
        raise OSError("another fakewatch service is using it")
