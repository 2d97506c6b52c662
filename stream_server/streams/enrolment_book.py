"""Enrolled genuine stretches, kept for the next start: biometric data, deleted with its stream."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from pipeline.reference import Enrolment
from pipeline.types import StreamId
from stream_server.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """An enrolment with the time when it was made."""

    enrolment: Enrolment
    at: datetime
    """Aware, UTC."""
    source: str
    """Mark of the source it was seen on: another camera under the same id voids it."""


class EnrolmentBook:
    """Enrolments by stream."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> dict[StreamId, Kept]:
        """Give all that can be read; one of an unknown form is left out.

        Raises:
            StorageError: the database cannot be read.
        """
        kept = {}
        for row in self._store.read("SELECT stream_id, body FROM enrolment"):
            try:
                facts = json.loads(row["body"])
                at = datetime.fromisoformat(facts.pop("at"))
                facts["embedding"] = tuple(facts["embedding"])
                source = facts.pop("source")
                kept[StreamId(row["stream_id"])] = Kept(Enrolment(**facts), at, source)
            except (KeyError, TypeError, ValueError):
                continue
        return kept

    def save(self, stream_id: StreamId, kept: Kept) -> None:
        """Insert or replace.

        Raises:
            StorageError: the database cannot be written.
        """
        mark = {"at": kept.at.isoformat(), "source": kept.source}
        body = json.dumps({**asdict(kept.enrolment), **mark})
        with self._store.transaction() as run:
            run(
                "INSERT INTO enrolment (stream_id, body) VALUES (:stream, :body)"
                " ON CONFLICT (stream_id) DO UPDATE SET body = excluded.body",
                stream=stream_id,
                body=body,
            )

    def delete(self, stream_id: StreamId) -> None:
        """Forget a stream's enrolment, from the disk's log of changes too; harmless without one.

        Raises:
            StorageError: the database cannot be written.
        """
        with self._store.transaction() as run:
            run("DELETE FROM enrolment WHERE stream_id = :stream", stream=stream_id)
        self._store.forget_changes()

    def restore(self, configured: set[str]) -> dict[StreamId, Kept]:
        """Read all, after deleting those of streams that are neither configured nor stored.

        Raises:
            StorageError: the database cannot be read or written.
        """
        rows = self._store.read(
            "SELECT stream_id FROM enrolment WHERE stream_id NOT IN (SELECT stream_id FROM stream)"
        )
        for row in rows:
            if row["stream_id"] not in configured:
                self.delete(row["stream_id"])
        return self.read()
