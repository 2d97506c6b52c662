"""Rolling blink statistics of one person: how often, how long, how regularly, and how sure."""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import pairwise

from pipeline.blink_events import Blink, BlinkSegmenter, SegmentSettings
from pipeline.blink_evidence import llr, poisson_interval
from pipeline.eyes import measure_eyes
from pipeline.types import BlinkStats, EyeSample

__all__ = ["BlinkMeter", "BlinkSettings", "SegmentSettings", "measure_eyes"]


@dataclass(frozen=True, slots=True)
class BlinkSettings:
    """How long to look, and how much must be seen before anything is said."""

    window_s: float = 60.0
    min_observed_s: float = 30.0
    """P(no blink | real) falls under 1 % between 24 and 35 s of silent gaze."""
    min_fps: float = 8.0
    """Fewer samples a second miss ordinary blinks of 0.1 to 0.2 s."""
    max_gap_share: float = 0.2
    complete_amplitude: float = 0.6
    segment: SegmentSettings = field(default_factory=SegmentSettings)


@dataclass(frozen=True, slots=True)
class _Summary:
    """What the blinks in the window say; changes only when a blink comes or goes."""

    blinks: int = 0
    mean_closed_s: float | None = None
    mean_interval_s: float | None = None
    interval_cv: float | None = None
    incomplete_share: float | None = None
    widths_s: tuple[float, ...] = ()
    last_end_s: float | None = None


class BlinkMeter:
    """Takes the eyes as they are seen and keeps the statistics of the last minute.

    A rate over nothing is unknown, not zero: time counts as observed only while both the eyes
    were measurable and the samples came fast enough to see a blink.
    """

    def __init__(self, settings: BlinkSettings = BlinkSettings()) -> None:
        self._settings = settings
        self._segmenter = BlinkSegmenter(settings.segment)
        self._spans: deque[tuple[float, float, str]] = deque()
        self._sums = {"seen": 0.0, "gap": 0.0, "hidden": 0.0}
        self._counts = dict.fromkeys(self._sums, 0)
        self._blinks: deque[Blink] = deque()
        self._summary = _Summary()
        self._last_s: float | None = None
        self._visible = False
        self._ear: float | None = None

    def update(self, sample: EyeSample | None, time_s: float) -> BlinkStats:
        """Take the eyes at `time_s` (None: not measurable) and say what the last minute shows."""
        dt = 0.0 if self._last_s is None else time_s - self._last_s
        if self._last_s is not None and dt <= 0:
            return self._stats(self._last_s)
        self._last_s = time_s
        ear = sample.ear if sample is not None else None
        dt = self._account(time_s, dt, seen=ear is not None)
        if sample is None or ear is None:
            self._segmenter.break_off()
        else:
            blink = self._segmenter.add(ear, sample.eye_blink, time_s, dt)
            if blink is not None:
                self._keep(blink)
        self._ear = ear
        self._visible = ear is not None
        self._forget(time_s)
        return self._stats(time_s)

    def _account(self, time_s: float, dt: float, *, seen: bool) -> float:
        """Book the time since the last sample; return it if the eyes were followed through it."""
        if dt <= 0:
            return 0.0
        if dt > self._settings.segment.gap_s:
            self._segmenter.break_off()
            kind = "gap" if self._visible or seen else "hidden"
        elif seen and self._visible:
            kind = "seen" if self._segmenter.baseline is not None else "warmup"
        else:
            kind = "hidden"
        if kind in self._sums:
            self._spans.append((time_s, dt, kind))
            self._sums[kind] += dt
            self._counts[kind] += 1
        return dt if kind in {"seen", "warmup"} else 0.0

    def _keep(self, blink: Blink) -> None:
        """Add a blink, as one with the last if that ended only just before."""
        segment = self._settings.segment
        last = self._blinks[-1] if self._blinks else None
        if last is not None and blink.start_s - last.end_s < segment.merge_s:
            joined = Blink(last.start_s, blink.end_s, max(last.amplitude, blink.amplitude))
            self._blinks.pop()
            if joined.end_s - joined.start_s > segment.max_s:
                self._summary = self._summarise()
                return
            blink = joined
        self._blinks.append(blink)
        self._summary = self._summarise()

    def _forget(self, time_s: float) -> None:
        since = time_s - self._settings.window_s
        while self._spans and self._spans[0][0] <= since:
            _, dt, kind = self._spans.popleft()
            self._sums[kind] -= dt
            self._counts[kind] -= 1
        if self._blinks and self._blinks[0].end_s <= since:
            self._blinks.popleft()
            self._summary = self._summarise()

    def _summarise(self) -> _Summary:
        blinks = list(self._blinks)
        if not blinks:
            return replace(_Summary(), last_end_s=self._summary.last_end_s)
        widths = tuple(blink.end_s - blink.start_s for blink in blinks)
        starts = [blink.start_s for blink in blinks]
        intervals = [b - a for a, b in pairwise(starts)]
        mean = sum(intervals) / len(intervals) if intervals else None
        spread = None
        if mean is not None and len(intervals) >= 2:
            spread = math.sqrt(sum((i - mean) ** 2 for i in intervals) / (len(intervals) - 1))
        partial = sum(b.amplitude <= self._settings.complete_amplitude for b in blinks)
        return _Summary(
            blinks=len(blinks),
            mean_closed_s=sum(widths) / len(widths),
            mean_interval_s=mean,
            interval_cv=spread / mean if spread is not None and mean else None,
            incomplete_share=partial / len(blinks),
            widths_s=widths,
            last_end_s=blinks[-1].end_s,
        )

    def _reason(self, observed_s: float) -> str | None:
        gap_s, hidden_s = self._sums["gap"], self._sums["hidden"]
        visible_s = observed_s + gap_s
        samples = self._counts["seen"] + self._counts["gap"]
        if visible_s > 2.0 and samples < self._settings.min_fps * visible_s:
            return "low_fps"
        if gap_s > self._settings.max_gap_share * visible_s:
            return "gaps"
        if observed_s >= self._settings.min_observed_s:
            return None
        return "eyes_hidden" if hidden_s > max(2.0, observed_s) else "short"

    def _stats(self, time_s: float) -> BlinkStats:
        observed_s = max(0.0, self._sums["seen"])
        fps = self._counts["seen"] / observed_s if observed_s > 0.5 else 0.0
        reason = self._reason(observed_s)
        found = self._summary
        per_min = 60 / observed_s if reason is None else None
        low, high = poisson_interval(found.blinks)
        evidence = 0.0
        if reason is None:
            evidence = llr(found.blinks, observed_s, found.widths_s, found.interval_cv, fps)
        return BlinkStats(
            window_s=self._settings.window_s,
            observed_s=observed_s,
            fps=fps,
            blinks=found.blinks,
            rate_per_min=found.blinks * per_min if per_min else None,
            rate_low_per_min=low * per_min if per_min else None,
            rate_high_per_min=high * per_min if per_min else None,
            mean_closed_s=found.mean_closed_s,
            mean_interval_s=found.mean_interval_s,
            interval_cv=found.interval_cv,
            incomplete_share=found.incomplete_share,
            since_last_s=None if found.last_end_s is None else time_s - found.last_end_s,
            ear=self._ear,
            baseline_ear=self._segmenter.baseline,
            closed=self._segmenter.closed,
            llr=evidence,
            sufficient=reason is None,
            reason=reason,
        )
