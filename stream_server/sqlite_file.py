"""The SQLite file: private, taken by one service, and moved aside when it is damaged."""

import fcntl
import os
import sqlite3
from pathlib import Path

FILE = "fakewatch.db"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def make_private(path: Path) -> None:
    """Make the file where it is missing, for its owner only: camera passwords are in there.

    SQLite gives its side files the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def lock(path: Path) -> int:
    """Take the directory for this process: two services would deliver every alert twice.

    Raises:
        OSError: another one has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError("another fakewatch service is using it") from error
    return descriptor


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that the file itself is broken."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def move_aside(path: Path) -> Path:
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
