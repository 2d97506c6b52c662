"""What the streams have to know to go on after a crash: one small file, written once a second.

It holds places and scores of the newest seconds and where alerts stand: no picture. A service that
stops by itself leaves none.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from pipeline.absent import RECALLED_FOR_S
from pipeline.memory import StreamMemory
from pipeline.types import AlertId, StreamId

log = structlog.get_logger("fakewatch.memory")

FILE = "memory.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One stream's memory; wall time, since it has to outlast the process."""

    at_s: float
    """Seconds since 1970."""
    model: str
    """Fingerprint of the classifier whose scores they are."""
    memory: StreamMemory


_STREAMS = TypeAdapter(dict[StreamId, Remembered])


class MemoryBook:
    """Safe to call from any thread; a disk that is full costs the memory only."""

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Read what a service that died within the last seconds has left; None keeps nothing."""
        self._path, self._clock = directory / FILE if directory else None, clock
        self._lock = threading.Lock()
        self._kept: dict[StreamId, Remembered] = {}
        self._changed = False
        self._failed = False
        self._found = self._read()

    @property
    def open_alerts(self) -> frozenset[AlertId]:
        """Alerts that may go on, if whom they are about is there again soon."""
        return frozenset(
            person.alert.alert_id
            for found in self._found.values()
            for person in found.memory.people
            if person.alert is not None
        )

    def recall(self, stream_id: StreamId, model: str) -> tuple[StreamMemory, float] | None:
        """Hand out a stream's memory and its age in s, once; None of another model's scores."""
        found = self._found.pop(stream_id, None)
        if found is None or found.model != model or not self._counts(found):
            return None
        return found.memory, self._clock() - found.at_s

    def keep(self, stream_id: StreamId, model: str, memory: StreamMemory) -> None:
        """Replace what is remembered of a stream; `write` brings it to the disk."""
        with self._lock:
            self._kept[stream_id] = Remembered(self._clock(), model, memory)
            self._changed = True

    def forget(self, stream_id: StreamId) -> None:
        """A stream has ended: nothing of it is to be gone on with."""
        with self._lock:
            self._changed |= self._kept.pop(stream_id, None) is not None

    def write(self) -> None:
        """Write what has changed; blocks for the disk."""
        with self._lock:
            if not self._changed or self._path is None:
                return
            self._changed = False
            try:
                _replace(self._path, json.dumps(_STREAMS.dump_python(self._kept)))
            except OSError as error:
                if not self._failed:
                    log.warning("memory_unwritable", reason=error.strerror)
                self._failed = True
            else:
                self._failed = False

    def close(self) -> None:
        """The service stops by itself: leave nothing."""
        with self._lock:
            self._kept.clear()
            self._changed = False
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _read(self) -> dict[StreamId, Remembered]:
        if self._path is None:
            return {}
        try:
            found = _STREAMS.validate_python(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("memory_unreadable", reason=type(error).__name__)
            return {}
        return {stream_id: one for stream_id, one in found.items() if self._counts(one)}

    def _counts(self, one: Remembered) -> bool:
        # A wall clock that was set back makes an age below zero.
        return 0 <= self._clock() - one.at_s <= RECALLED_FOR_S


def _replace(path: Path, text: str) -> None:
    """In one move, so that a crash leaves the text before it; for this user's eyes only."""
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    part.replace(path)
