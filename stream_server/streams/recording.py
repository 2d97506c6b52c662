"""What becomes of a stream's results: alerts are kept, numbers counted, listeners told."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.load import Models
from pipeline.model_card import ModelCard
from pipeline.types import AlertId, StreamId
from stream_server.alerts import AlertBook
from stream_server.calibration.recordings import sample_of
from stream_server.calibration.reference import DriftWatch, warning_of
from stream_server.live import EventHub, LiveAlert, LiveAnalysis, LiveEvent, LiveStatus
from stream_server.metrics import Metrics
from stream_server.streams.status import StreamStatus
from stream_server.streams.stream_metrics import Tally


class Recorder:
    """The listener of one stream's runner; called from its threads, in order."""

    def __init__(
        self,
        stream_id: StreamId,
        name: str,
        models: Models,
        provider: Callable[[], str],
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
        drift_watch: Callable[[ModelCard], DriftWatch | None],
    ) -> None:
        """Take what belongs to one stream.

        `provider` says where the models in use run at the moment; `drift_watch` gives what holds
        the stream against a calibration of that classifier.
        """
        self.suspended_until: datetime | None = None
        """Aware, UTC: until then alerts are kept, but not delivered."""
        self.name = name
        """Written into alerts; a change of the stream's name replaces it."""
        self.tally = Tally()
        self._stream_id = stream_id
        self._drift_watch = drift_watch
        self._provider = provider
        self._follow(models)
        self._hub = hub
        self._alerts = alerts
        self._metrics = metrics

    def publish(self, event: LiveEvent) -> None:
        """Record an event and pass it on."""
        if isinstance(event, LiveAnalysis):
            self.tally.observe(event.analysis)
            self._metrics.observe(event)
            self._record_alerts(event)
            self._watch_drift(event)
        if isinstance(event, LiveStatus):
            event = replace(event, status=self.dressed(event.status))
        self._hub.publish(event)

    def follow(self, models: Models, why: str) -> None:
        """Note results of other models from now on; what is open was found by those before."""
        self.close_alerts(why)
        self._follow(models)

    def _follow(self, models: Models) -> None:
        card = models.classifier.card
        self._model = card.fingerprint
        self._drift = self._drift_watch(card)

    @property
    def is_suspended(self) -> bool:
        """Alerts are not delivered at the moment."""
        return self.suspended_until is not None and datetime.now(UTC) < self.suspended_until

    def dressed(self, status: StreamStatus) -> StreamStatus:
        """The runner's status with what is known of models, suspension and drift."""
        watch = self._drift
        drift = watch.drift if watch else None
        return replace(
            status,
            provider=self._provider(),
            model=self._model,
            suspended_until=self.suspended_until if self.is_suspended else None,
            drift=drift.index if drift else None,
            drift_text=warning_of(drift) if drift else None,
        )

    def close_alerts(self, why: str) -> None:
        """Close what is still open of this stream: it is not watched any more."""
        for closed in self._alerts.close_open(datetime.now(UTC), why, self._stream_id):
            self._hub.publish(closed)

    def _record_alerts(self, event: LiveAnalysis) -> None:
        for change in event.analysis.alerts:
            recorded: LiveAlert = self._alerts.apply(
                self._stream_id,
                self.name,
                change,
                self._model,
                datetime.now(UTC),
                suspended=self.is_suspended,
            )
            # What is told late, after a suspension, was counted when it opened.
            delay_s = self.tally.count(replace(recorded.alert, phase=change.phase))
            if delay_s is not None:
                self._metrics.time_to_open.observe(delay_s)
            self._hub.publish(recorded)

    def _watch_drift(self, event: LiveAnalysis) -> None:
        if self._drift is None:
            return
        for reading in event.analysis.readings:
            row = sample_of(reading)
            if row is not None:
                self._drift.add(row, event.analysis.time_s)


def new_alert_id() -> AlertId:
    """Make an id that nobody can guess and that never comes twice."""
    return AlertId(f"alert-{secrets.token_hex(8)}")
