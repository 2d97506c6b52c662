"""What the blinks of the last seconds were: one sliding window of observed time and events."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.blink_events import Blink, SegmentSettings

LATE_LID_S = 0.08
"""People's eyes close within a frame of each other; a lid that comes later than this is late."""


@dataclass(frozen=True, slots=True)
class Enough:
    """What must have been seen before anything is said."""

    observed_s: float
    fps: float
    gap_share: float


@dataclass(frozen=True, slots=True)
class BlinkSummary:
    """What the blinks in a window say; changes only when a blink comes or goes."""

    blinks: int = 0
    mean_closed_s: float | None = None
    mean_interval_s: float | None = None
    interval_cv: float | None = None
    incomplete_share: float | None = None
    lid_lag_s: float | None = None
    lags: int = 0
    late_lids: int = 0
    widths_s: tuple[float, ...] = ()
    last_end_s: float | None = None


class BlinkWindow:
    """Observed seconds by kind ("seen", "gap", "hidden") and blinks, forgotten by age."""

    def __init__(self, window_s: float, segment: SegmentSettings, complete: float) -> None:
        self.window_s = window_s
        self._segment, self._complete = segment, complete
        self._spans: deque[tuple[float, float, str]] = deque()
        self._sums = {"seen": 0.0, "gap": 0.0, "hidden": 0.0}
        self._counts = dict.fromkeys(self._sums, 0)
        self._blinks: deque[Blink] = deque()
        self.summary = BlinkSummary()

    @property
    def observed_s(self) -> float:
        """Seconds in which the eyes were followed fast enough."""
        return max(0.0, self._sums["seen"])

    @property
    def fps(self) -> float:
        """Eye samples a second over the observed time."""
        return self._counts["seen"] / self.observed_s if self.observed_s > 0.5 else 0.0

    def book(self, time_s: float, dt: float, kind: str) -> None:
        """Take `dt` seconds that ended at `time_s`; an unknown kind counts for nothing."""
        if kind in self._sums:
            self._spans.append((time_s, dt, kind))
            self._sums[kind] += dt
            self._counts[kind] += 1

    def keep(self, blink: Blink) -> None:
        """Add a blink, as one with the last if that ended only just before."""
        last = self._blinks[-1] if self._blinks else None
        if last is not None and blink.start_s - last.end_s < self._segment.merge_s:
            self._blinks.pop()
            amplitude = max(last.amplitude, blink.amplitude)
            blink = Blink(last.start_s, blink.end_s, amplitude, last.lag_s)
            if blink.end_s - blink.start_s > self._segment.max_s:
                self.summary = self._summarise()
                return
        self._blinks.append(blink)
        self.summary = self._summarise()

    def forget(self, time_s: float) -> None:
        """Let go of what is older than the window."""
        since = time_s - self.window_s
        while self._spans and self._spans[0][0] <= since:
            _, dt, kind = self._spans.popleft()
            self._sums[kind] -= dt
            self._counts[kind] -= 1
        if self._blinks and self._blinks[0].end_s <= since:
            self._blinks.popleft()
            self.summary = self._summarise()

    def lack(self, enough: Enough) -> str | None:
        """Why nothing is said yet: "low_fps", "gaps", "eyes_hidden" or "short"; None if enough."""
        observed_s, gap_s, hidden_s = self.observed_s, self._sums["gap"], self._sums["hidden"]
        visible_s = observed_s + gap_s
        samples = self._counts["seen"] + self._counts["gap"]
        if visible_s > 2.0 and samples < enough.fps * visible_s:
            return "low_fps"
        if gap_s > enough.gap_share * visible_s:
            return "gaps"
        if observed_s >= enough.observed_s:
            return None
        return "eyes_hidden" if hidden_s > max(2.0, observed_s) else "short"

    def _summarise(self) -> BlinkSummary:
        blinks = list(self._blinks)
        if not blinks:
            return replace(BlinkSummary(), last_end_s=self.summary.last_end_s)
        widths = tuple(blink.end_s - blink.start_s for blink in blinks)
        intervals = [b.start_s - a.start_s for a, b in pairwise(blinks)]
        mean = sum(intervals) / len(intervals) if intervals else None
        lags = sorted(abs(blink.lag_s) for blink in blinks if blink.lag_s is not None)
        return BlinkSummary(
            blinks=len(blinks),
            mean_closed_s=sum(widths) / len(widths),
            mean_interval_s=mean,
            interval_cv=_variation(intervals, mean),
            incomplete_share=sum(b.amplitude <= self._complete for b in blinks) / len(blinks),
            lid_lag_s=lags[len(lags) // 2] if lags else None,
            lags=len(lags),
            late_lids=sum(lag > LATE_LID_S for lag in lags),
            widths_s=widths,
            last_end_s=blinks[-1].end_s,
        )


def _variation(values: Sequence[float], mean: float | None) -> float | None:
    """The coefficient of variation of two values or more."""
    if not mean or len(values) < 2:
        return None
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) / mean
