"""Rolling blink statistics of one person: how often, how long, how regularly, and how sure."""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.blink_events import Blink, BlinkSegmenter, SegmentSettings
from pipeline.blink_evidence import llr, poisson_interval
from pipeline.blink_svm import SvmSegmenter
from pipeline.blink_window import BlinkWindow, Enough
from pipeline.eyes import measure_eyes
from pipeline.loop import lid_lag_s
from pipeline.types import BlinkStats, EyeSample, HeadPose, LongBlinks

__all__ = ["BlinkMeter", "BlinkSettings", "SegmentSettings", "measure_eyes"]

_REMEMBERED_S = 1.5
"""The two eyes and the head are remembered this long: longer than any blink."""
_AROUND_S = 0.35
"""A blink counts when both lids were seen for so long before and after it, and their lag timed."""


@dataclass(frozen=True, slots=True)
class BlinkSettings:
    """How long to look, and how much must be seen before anything is said."""

    window_s: float = 60.0
    min_observed_s: float = 30.0
    """P(no blink | real) falls under 1 % between 24 and 35 s of silent gaze."""
    long_window_s: float = 300.0
    long_min_observed_s: float = 120.0
    """From here on rare blinks are worth more than a remark: readers pause for minutes."""
    min_fps: float = 8.0
    """Fewer samples a second miss ordinary blinks of 0.1 to 0.2 s."""
    max_gap_share: float = 0.2
    complete_amplitude: float = 0.6
    shake_per_s: float = 3.6
    """Eyes that move by so many times their distance a second smear: 12 % of it in 1/30 s."""
    nod_deg: float = 12.0
    turn_deg: float = 15.0
    """A head that nods or turns by so much while the lids half close has moved its gaze."""
    nod_amplitude: float = 0.7
    """Deeper than that it has blinked too: people do so when they look elsewhere."""
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    segmenter: str = "adaptive"
    """Who finds the blinks: "adaptive", the rule of blink_events.py, or "svm"."""


SEGMENTERS = {"adaptive": BlinkSegmenter, "svm": SvmSegmenter}


class BlinkMeter:
    """Takes the eyes as they are seen and keeps the statistics of the last minutes.

    A rate over nothing is unknown, not zero: time counts as observed only while both the eyes
    were measurable and the samples came fast enough to see a blink.
    """

    def __init__(self, settings: BlinkSettings = BlinkSettings()) -> None:
        self._settings = settings
        self._segmenter = SEGMENTERS[settings.segmenter](settings.segment)
        self._short, self._long = (
            BlinkWindow(window_s, settings.segment, settings.complete_amplitude)
            for window_s in (settings.window_s, settings.long_window_s)
        )
        self._lids: deque[tuple[float, float, float]] = deque()
        self._heads: deque[tuple[float, HeadPose]] = deque()
        self._pending: deque[Blink] = deque()
        self._last_s: float | None = None
        self._visible = False
        self._ear: float | None = None

    def update(self, sample: EyeSample | None, time_s: float) -> BlinkStats:
        """Take the eyes at `time_s` (None: not measurable) and say what the last minutes show."""
        dt = 0.0 if self._last_s is None else time_s - self._last_s
        if self._last_s is not None and dt <= 0:
            return self._stats(self._last_s)
        self._last_s = time_s
        if sample is not None and self._is_shaken(sample.head, time_s):
            sample = None
        ear = sample.ear if sample is not None else None
        dt = self._account(time_s, dt, seen=ear is not None)
        if sample is None or ear is None:
            self._segmenter.break_off()
        else:
            self._remember(sample, time_s)
            blink = self._segmenter.add(ear, sample.eye_blink, time_s, dt)
            if blink is not None and not self._is_nod(blink):
                self._pending.append(blink)
        self._settle(time_s)
        self._ear = ear
        self._visible = ear is not None
        self._short.forget(time_s)
        self._long.forget(time_s)
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
        self._short.book(time_s, dt, kind)
        self._long.book(time_s, dt, kind)
        return dt if kind in {"seen", "warmup"} else 0.0

    def _is_shaken(self, head: HeadPose | None, time_s: float) -> bool:
        """The head moves too fast for its lids to be seen; remembers where it is."""
        before = self._heads[-1] if self._heads else None
        if head is None:
            return False
        self._heads.append((time_s, head))
        while self._heads[0][0] < time_s - _REMEMBERED_S:
            self._heads.popleft()
        if before is None or not 0 < time_s - before[0] <= self._settings.segment.gap_s:
            return False
        moved = np.hypot(head.x_px - before[1].x_px, head.y_px - before[1].y_px)
        speed = moved / head.eyes_px / (time_s - before[0])
        return bool(speed > self._settings.shake_per_s)

    def _is_nod(self, blink: Blink) -> bool:
        """The head was lowered, raised or turned while the lids half closed."""
        if blink.amplitude > self._settings.nod_amplitude:
            return False
        during = [head for t, head in self._heads if blink.start_s - 0.1 <= t <= blink.end_s]
        pitches = [head.pitch_deg for head in during if head.pitch_deg is not None]
        yaws = [head.yaw_deg for head in during if head.yaw_deg is not None]
        return (
            max(pitches, default=0.0) - min(pitches, default=0.0) > self._settings.nod_deg
            or max(yaws, default=0.0) - min(yaws, default=0.0) > self._settings.turn_deg
        )

    def _settle(self, time_s: float) -> None:
        """Count the blinks that are over on both sides."""
        while self._pending and time_s >= self._pending[0].end_s + _AROUND_S:
            blink = self._pending.popleft()
            blink = replace(blink, lag_s=self._lag(blink))
            self._short.keep(blink)
            self._long.keep(blink)

    def _remember(self, sample: EyeSample, time_s: float) -> None:
        if sample.right_ear is None or sample.left_ear is None:
            return
        self._lids.append((time_s, sample.right_ear, sample.left_ear))
        while self._lids[0][0] < time_s - _REMEMBERED_S:
            self._lids.popleft()

    def _lag(self, blink: Blink) -> float | None:
        """By how much the left eye closed later; None if one was not seen or it is unclear."""
        since_s, until_s = blink.start_s - _AROUND_S, blink.end_s + _AROUND_S
        around = np.array([lids for lids in self._lids if since_s <= lids[0] <= until_s])
        if len(around) < 4:
            return None
        return lid_lag_s(around[:, 0], around[:, 1], around[:, 2])

    def _long_stats(self) -> LongBlinks:
        window = self._long
        enough = self._enough(self._settings.long_min_observed_s)
        said = window.lack(enough) is None
        found, observed_s = window.summary, window.observed_s
        low, high = poisson_interval(found.blinks)
        per_min = 60 / observed_s if said else None
        return LongBlinks(
            window_s=window.window_s,
            observed_s=observed_s,
            blinks=found.blinks,
            rate_per_min=found.blinks * per_min if per_min else None,
            rate_low_per_min=low * per_min if per_min else None,
            rate_high_per_min=high * per_min if per_min else None,
            interval_cv=found.interval_cv,
            incomplete_share=found.incomplete_share,
            llr=_evidence(window) if said else 0.0,
            sufficient=said,
        )

    def _stats(self, time_s: float) -> BlinkStats:
        window, found = self._short, self._short.summary
        observed_s = window.observed_s
        reason = window.lack(self._enough(self._settings.min_observed_s))
        per_min = 60 / observed_s if reason is None else None
        low, high = poisson_interval(found.blinks)
        return BlinkStats(
            window_s=window.window_s,
            observed_s=observed_s,
            fps=window.fps,
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
            llr=_evidence(window) if reason is None else 0.0,
            sufficient=reason is None,
            reason=reason,
            lid_lag_s=found.lid_lag_s,
            lags=found.lags,
            late_lids=found.late_lids,
            long=self._long_stats(),
        )

    def _enough(self, observed_s: float) -> Enough:
        return Enough(observed_s, self._settings.min_fps, self._settings.max_gap_share)


def _evidence(window: BlinkWindow) -> float:
    """The log-likelihood ratio of what a window holds."""
    found = window.summary
    return llr(found.blinks, window.observed_s, found.widths_s, found.interval_cv, window.fps)
