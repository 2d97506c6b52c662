"""The metrics of the streams: read at the scrape, summed by label, gone with the stream."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipeline.types import Alert, AlertPhase, Analysis, State, TrackId
from stream_server.alerts import severity_of
from stream_server.streams.status import StreamState, StreamStatus

MAX_LABELS = 200
"""Streams with a label of their own; all further ones share "other"."""
SHARED_LABELS = ("webrtc", "other")
SEVERITIES = ("moderate", "high")
_FLOWING = frozenset(
    {
        StreamState.ANALYSING,
        StreamState.NO_FACE,
        StreamState.INSUFFICIENT,
        StreamState.DEGRADED,
        StreamState.FROZEN,
    }
)


class Tally:
    """What is counted of one stream beside its status; written by its analyser thread only."""

    def __init__(self) -> None:
        self.faces = 0
        self.skipped = 0
        self.coverage: float | None = None
        self.alerts: Counter[str] = Counter()
        self._suspect_since: dict[TrackId, float] = {}

    def observe(self, analysis: Analysis) -> None:
        """Take in one analysed frame."""
        self.faces = len(analysis.readings)
        self.skipped += analysis.faces_skipped
        windows = [reading.window.coverage for reading in analysis.readings if reading.window]
        self.coverage = min(windows, default=None)
        suspects: dict[TrackId, float] = {}
        for reading in analysis.readings:
            if reading.state in (State.SUSPECT, State.ALERT):
                since = self._suspect_since.get(reading.track_id, analysis.time_s)
                suspects[reading.track_id] = since
        self._suspect_since = suspects

    def count(self, alert: Alert) -> float | None:
        """Take in a change of an alert; seconds from suspicion to alert when it has just opened."""
        if alert.phase is not AlertPhase.OPENED:
            return None
        self.alerts[severity_of(alert)] += 1
        return alert.time_s - self._suspect_since.get(alert.track_id, alert.time_s)


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream at the moment of the scrape."""

    label: str
    status: StreamStatus
    tally: Tally


_COUNTERS = {
    "frames_received": "Frames that reached the analysis' mailbox.",
    "frames_decoded": "Frames the decoder made.",
    "frames_analysed": "Frames that were analysed.",
    "frames_scored": "Frames on which the classifier ran.",
    "frames_corrupt": "Frames that were damaged.",
    "faces_skipped": "Faces that waited for their turn, counted a frame.",
}
_KEYED_COUNTERS = {
    "frames_dropped": ("reason", "Frames that were not analysed, by reason."),
    "stream_reconnects": ("code", "Connections lost, by error code."),
    "alerts": ("severity", "Alerts opened, by severity."),
}
_Counts: TypeAlias = Counter[tuple[str, str, str]]
"""(family, stream label, value of the second label) -> count."""


def _counts_of(sample: Sample) -> _Counts:
    status, tally, label = sample.status, sample.tally, sample.label
    plain = {
        "frames_received": status.frames_received,
        "frames_decoded": status.frames_decoded,
        "frames_analysed": status.frames_analysed,
        "frames_scored": status.frames_scored,
        "frames_corrupt": status.frames_damaged,
        "faces_skipped": tally.skipped,
    }
    keyed = {
        "frames_dropped": status.drops,
        "stream_reconnects": status.reconnects_by_code,
        "alerts": dict.fromkeys(SEVERITIES, 0) | tally.alerts,
    }
    counts: _Counts = Counter({(name, label, ""): count for name, count in plain.items()})
    for name, by_key in keyed.items():
        counts.update({(name, label, key): count for key, count in by_key.items()})
    return counts


class StreamCollector(Collector):
    """Turns the streams, as they are now, into metric families.

    WebRTC sessions come and go: `retire` keeps what an ended one counted, since the counters of
    a label that lives on must not fall.
    """

    def __init__(
        self,
        samples: Callable[[], list[Sample]],
        slots: Callable[[], Mapping[str, int]],
        open_alerts: Callable[[], Iterable[Alert]],
    ) -> None:
        self._samples = samples
        self._slots = slots
        self._open_alerts = open_alerts
        self._retired: _Counts = Counter()

    def retire(self, sample: Sample) -> None:
        """Keep the counters of a stream that ended under a shared label."""
        if sample.label in SHARED_LABELS:
            self._retired.update(_counts_of(sample))

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: the registry would otherwise collect once at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family; called at each scrape."""
        samples = self._samples()
        counts: _Counts = Counter(self._retired)
        for sample in samples:
            counts.update(_counts_of(sample))
        yield from self._counters(counts)
        yield from self._gauges(samples)
        yield from self._service(samples)

    def _counters(self, counts: _Counts) -> Iterator[Metric]:
        families = {
            name: CounterMetricFamily(f"fakewatch_{name}", text, labels=["stream"])
            for name, text in _COUNTERS.items()
        }
        for name, (key, text) in _KEYED_COUNTERS.items():
            families[name] = CounterMetricFamily(f"fakewatch_{name}", text, labels=["stream", key])
        for (name, label, key), count in counts.items():
            families[name].add_metric([label, key] if name in _KEYED_COUNTERS else [label], count)
        yield from families.values()

    def _gauges(self, samples: list[Sample]) -> Iterator[Metric]:
        up = _gauge("stream_up", "1 while frames flow; of sessions: how many.", "stream")
        faces = _gauge("faces_tracked", "Faces that are followed now.", "stream")
        coverage = _gauge("window_coverage_ratio", "Least of the faces' score windows.", "stream")
        text = "Distance from the calibration (PSI); 0.25 is a lot."
        drift = _gauge("stream_drift", text, "stream")
        for label, index in _drifts(samples).items():
            drift.add_metric([label], index)
        yield drift
        flowing, tracked = Counter[str](), Counter[str]()
        lowest: dict[str, float] = {}
        for label, status, tally in ((s.label, s.status, s.tally) for s in samples):
            flows = status.state in _FLOWING
            flowing[label] += flows
            tracked[label] += tally.faces if flows else 0
            if flows and tally.coverage is not None:
                lowest[label] = min(tally.coverage, lowest.get(label, 1.0))
        for family, values in ((up, flowing), (faces, tracked), (coverage, lowest)):
            for label, value in values.items():
                family.add_metric([label], value)
            yield family

    def _service(self, samples: list[Sample]) -> Iterator[Metric]:
        states = Counter(sample.status.state.value for sample in samples)
        streams = _gauge("streams", "Streams by state.", "state")
        for state in StreamState:
            streams.add_metric([state.value], states[state.value])
        yield streams
        slots = _gauge("slots", "Places for streams: used and free.", "state")
        for name, count in self._slots().items():
            slots.add_metric([name], count)
        yield slots
        open_alerts = _gauge("alerts_open", "Alerts that are open now.", "severity")
        grades = Counter(severity_of(alert) for alert in self._open_alerts())
        for severity in SEVERITIES:
            open_alerts.add_metric([severity], grades[severity])
        yield open_alerts


def _drifts(samples: Iterable[Sample]) -> dict[str, float]:
    """The largest of each label, of the streams that are held against a calibration."""
    largest: dict[str, float] = {}
    for sample in samples:
        if sample.status.drift is not None:
            largest[sample.label] = max(sample.status.drift, largest.get(sample.label, 0.0))
    return largest


def _gauge(name: str, text: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"fakewatch_{name}", text, labels=[label])
