"""The analyzer of one stream, inside what enrols, challenges, remembers and shows."""

import time
from dataclasses import dataclass

from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models
from pipeline.model_card import ModelCard
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.evidence.witness import Witness, Witnessed
from stream_server.model_swap import ModelsInUse, change_of
from stream_server.streams.analyst import AnyAnalyzer
from stream_server.streams.challenger import Challenged, Challenger
from stream_server.streams.enroller import Enrolled, Enroller
from stream_server.streams.memory_book import MemoryBook
from stream_server.streams.preview import Preview, Previewed
from stream_server.streams.recording import Recorder, new_alert_id
from stream_server.streams.remembering import Remembered
from stream_server.streams.tuning import Tuned, Tuning


@dataclass(slots=True)
class Company:
    """What goes on around the analyzers of one stream, one after the other."""

    cards: tuple[ModelCard, ...]
    """Of the models that last judged the stream; of a dead one no model is kept for that."""
    preview: Preview
    enroller: Enroller
    challenger: Challenger
    tuning: Tuning
    witness: Witness
    recorder: Recorder
    memories: MemoryBook | None
    """Where a stream that is back after a crash goes on from."""

    def follow(self, models: Models) -> None:
        """Mix nothing of these models with what the ones before have found."""
        if models.cards is not self.cards:  # every loading makes its own
            self.recorder.follow(models, change_of(self.cards, models.cards))
            self.enroller.follow(models.classifier.card)
            self.challenger.interrupt()
            self.cards = models.cards


class Chain:
    """A stream's analyzer; with the first frame after a swap of the models it begins anew.

    All of that happens on the stream's analyser thread, between two frames.
    """

    def __init__(self, stream_id: StreamId, models: ModelsInUse, company: Company) -> None:
        self._stream_id, self._models, self._company = stream_id, models, company
        self._asked, self._inner = self._begin()

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Judge one frame."""
        if self._models.now is not self._asked:
            # What it would say at its end is left out: the alerts are closed with the reason.
            self._inner.finish()
            self._asked, self._inner = self._begin()
        return self._inner(frame, shed)

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        return self._inner.finish()

    def _begin(self) -> tuple[Models, Previewed]:
        models, around = self._models.now, self._company
        around.follow(models)
        tuning, settings = around.tuning, around.tuning.settings
        analyzer = StreamAnalyzer(
            self._stream_id, models, new_alert_id, settings, time.perf_counter
        )
        enrolled = Enrolled(analyzer, around.enroller)
        tuned = Tuned(Challenged(enrolled, analyzer, around.challenger), analyzer, tuning)
        kept = self._remembered(tuned, analyzer, models.classifier.card.fingerprint)
        return models, Previewed(Witnessed(kept, around.witness, models), around.preview)

    def _remembered(self, inner: AnyAnalyzer, analyzer: StreamAnalyzer, model: str) -> AnyAnalyzer:
        book = self._company.memories
        return Remembered(inner, analyzer, book, self._stream_id, model) if book else inner
