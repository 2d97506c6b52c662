"""Streams that were added at run time, kept in the database for the next start."""

import json

from pydantic import ValidationError

from pipeline.types import StreamId
from stream_server.plugins import explain
from stream_server.specs import StreamSpec, revealed
from stream_server.store import Store


class SpecBook:
    """Specs by id, with their credentials."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> tuple[list[StreamSpec], list[str]]:
        """Give the specs in the order they were added, and a sentence on each that is unusable.

        An unusable one (its source type is gone, say) stays there for a later version.
        """
        specs, faults = [], []
        for row in self._store.read("SELECT stream_id, spec FROM stream ORDER BY position"):
            try:
                specs.append(StreamSpec.model_validate_json(row["spec"]))
            except ValidationError as error:
                faults.append(
                    f"The stored stream {row['stream_id']} is unusable: {explain(error)}."
                )
        return specs, faults

    def save(self, spec: StreamSpec) -> None:
        """Insert or replace.

        Raises:
            StorageError: the database cannot be written.
        """
        with self._store.transaction() as run:
            run(
                "INSERT INTO stream (stream_id, position, spec)"
                " VALUES (:stream, (SELECT coalesce(max(position), 0) + 1 FROM stream), :spec)"
                " ON CONFLICT (stream_id) DO UPDATE SET spec = excluded.spec",
                stream=spec.id,
                spec=json.dumps(revealed(spec)),
            )

    def delete(self, stream_id: StreamId) -> None:
        """Forget a stream; harmless when it is not there.

        Raises:
            StorageError: the database cannot be written.
        """
        with self._store.transaction() as run:
            run("DELETE FROM stream WHERE stream_id = :stream", stream=stream_id)
