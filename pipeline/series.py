"""What was seen over a whole file, kept small: curves that get coarser instead of longer."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from pipeline.types import AlertChange, AlertId, AlertPhase, Analysis, Reading, TrackId

LONGEST_STEP_S = 1.0
"""More time than that between two frames counts as not observed."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """All values of a stretch of media time."""

    start_s: float
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds of media time."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """What one face showed over the file."""

    track_id: TrackId
    seen_s: float
    judged_s: float
    unjudged: tuple[tuple[str, float], ...]
    """Seconds by reason, longest first: a `Quality.reason`, or "short" (too few looks so far)."""
    score: tuple[Bucket, ...]
    """The fused probability: what alerts are raised on."""
    band_low: tuple[Bucket, ...]
    band_high: tuple[Bucket, ...]
    frames: tuple[Bucket, ...]
    """The classifier's answers to single crops."""
    ear: tuple[Bucket, ...]
    baseline: tuple[Bucket, ...]
    judged: tuple[Bucket, ...]
    """1 where the face could be judged, 0 where it could not; nothing where it was not seen."""
    blinks: tuple[Span, ...]
    blinks_left_out: int
    alerts: tuple[Span, ...]
    peak_s: float
    """When the fused probability was highest."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What was observed in a file, and what was not."""

    frames: int
    observed_s: float
    face_s: float
    """Seconds in which at least one face was seen."""
    judged_s: float
    """Seconds in which at least one face could be judged."""
    most_faces: int
    faces_skipped: int
    """Most faces at once that had to wait for their turn."""
    faces: tuple[FaceRecord, ...]
    faces_left_out: int
    """Less suspicious faces whose curves were dropped to keep this small."""


class Series:
    """A curve of bounded length: when it has too many buckets they are joined in pairs.

    Lowest and highest value of each stretch survive, so that neither a spike nor a blink is lost.
    """

    def __init__(self, limit: int = 480, step_s: float = 0.125) -> None:
        self._limit, self._step_s = limit, step_s
        self._rows: list[tuple[int, float, float, float, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, time_s: float, value: float) -> None:
        """Take a value; times never go back."""
        index = int(time_s // self._step_s)
        row = (index, value, value, value, 1)
        if self._rows and self._rows[-1][0] == index:
            row = _joined(self._rows.pop(), row)
        self._rows.append(row)
        while len(self._rows) > self._limit:
            self._coarsen()

    def buckets(self) -> tuple[Bucket, ...]:
        """The curve; stretches without a value are missing."""
        return tuple(
            Bucket(index * self._step_s, low, high, total / count)
            for index, low, high, total, count in self._rows
        )

    def _coarsen(self) -> None:
        self._step_s *= 2
        rows: list[tuple[int, float, float, float, int]] = []
        for index, low, high, total, count in self._rows:
            row = (index // 2, low, high, total, count)
            if rows and rows[-1][0] == row[0]:
                row = _joined(rows.pop(), row)
            rows.append(row)
        self._rows = rows


def _joined(
    a: tuple[int, float, float, float, int], b: tuple[int, float, float, float, int]
) -> tuple[int, float, float, float, int]:
    return a[0], min(a[1], b[1]), max(a[2], b[2]), a[3] + b[3], a[4] + b[4]


CURVES = ("score", "band_low", "band_high", "frames", "ear", "baseline", "judged")


@dataclass(slots=True)
class _Seen:
    """One face while the file runs."""

    track_id: TrackId
    limit: int
    curves: dict[str, Series]
    seen_s: float = 0.0
    judged_s: float = 0.0
    unjudged: dict[str, float] = field(default_factory=dict)
    blinks: list[Span] = field(default_factory=list)
    blinks_left_out: int = 0
    closed_s: float | None = None
    alerts: dict[AlertId, Span] = field(default_factory=dict)
    peak_prob: float = -1.0
    peak_s: float = 0.0

    def add(self, reading: Reading, time_s: float, step_s: float) -> None:
        """Take in one frame."""
        self.seen_s += step_s
        prob = reading.fused_prob
        self._draw("judged", time_s, float(prob is not None))
        if prob is None:
            why = reading.quality.reason or "short"
            self.unjudged[why] = self.unjudged.get(why, 0.0) + step_s
        else:
            self.judged_s += step_s
            self._draw("score", time_s, prob)
            self._draw("band_low", time_s, reading.low_prob)
            self._draw("band_high", time_s, reading.high_prob)
            if prob > self.peak_prob:
                self.peak_prob, self.peak_s = prob, time_s
        if reading.scored:
            self._draw("frames", time_s, reading.frame_fake_prob)
        if reading.blink is not None:
            self._draw("ear", time_s, reading.blink.ear)
            self._draw("baseline", time_s, reading.blink.baseline_ear)
            self._blink(closed=reading.blink.closed, time_s=time_s)

    def _draw(self, curve: str, time_s: float, value: float | None) -> None:
        if value is not None:
            self.curves[curve].add(time_s, value)

    def _blink(self, *, closed: bool, time_s: float) -> None:
        if closed and self.closed_s is None:
            self.closed_s = time_s
        elif not closed and self.closed_s is not None:
            if len(self.blinks) < self.limit:
                self.blinks.append(Span(self.closed_s, time_s))
            else:
                self.blinks_left_out += 1
            self.closed_s = None

    def alert(self, change: AlertChange) -> None:
        """Stretch the alert's span up to this change."""
        if change.alert_id in self.alerts or len(self.alerts) < self.limit:
            end_s = max(change.time_s, change.opened_s)
            self.alerts[change.alert_id] = Span(change.opened_s, end_s)

    def record(self, open_until_s: float, open_alerts: set[AlertId]) -> FaceRecord:
        spans = (
            replace(span, end_s=max(span.end_s, open_until_s)) if key in open_alerts else span
            for key, span in self.alerts.items()
        )
        return FaceRecord(
            track_id=self.track_id,
            seen_s=self.seen_s,
            judged_s=self.judged_s,
            unjudged=tuple(sorted(self.unjudged.items(), key=lambda item: -item[1])),
            blinks=tuple(self.blinks),
            blinks_left_out=self.blinks_left_out,
            alerts=tuple(spans),
            peak_s=self.peak_s,
            **{name: self.curves[name].buckets() for name in CURVES},
        )


class Recorder:
    """Collects the analyses of one file within bounds, however long the file is.

    `step_s` is the length of a bucket as long as no curve has more than `points` of them.
    """

    def __init__(self, max_faces: int = 32, points: int = 480, step_s: float = 0.125) -> None:
        self._max_faces, self._points, self._step_s = max_faces, points, step_s
        self._faces: dict[TrackId, _Seen] = {}
        self._open: set[AlertId] = set()
        self._dropped: set[TrackId] = set()
        self._totals = FileRecord(0, 0.0, 0.0, 0.0, 0, 0, (), 0)
        self._last_s: float | None = None

    def add(self, analysis: Analysis) -> None:
        """Take in one frame."""
        time_s = analysis.time_s
        step_s = self._step(time_s)
        self._count(analysis, step_s)
        for reading in analysis.readings:
            if reading.track_id not in self._dropped:
                self._meet(reading.track_id).add(reading, time_s, step_s)
        for change in analysis.alerts:
            if change.track_id in self._faces:
                self._faces[change.track_id].alert(change)
            is_open = change.phase is not AlertPhase.CLOSED
            (self._open.add if is_open else self._open.discard)(change.alert_id)
        if len(self._faces) > self._max_faces:
            self._drop_one({reading.track_id for reading in analysis.readings})

    def record(self) -> FileRecord:
        """What was collected, most suspicious face first."""
        faces = sorted(self._faces.values(), key=lambda seen: -seen.peak_prob)
        until_s = self._last_s or 0.0
        return replace(
            self._totals,
            faces=tuple(seen.record(until_s, self._open) for seen in faces),
            faces_left_out=len(self._dropped),
        )

    def _step(self, time_s: float) -> float:
        before_s, self._last_s = self._last_s, time_s
        return 0.0 if before_s is None else min(LONGEST_STEP_S, max(0.0, time_s - before_s))

    def _count(self, analysis: Analysis, step_s: float) -> None:
        totals, readings = self._totals, analysis.readings
        judged = any(reading.fused_prob is not None for reading in readings)
        self._totals = replace(
            totals,
            frames=totals.frames + 1,
            observed_s=totals.observed_s + step_s,
            face_s=totals.face_s + (step_s if readings else 0.0),
            judged_s=totals.judged_s + (step_s if judged else 0.0),
            most_faces=max(totals.most_faces, len(readings) + analysis.faces_skipped),
            faces_skipped=max(totals.faces_skipped, analysis.faces_skipped),
        )

    def _meet(self, track_id: TrackId) -> _Seen:
        if track_id not in self._faces:
            curves = {name: Series(self._points, self._step_s) for name in CURVES}
            self._faces[track_id] = _Seen(track_id, self._points, curves)
        return self._faces[track_id]

    def _drop_one(self, present: AbstractSet[TrackId]) -> None:
        """Forget the least suspicious face that has left; the shortest among equals."""
        gone = [seen for seen in self._faces.values() if seen.track_id not in present]
        if gone:
            least = min(gone, key=lambda seen: (seen.peak_prob, seen.seen_s))
            del self._faces[least.track_id]
            self._dropped.add(least.track_id)
