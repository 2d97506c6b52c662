"""A face's timeline as coordinates: score, eyes, and where it was judged."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.model_card import Thresholds
from pipeline.series import Bucket, FaceRecord, Span

WIDTH, LEFT, RIGHT = 960.0, 58.0, 946.0
SCORE_TOP, SCORE_BOTTOM = 16.0, 166.0
EYES_TOP, EYES_BOTTOM = 196.0, 256.0
STRIP_TOP, STRIP_BOTTOM = 276.0, 286.0
AXIS_Y, HEIGHT = 304.0, 310.0
_SEEK_STEPS = 60
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 10
_GAP_STEPS = 2.6
"""Neighbours further apart than that many usual steps are not joined: nothing was seen between."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a drawing."""

    x: float
    y: float
    width: float
    height: float
    title: str = ""
    start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """One face over the file: all coordinates in the drawing's own units."""

    score: str
    band: str
    frames: str
    ear: str
    baseline: str
    eye_ticks: tuple[Tick, ...]
    judged: tuple[Area, ...]
    unjudged: tuple[Area, ...]
    alerts: tuple[Area, ...]
    blinks: tuple[Area, ...]
    raise_y: float
    clear_y: float
    times: tuple[Tick, ...]
    seeks: tuple[Area, ...]
    """The whole drawing in upright stripes, for links into the video."""
    summary: str


def timeline(face: FaceRecord, duration_s: float, thresholds: Thresholds) -> Timeline:
    """Lay out one face's curves over the whole file's time."""
    scale = _Scale(max(duration_s, 0.1))
    ears = [bucket.high for bucket in (*face.ear, *face.baseline)]
    top_ear = max(0.1, math.ceil(max(ears, default=0.4) * 10) / 10)
    strip = _strip(scale, face.judged)
    return Timeline(
        score=scale.line(face.score, _score_y),
        band=scale.band(face.band_low, face.band_high),
        frames=scale.bars(face.frames, _score_y),
        ear=scale.line(_lowest(face.ear), _eyes(top_ear)),
        baseline=scale.line(face.baseline, _eyes(top_ear)),
        eye_ticks=(Tick(EYES_TOP, f"{top_ear:.1f}"), Tick(EYES_BOTTOM, "0")),
        judged=strip[0],
        unjudged=strip[1],
        alerts=tuple(scale.area(span, SCORE_TOP, SCORE_BOTTOM, "Alert") for span in face.alerts),
        blinks=tuple(scale.area(span, EYES_TOP, EYES_BOTTOM, "Blink") for span in face.blinks),
        raise_y=_score_y(thresholds.raise_at),
        clear_y=_score_y(thresholds.clear_at),
        times=scale.ticks(),
        seeks=scale.stripes(),
        summary=_summary(face),
    )


def clock(time_s: float) -> str:
    """65.4 -> "1:05"; under ten seconds with a tenth: "3.2 s"."""
    if time_s < 10:
        return f"{time_s:.1f} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class _Scale:
    """Media time to x, and curves to SVG path data."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s

    def x(self, time_s: float) -> float:
        share = min(1.0, max(0.0, time_s / self._duration_s))
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def line(self, buckets: Sequence[Bucket], y: "_Axis") -> str:
        parts = []
        for run in _runs(buckets):
            points = [f"{self.x(bucket.start_s)} {y(bucket.mean)}" for bucket in run]
            # A single point would draw nothing.
            parts.append("M" + "L".join(points) + ("h1" if len(points) == 1 else ""))
        return "".join(parts)

    def band(self, low: Sequence[Bucket], high: Sequence[Bucket]) -> str:
        parts = []
        for below, above in zip(_runs(low), _runs(high), strict=False):
            there = [f"{self.x(bucket.start_s)} {_score_y(bucket.mean)}" for bucket in below]
            back = [f"{self.x(b.start_s)} {_score_y(b.mean)}" for b in reversed(above)]
            parts.append("M" + "L".join(there + back) + "Z")
        return "".join(parts)

    def bars(self, buckets: Sequence[Bucket], y: "_Axis") -> str:
        """A short upright stroke from lowest to highest; equal ones become a dot by round caps."""
        return "".join(
            f"M{self.x(bucket.start_s)} {y(bucket.low)}V{y(bucket.high) - 0.01:.2f}"
            for bucket in buckets
        )

    def area(self, span: Span, top: float, bottom: float, what: str) -> Area:
        x, end = self.x(span.start_s), self.x(span.end_s)
        title = f"{what} {clock(span.start_s)} to {clock(span.end_s)}"
        width = max(1.5, round(end - x, 1))
        return Area(x, top, width, bottom - top, title, round(span.start_s, 1))

    def stripes(self) -> tuple[Area, ...]:
        width = round((RIGHT - LEFT) / _SEEK_STEPS, 2)
        starts = (self._duration_s * index / _SEEK_STEPS for index in range(_SEEK_STEPS))
        return tuple(
            Area(
                self.x(start_s),
                SCORE_TOP,
                width,
                STRIP_BOTTOM - SCORE_TOP,
                f"Watch from {clock(start_s)}",
                round(start_s, 1),
            )
            for start_s in starts
        )

    def ticks(self) -> tuple[Tick, ...]:
        wanted = (s for s in _STEPS_S if self._duration_s / s <= _MOST_TICKS)
        step_s = next(wanted, self._duration_s / _MOST_TICKS)
        count = int(self._duration_s / step_s)
        return tuple(Tick(self.x(i * step_s), _time_label(i * step_s)) for i in range(count + 1))


class _Axis:
    """A value to y."""

    def __init__(self, top: float, bottom: float, highest: float) -> None:
        self._top, self._bottom, self._highest = top, bottom, highest

    def __call__(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self._highest))
        return round(self._bottom - share * (self._bottom - self._top), 1)


_score_y = _Axis(SCORE_TOP, SCORE_BOTTOM, 1.0)


def _eyes(highest: float) -> _Axis:
    return _Axis(EYES_TOP, EYES_BOTTOM, highest)


def _lowest(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Eyes by their lowest value: where a bucket holds a blink, the blink must show."""
    return [Bucket(b.start_s, b.low, b.high, b.low) for b in buckets]


def _runs(buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    """Cut a curve where nothing was seen."""
    if not buckets:
        return []
    pairs = list(itertools.pairwise(buckets))
    steps = sorted(b.start_s - a.start_s for a, b in pairs)
    usual_s = steps[len(steps) // 2] if steps else 0.0
    runs = [[buckets[0]]]
    for before, bucket in pairs:
        if bucket.start_s - before.start_s > _GAP_STEPS * usual_s:
            runs.append([])
        runs[-1].append(bucket)
    return runs


def _strip(scale: _Scale, judged: Sequence[Bucket]) -> tuple[tuple[Area, ...], tuple[Area, ...]]:
    """Where the face was judged, and where it was seen but not judged."""
    areas: dict[bool, list[Area]] = {True: [], False: []}
    for run in _runs(judged):
        width_s = run[1].start_s - run[0].start_s if len(run) > 1 else 0.2
        start_s = run[0].start_s
        for index, bucket in enumerate(run):
            was_judged = bucket.mean >= 0.5
            last = index + 1 == len(run)
            if last or (run[index + 1].mean >= 0.5) != was_judged:
                end_s = bucket.start_s + width_s
                span = Span(start_s, end_s)
                what = "Judged" if was_judged else "Seen, not judged"
                areas[was_judged].append(scale.area(span, STRIP_TOP, STRIP_BOTTOM, what))
                start_s = end_s
    return tuple(areas[True]), tuple(areas[False])


def _time_label(time_s: float) -> str:
    minutes, seconds = divmod(time_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02.0f}"
    return (
        f"{minutes}:{seconds:02.0f}" if time_s >= 60 or seconds == int(seconds) else f"{time_s:g} s"
    )


def _summary(face: FaceRecord) -> str:
    """What the drawing shows, for those who cannot see it."""
    peak = max((bucket.high for bucket in face.score), default=None)
    if peak is None:
        return "This face could not be judged at any time."
    return (
        f"The score was highest at {clock(face.peak_s)} with {peak:.0%};"
        f" {len(face.alerts)} alert spans and {len(face.blinks)} blinks are marked."
    )
