"""Puts a stream together: its runner, and all that watches, keeps and shows what it finds."""

import functools

from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.interfaces import Source
from pipeline.model_card import ModelCard
from pipeline.types import StreamId
from stream_server.alerts import AlertBook
from stream_server.calibration.reference import DriftWatch
from stream_server.evidence.keeper import EvidenceKeeper
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse
from stream_server.settings import Settings
from stream_server.specs import StreamSpec
from stream_server.streams.chain import Chain, Company
from stream_server.streams.challenger import Challenger
from stream_server.streams.enroller import Enroller
from stream_server.streams.enrolment_book import EnrolmentBook
from stream_server.streams.entry import Kind, StreamEntry, opener_of
from stream_server.streams.memory_book import MemoryBook
from stream_server.streams.preview import Preview
from stream_server.streams.recording import Recorder
from stream_server.streams.runner import StreamRunner
from stream_server.streams.tuning import Tuning


class Assembly:
    """Makes streams by the settings of the moment; nothing that it makes runs yet."""

    def __init__(
        self,
        settings: Settings,
        models: ModelsInUse,
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
        enrolments: EnrolmentBook,
        evidence: EvidenceKeeper,
        memories: MemoryBook,
    ) -> None:
        self.settings = settings
        """Replaced by a reload; what is made afterwards goes by the new ones."""
        self._models = models
        self._hub = hub
        self._alerts = alerts
        self._metrics = metrics
        self._enrolments = enrolments
        self._evidence = evidence
        self._memories = memories

    def make(
        self,
        stream_id: StreamId,
        name: str,
        kind: Kind,
        spec: StreamSpec | None,
        source: Source | None,
        label: str,
        preset: str | None,
    ) -> StreamEntry:
        """Make one; `source` is given where there is no spec to open one by."""
        models = self._models.now
        parts = (self._hub, self._alerts, self._metrics, self._drift_watch)
        recorder = Recorder(stream_id, name, models, lambda: self._models.now.provider, *parts)
        preview, tuning = Preview(), Tuning(self.analyzer_settings(preset))
        book, mark = (self._enrolments, spec.source_mark) if spec else (None, "")
        challenger = Challenger(stream_id)
        enroller = Enroller(stream_id, models.classifier.card, book, mark)
        witness = self._evidence.witness(stream_id)
        around = (preview, enroller, challenger, tuning)
        memories = self._memories if spec else None  # a sender comes back as another stream
        company = Company(models.cards, *around, witness, recorder, memories)
        runner = StreamRunner(
            stream_id,
            witness.watching(opener_of(stream_id, spec, source)),
            functools.partial(Chain, stream_id, self._models, company),
            recorder.publish,
            self.settings.runner.as_runner_settings(models.provider),
            retry=spec is not None,
        )
        return StreamEntry(stream_id, kind, spec, recorder, runner, label, preset, *around)

    def _drift_watch(self, card: ModelCard) -> DriftWatch | None:
        """A calibration of another model says nothing about this one."""
        calibration = self.settings.calibration
        if calibration is None or calibration.void(card):
            return None
        return DriftWatch(calibration.reference.as_reference())

    def analyzer_settings(self, preset: str | None) -> AnalyzerSettings:
        """Give the settings that hold for a stream that this rule judges, or fakewatch's own."""
        return self.settings.analyzer.as_analyzer_settings(preset)
