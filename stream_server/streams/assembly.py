"""Puts a stream together: its runner, and all that watches, keeps and shows what it finds."""

import functools

from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.interfaces import Source
from pipeline.load import Models
from pipeline.types import StreamId
from stream_server.alerts import AlertBook
from stream_server.calibration.reference import DriftWatch
from stream_server.evidence.keeper import EvidenceKeeper
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.settings import Settings
from stream_server.specs import StreamSpec
from stream_server.streams.chain import analyzer_chain
from stream_server.streams.challenger import Challenger
from stream_server.streams.enroller import Enroller
from stream_server.streams.enrolment_book import EnrolmentBook
from stream_server.streams.entry import Kind, StreamEntry, opener_of
from stream_server.streams.preview import Preview
from stream_server.streams.recording import Recorder
from stream_server.streams.runner import StreamRunner
from stream_server.streams.tuning import Tuning


class Assembly:
    """Makes streams by the settings of the moment; nothing that it makes runs yet."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
        enrolments: EnrolmentBook,
        evidence: EvidenceKeeper,
    ) -> None:
        self.settings = settings
        """Replaced by a reload; what is made afterwards goes by the new ones."""
        self._models = models
        self._hub = hub
        self._alerts = alerts
        self._metrics = metrics
        self._enrolments = enrolments
        self._evidence = evidence

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
        card = self._models.classifier.card
        recorder = self._recorder(stream_id, name)
        preview, tuning = Preview(), Tuning(self.analyzer_settings(preset))
        book, mark = (self._enrolments, spec.source_mark) if spec else (None, "")
        challenger, enroller = Challenger(stream_id), Enroller(stream_id, card, book, mark)
        witness = self._evidence.witness(stream_id)
        around = (preview, enroller, challenger)
        runner = StreamRunner(
            stream_id,
            witness.watching(opener_of(stream_id, spec, source)),
            functools.partial(analyzer_chain, stream_id, self._models, tuning, *around, witness),
            recorder.publish,
            self.settings.runner.as_runner_settings(self._models.provider),
            retry=spec is not None,
        )
        return StreamEntry(stream_id, kind, spec, recorder, runner, label, preset, *around, tuning)

    def _recorder(self, stream_id: StreamId, name: str) -> Recorder:
        model = self._models.classifier.card.fingerprint
        parts = (self._hub, self._alerts, self._metrics, self._drift_watch())
        return Recorder(stream_id, name, model, *parts)

    def _drift_watch(self) -> DriftWatch | None:
        """A calibration of another model says nothing about this one."""
        calibration = self.settings.calibration
        if calibration is None or calibration.void(self._models.classifier.card):
            return None
        return DriftWatch(calibration.reference.as_reference())

    def analyzer_settings(self, preset: str | None) -> AnalyzerSettings:
        """Give the settings that hold for a stream that this rule judges, or fakewatch's own."""
        return self.settings.analyzer.as_analyzer_settings(preset)
