"""From eye aspect ratios to blinks: an adaptive, time-based segmentation of one person's eyes."""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """When a dip of the eye aspect ratio is a blink; times and ratios, never frame counts.

    r is the eye aspect ratio over this person's own open-eye level, so that narrow and wide eyes
    obey the same numbers.
    """

    baseline_s: float = 6.0
    baseline_share: float = 0.8
    """The open-eye level is this quantile of the last `baseline_s`."""
    warmup_s: float = 2.0
    open_below: float = 0.75
    """A blink begins when r falls below this ..."""
    end_above: float = 0.88
    """... and ends when r is above this again; its width is measured here."""
    min_s: float = 0.04
    max_s: float = 0.8
    """Longer is no blink: closed eyes, a squint, a look down."""
    velocity_per_s: float = 1.0
    velocity_within_s: float = 0.15
    """r must have fallen at least this fast shortly before: lids drop, gazes slide."""
    merge_s: float = 0.08
    gap_s: float = 0.15
    """Samples further apart than this leave a hole: nothing is concluded across it."""
    give_up_s: float = 2.0
    """Closed for this long, the open-eye level starts to follow again."""
    agree_rise: float = 0.1
    """Where a model also says how closed the eye is, it must have risen by this much."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One closure of the eyes, between the crossings of `end_above` (interpolated)."""

    start_s: float
    end_s: float
    amplitude: float
    """1 - the least r: 1 is fully closed."""


class OpenEyeLevel:
    """A running quantile of the last seconds: this person's open eye, causal."""

    def __init__(self, span_s: float, share: float, warmup_s: float) -> None:
        self._span_s, self._share, self._warmup_s = span_s, share, warmup_s
        self._samples: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []
        self._observed_s = 0.0

    def add(self, ear: float, time_s: float, dt_s: float) -> None:
        """Take an open-eye sample that stands for `dt_s` seconds."""
        self._observed_s += dt_s
        self._samples.append((time_s, ear))
        insort(self._sorted, ear)
        # Samples leave by age, but a pause must not empty the level: some always stay.
        while self._samples[0][0] < time_s - self._span_s and len(self._samples) > 8:
            _, old = self._samples.popleft()
            del self._sorted[bisect_left(self._sorted, old)]

    @property
    def value(self) -> float | None:
        """The open-eye level; None while less than the warm-up was observed."""
        if self._observed_s < self._warmup_s or not self._sorted:
            return None
        return self._sorted[int(self._share * (len(self._sorted) - 1) + 0.5)]


class BlinkSegmenter:
    """Finds blinks sample by sample. The level is frozen while the eyes are closed."""

    def __init__(self, settings: SegmentSettings) -> None:
        self._settings = settings
        self._level = OpenEyeLevel(settings.baseline_s, settings.baseline_share, settings.warmup_s)
        self._recent: deque[tuple[float, float]] = deque()
        self._shut_level = OpenEyeLevel(settings.baseline_s, 0.2, settings.warmup_s)
        self._started_s: float | None = None
        self._lowest = 1.0
        self._most_shut: float | None = None
        self.baseline: float | None = None

    @property
    def closed(self) -> bool:
        """A closure is in progress."""
        return self._started_s is not None

    def break_off(self) -> None:
        """Forget a closure in progress: what happened since the last sample is unknown."""
        self._recent.clear()
        self._started_s = None

    def add(self, ear: float, shut: float | None, time_s: float, dt_s: float) -> Blink | None:
        """Take a sample; return the blink that it ended.

        `shut` is a model's own opinion of how closed the eyes are, in [0, 1], if there is one.
        `dt_s` is the time since the sample before, 0 at the beginning or after a hole.
        """
        self._follow(ear, shut, time_s, dt_s)
        self.baseline = self._level.value
        if self.baseline is None or self.baseline <= 0:
            return None
        r = ear / self.baseline
        self._recent.append((time_s, r))
        while self._recent[0][0] < time_s - self._settings.max_s:
            self._recent.popleft()
        if self._started_s is None:
            if r < self._settings.open_below and self._fell_fast(time_s):
                self._started_s = self._crossing_down()
                self._lowest, self._most_shut = r, shut
            return None
        self._lowest = min(self._lowest, r)
        if shut is not None:
            self._most_shut = max(self._most_shut or 0.0, shut)
        return self._end(r) if r > self._settings.end_above else None

    def _follow(self, ear: float, shut: float | None, time_s: float, dt_s: float) -> None:
        if self._started_s is not None:
            if time_s - self._started_s <= self._settings.give_up_s:
                return
            self._started_s = None
        self._level.add(ear, time_s, dt_s)
        if shut is not None:
            self._shut_level.add(shut, time_s, dt_s)

    def _fell_fast(self, time_s: float) -> bool:
        since = time_s - self._settings.velocity_within_s
        later: tuple[float, float] | None = None
        for t, r in reversed(self._recent):
            if later is not None:
                if (later[1] - r) / (later[0] - t) <= -self._settings.velocity_per_s:
                    return True
                if t < since:
                    return False
            later = (t, r)
        return False

    def _crossing_down(self) -> float:
        """When r last fell through `end_above`; the oldest known time if it never was above."""
        level = self._settings.end_above
        t1, r1 = self._recent[-1]
        for t, r in reversed(self._recent):
            if r > level:
                return t1 - (t1 - t) * (level - r1) / (r - r1)
            t1, r1 = t, r
        return t1

    def _end(self, r: float) -> Blink | None:
        (t0, r0), (t1, _) = self._recent[-2], self._recent[-1]
        end_s = t0 + (t1 - t0) * max(0.0, self._settings.end_above - r0) / (r - r0)
        start_s, self._started_s = self._started_s, None
        if start_s is None or not self._settings.min_s <= end_s - start_s <= self._settings.max_s:
            return None
        return Blink(start_s, end_s, 1.0 - self._lowest) if self._agreed() else None

    def _agreed(self) -> bool:
        """The model's own opinion, where there is one, went up as well."""
        usual = self._shut_level.value
        if self._most_shut is None or usual is None:
            return True
        return self._most_shut - usual >= self._settings.agree_rise
