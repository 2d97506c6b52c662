"""The metrics of the service, in Prometheus' text form; a scrape reads memory only."""

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from pipeline.types import Analysis, StreamId
from stream_server.live import LiveAnalysis

AGE_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
STAGE_BUCKETS_S = (0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
OPEN_BUCKETS_S = (0.5, 1, 2, 3, 4, 6, 8, 12, 20, 30, 60)
LAG_BUCKETS_S = (0.1, 0.5, 1, 5, 30, 300, 1800, 7200, 43200)
LOOP_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

# They would double the number of series and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Everything that is counted at the place where it happens.

    What belongs to one stream is read from the streams at the scrape (`stream_metrics.py`), so
    that its series vanish with it.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._make_service_metrics()
        self._make_stage_metrics()
        self._make_edge_metrics()
        self._make_delivery_metrics()
        self._make_evidence_metrics()

    def _make_service_metrics(self) -> None:
        self.build_info = Info(
            "fakewatch_build", "Version of the running service.", registry=self.registry
        )
        self.build_info.info({"version": version("fakewatch"), "python": platform.python_version()})
        self.ready = self._gauge("ready", "1 while /readyz says that the service is ready.")
        self.canary_success = self._gauge(
            "canary_success_timestamp_seconds",
            "Unix time of the newest good answer to the classifier's known picture.",
        )
        self.event_loop_lag = Histogram(
            "fakewatch_event_loop_lag_seconds",
            "How much later than asked the event loop woke up.",
            buckets=LOOP_BUCKETS_S,
            registry=self.registry,
        )
        self.config_reloads = self._counter(
            "config_reloads_total", "Changes of the settings by what became of them.", ("result",)
        )
        for result in ("applied", "refused"):
            self.config_reloads.labels(result)
        self.disk_free = self._gauge("disk_free_bytes", "Free space where the service stores.")

    def _make_stage_metrics(self) -> None:
        self.frame_age = self._histogram(
            "frame_age_seconds",
            "From a frame's receipt to the end of its analysis; scored: the classifier ran on it.",
            ("stage",),
            AGE_BUCKETS_S,
        )
        self.stage_duration = self._histogram(
            "stage_duration_seconds", "Time of each stage of a frame.", ("stage",), STAGE_BUCKETS_S
        )
        self.inference_duration = self._histogram(
            "inference_duration_seconds",
            "Time of each call of a model.",
            ("model", "provider"),
            STAGE_BUCKETS_S,
        )
        self.inference_invalid = self._counter(
            "inference_invalid_total", "Answers of a model that are no finite number.", ("model",)
        )
        self.execution_provider = self._gauge(
            "execution_provider_info", "1: this model runs on this device.", ("model", "provider")
        )
        self.time_to_open = self._histogram(
            "alert_time_to_open_seconds",
            "Media time from a track's first sign of manipulation to its alert.",
            (),
            OPEN_BUCKETS_S,
        )

    def _make_edge_metrics(self) -> None:
        self.webrtc_sessions = self._gauge("webrtc_sessions", "Open WebRTC sessions.")
        self.webrtc_offers = self._counter(
            "webrtc_offers_total", "WebRTC offers by what became of them.", ("result",)
        )
        self.webrtc_packets_lost = self._counter(
            "webrtc_packets_lost_total", "RTP packets that WebRTC sessions lost."
        )
        self.clients = self._gauge("ws_clients", "Open live connections.", ("kind",))
        for kind in ("ws", "sse"):
            self.clients.labels(kind)
        self.dropped = self._counter(
            "ws_dropped_total", "Live connections that were closed because they read too slowly."
        )

        self.uploads = self._gauge("uploads", "Uploaded files by state.", ("state",))
        self.uploads_finished = self._counter(
            "uploads_finished_total", "Uploaded files by what became of them.", ("result",)
        )

    def _make_delivery_metrics(self) -> None:
        self.outbox_pending = self._gauge(
            "outbox_pending", "Deliveries that wait for a sink.", ("sink",)
        )
        self.outbox_dead = self._gauge(
            "outbox_dead", "Deliveries that were given up and wait for a person.", ("sink",)
        )
        self.deliveries = self._counter(
            "deliveries_total", "Tries to deliver: delivered, retried or dead.", ("sink", "result")
        )
        self.delivery_lag = self._histogram(
            "delivery_lag_seconds",
            "From an alert's change to its delivery.",
            ("sink",),
            LAG_BUCKETS_S,
        )

    def _make_evidence_metrics(self) -> None:
        self.evidence_bundles = self._counter(
            "evidence_bundles_total", "Alerts by what is kept of them, or failed.", ("result",)
        )
        self.evidence_dropped = self._counter(
            "evidence_dropped_total", "What was dropped where evidence fell behind.", ("kind",)
        )
        self.evidence_bytes = self._gauge("evidence_bytes", "Bytes of all evidence bundles.")

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"fakewatch_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"fakewatch_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(f"fakewatch_{name}", text, labels, buckets=buckets, registry=self.registry)

    def collect_from(self, collector: Collector) -> None:
        """Add metrics that are read from elsewhere at each scrape."""
        self.registry.register(collector)

    def observe(self, event: LiveAnalysis) -> None:
        """Book the timings of one frame."""
        age_s = event.age_ms / 1000
        self.frame_age.labels("analysed").observe(age_s)
        if was_scored(event.analysis):
            self.frame_age.labels("scored").observe(age_s)
        for stage, seconds in event.analysis.stage_s:
            self.stage_duration.labels(stage).observe(seconds)

    def page(self, sees: Callable[[StreamId], bool] = lambda _: True) -> bytes:
        """Write all metrics in Prometheus' text form, without those of streams unseen."""
        return generate_latest(_Seen(self.registry, sees))


class _Seen(CollectorRegistry):
    """A registry as somebody sees it who may see some streams only."""

    def __init__(self, registry: CollectorRegistry, sees: Callable[[StreamId], bool]) -> None:
        super().__init__()
        self._all = registry
        self._sees = sees

    def collect(self) -> Iterator[Metric]:
        """Leave out what is labelled with another stream."""
        for family in self._all.collect():
            family.samples = [
                sample
                for sample in family.samples
                if "stream" not in sample.labels or self._sees(StreamId(sample.labels["stream"]))
            ]
            yield family


def was_scored(analysis: Analysis) -> bool:
    """Whether the classifier ran on this very frame."""
    return any(reading.scored for reading in analysis.readings)
