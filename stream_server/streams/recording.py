"""What becomes of a stream's results: alerts are kept, numbers counted, listeners told."""

import secrets
from datetime import UTC, datetime

from pipeline.types import AlertId, StreamId
from stream_server.alerts import AlertBook
from stream_server.live import EventHub, LiveAlert, LiveAnalysis, LiveEvent
from stream_server.metrics import Metrics
from stream_server.streams.stream_metrics import Tally


class Recorder:
    """The listener of one stream's runner; called from its threads, in order."""

    def __init__(
        self,
        stream_id: StreamId,
        name: str,
        model: str,
        hub: EventHub,
        alerts: AlertBook,
        metrics: Metrics,
    ) -> None:
        self.name = name
        """Written into alerts; a change of the stream's name replaces it."""
        self.tally = Tally()
        self._stream_id = stream_id
        self._model = model
        self._hub = hub
        self._alerts = alerts
        self._metrics = metrics

    def publish(self, event: LiveEvent) -> None:
        """Record an event and pass it on."""
        if isinstance(event, LiveAnalysis):
            self.tally.observe(event.analysis)
            self._metrics.observe(event)
            self._record_alerts(event)
        self._hub.publish(event)

    def close_alerts(self, why: str) -> None:
        """Close what is still open of this stream: it is not watched any more."""
        for closed in self._alerts.close_open(datetime.now(UTC), why, self._stream_id):
            self._hub.publish(closed)

    def _record_alerts(self, event: LiveAnalysis) -> None:
        for change in event.analysis.alerts:
            recorded: LiveAlert = self._alerts.apply(
                self._stream_id, self.name, change, self._model, datetime.now(UTC)
            )
            delay_s = self.tally.count(recorded.alert)
            if delay_s is not None:
                self._metrics.time_to_open.observe(delay_s)
            self._hub.publish(recorded)


def new_alert_id() -> AlertId:
    """Make an id that nobody can guess and that never comes twice."""
    return AlertId(f"alert-{secrets.token_hex(8)}")
