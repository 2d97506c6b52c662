"""The audit log: who did what when, as JSON lines in a private file that rotates.

No personal data beyond a user's name: no addresses, no file names, never a secret.
"""

import fcntl
import json
import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import structlog
from pydantic import BaseModel

log = structlog.get_logger("fakewatch.audit")

FILE = "audit.jsonl"
MAX_BYTES = 4 * 2**20
KEPT = 8
"""Older files; together with the newest at most 36 MiB."""


class Entry(BaseModel):
    """One thing that somebody did, or was not let do."""

    at: datetime
    who: str
    action: str
    target: str | None = None
    """Name or id of what it was done to."""
    allowed: bool = True
    status: int | None = None
    """HTTP's answer; None from the command line."""


class AuditLog:
    """Appends lines; the service and its commands may do so at the same time."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._file = directory / FILE
        self._max_bytes = max_bytes

    def write(self, entry: Entry) -> None:
        """Append a line; a disk that takes none is logged and stops nothing."""
        line = json.dumps(entry.model_dump(mode="json", exclude_none=True), ensure_ascii=True)
        try:
            self._append(f"{line}\n".encode())
        except OSError as error:
            log.warning("audit_not_written", reason=str(error), action=entry.action)

    def note(
        self, who: str, action: str, target: str | None = None, *, allowed: bool = True
    ) -> None:
        """Write down now what somebody did, or was not let do."""
        entry = Entry(at=datetime.now(UTC), who=who, action=action, target=target, allowed=allowed)
        self.write(entry)

    def newest(self, limit: int) -> list[Entry]:
        """Read entries, the newest first; a line that a crash cut off is left out."""
        return list(islice((entry for file in self._files() for entry in _read(file)), limit))

    def _append(self, line: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _private(self._file.with_suffix(".lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._file.exists() and self._file.stat().st_size + len(line) > self._max_bytes:
                self._rotate()
            with _private(self._file) as file:
                file.write(line)

    def _rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._file.with_name(f"{FILE}.{number}") if number else self._file

    def _files(self) -> list[Path]:
        return [file for n in range(KEPT + 1) if (file := self._numbered(n)).exists()]


def _private(path: Path) -> BinaryIO:
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab"
    )


def _read(file: Path) -> list[Entry]:
    entries = []
    for line in reversed(file.read_bytes().splitlines()):
        try:
            entries.append(Entry.model_validate_json(line))
        except ValueError:
            continue
    return entries
