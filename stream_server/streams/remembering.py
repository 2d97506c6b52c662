"""An analyzer that goes on where one was that died with its process."""

import time

from pipeline.analyzer import StreamAnalyzer
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.streams.analyst import AnyAnalyzer
from stream_server.streams.memory_book import MemoryBook

EVERY_S = 1.0


class Remembered:
    """Notes once a second what would have to be known, and before anybody hears of an alert."""

    def __init__(
        self,
        inner: AnyAnalyzer,
        analyzer: StreamAnalyzer,
        book: MemoryBook,
        stream_id: StreamId,
        model: str,
    ) -> None:
        """`inner` runs `analyzer`, whose scores are those of `model` (a card's fingerprint)."""
        self._inner, self._analyzer = inner, analyzer
        self._book, self._stream_id, self._model = book, stream_id, model
        self._has_begun = False
        self._due_s = 0.0

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame."""
        if not self._has_begun:
            self._has_begun = True
            self._begin(frame)
        analysis = self._inner(frame, shed)
        if analysis.alerts or time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + EVERY_S
            self._note(at_once=bool(analysis.alerts))
        return analysis

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        changes = self._inner.finish()
        self._book.forget(self._stream_id)
        return changes

    def _begin(self, frame: Frame) -> None:
        found = self._book.recall(self._stream_id, self._model)
        if found is not None:
            memory, age_s = found
            self._analyzer.recall(memory, frame, age_s)

    def _note(self, *, at_once: bool) -> None:
        memory = self._analyzer.memory
        if memory is not None:
            self._book.keep(self._stream_id, self._model, memory)
        if at_once:
            self._book.write()
