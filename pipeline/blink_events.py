"""From eye aspect ratios to blinks: an adaptive, time-based segmentation of one person's eyes."""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """When a dip of the eye aspect ratio is a blink: times and ratios, never frame counts.

    The open eye is known twice: the person's own level over the last seconds, and the level just
    before a dip, because a lowered gaze narrows the eyes without closing them.
    """

    smooth_within_s: float = 0.09
    """Three samples that lie this close (22 a second and more) are averaged: one is noise."""
    baseline_s: float = 6.0
    baseline_share: float = 0.8
    """The open-eye level is this quantile of the last `baseline_s`."""
    warmup_s: float = 2.0
    before_s: float = 0.5
    before_share: float = 0.7
    """The level before a dip is this quantile of the last `before_s` up to `fall_s` ago."""
    fall_s: float = 0.1
    depth: float = 0.24
    """A blink begins when the ratio falls by this share of the open-eye level ..."""
    recovered: float = 0.5
    """... and ends when this share of its depth is made good; its width is taken there."""
    min_s: float = 0.05
    max_s: float = 0.8
    """Longer is no blink: closed eyes, a squint, a look down."""
    shallow_amplitude: float = 0.6
    shallow_max_s: float = 0.3
    """A half-closed eye for longer than this looks down."""
    velocity_per_s: float = 1.0
    velocity_within_s: float = 0.15
    """The ratio over the open-eye level must have fallen this fast: lids drop, gazes slide."""
    merge_s: float = 0.08
    gap_s: float = 0.15
    """Samples further apart than this leave a hole: nothing is concluded across it."""
    give_up_s: float = 2.0
    """Closed for this long, the open-eye level starts to follow again."""
    agree_rise: float = 0.2
    """Where a model also says how closed the eye is, it must have risen by this much: by 0.4 and
    more in 25 of 27 dips on five genuine clips; the others looked down or half blinked."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One closure of the eyes; start and end are where half its depth was passed."""

    start_s: float
    end_s: float
    amplitude: float
    """1 - the least ratio over the level before: 1 is fully closed."""
    lag_s: float | None = None
    """How much later the left lid came than the right; None where unknown."""


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
        return _quantile(self._sorted, self._share)


@dataclass(slots=True)
class _Closure:
    """A closure in progress."""

    began_s: float
    before: float
    lowest: float
    most_shut: float | None

    def half(self, share: float) -> float:
        """The ratio at which `share` of the depth is made good."""
        return self.lowest + share * (self.before - self.lowest)


class BlinkSegmenter:
    """Finds blinks sample by sample. The open-eye level is frozen while the eyes are closed."""

    def __init__(self, settings: SegmentSettings) -> None:
        self._settings = settings
        span_s, warmup_s = settings.baseline_s, settings.warmup_s
        self._level = OpenEyeLevel(span_s, settings.baseline_share, warmup_s)
        self._shut_level = OpenEyeLevel(span_s, 0.2, warmup_s)
        self._raw: deque[tuple[float, float]] = deque(maxlen=3)
        self._recent: deque[tuple[float, float]] = deque()
        self._closure: _Closure | None = None
        self.baseline: float | None = None

    @property
    def closed(self) -> bool:
        """A closure is in progress."""
        return self._closure is not None

    def break_off(self) -> None:
        """Forget a closure in progress: what happened since the last sample is unknown."""
        self._raw.clear()
        self._recent.clear()
        self._closure = None

    def add(self, ear: float, shut: float | None, time_s: float, dt_s: float) -> Blink | None:
        """Take a sample; return the blink that it ended.

        `shut` is a model's own opinion of how closed the eyes are, in [0, 1], if there is one.
        `dt_s` is the time since the sample before, 0 at the beginning or after a hole.
        """
        smoothed = self._smooth(ear, time_s)
        if smoothed is None:
            return None
        time_s, ear = smoothed
        self._follow(ear, shut, time_s, dt_s)
        self.baseline = self._level.value
        self._recent.append((time_s, ear))
        keep_s = self._settings.max_s + self._settings.before_s
        while self._recent[0][0] < time_s - keep_s:
            self._recent.popleft()
        if self.baseline is None or self.baseline <= 0:
            return None
        closure = self._closure
        if closure is None:
            self._closure = self._begin(ear, shut, time_s, self.baseline)
            return None
        closure.lowest = min(closure.lowest, ear)
        if shut is not None:
            closure.most_shut = max(closure.most_shut or 0.0, shut)
        if ear <= closure.half(self._settings.recovered):
            return None
        self._closure = None
        return self._blink(closure)

    def _smooth(self, ear: float, time_s: float) -> tuple[float, float] | None:
        """The mean of three close samples at the middle one's time; a lone one as it is."""
        self._raw.append((time_s, ear))
        if len(self._raw) < 3 or time_s - self._raw[0][0] > self._settings.smooth_within_s:
            return time_s, ear
        middle_s = self._raw[1][0]
        if self._recent and self._recent[-1][0] >= middle_s:
            return None
        return middle_s, sum(value for _, value in self._raw) / 3

    def _follow(self, ear: float, shut: float | None, time_s: float, dt_s: float) -> None:
        if self._closure is not None:
            if time_s - self._closure.began_s <= self._settings.give_up_s:
                return
            self._closure = None
        self._level.add(ear, time_s, dt_s)
        if shut is not None:
            self._shut_level.add(shut, time_s, dt_s)

    def _begin(
        self, ear: float, shut: float | None, time_s: float, baseline: float
    ) -> _Closure | None:
        before = self._before(time_s, baseline)
        deep = before - ear >= self._settings.depth * baseline
        if deep and self._fell_fast(time_s, baseline):
            return _Closure(time_s, before, ear, shut)
        return None

    def _before(self, time_s: float, baseline: float) -> float:
        """How open the eyes were just before `time_s`, within reason of the baseline."""
        first, last = time_s - self._settings.before_s, time_s - self._settings.fall_s
        levels = sorted(ear for t, ear in self._recent if first <= t <= last)
        if not levels:
            return baseline
        return min(
            1.1 * baseline, max(0.6 * baseline, _quantile(levels, self._settings.before_share))
        )

    def _fell_fast(self, time_s: float, baseline: float) -> bool:
        since = time_s - self._settings.velocity_within_s
        slope = -self._settings.velocity_per_s * baseline
        later: tuple[float, float] | None = None
        for t, ear in reversed(self._recent):
            if later is not None:
                if (later[1] - ear) <= slope * (later[0] - t):
                    return True
                if t < since:
                    return False
            later = (t, ear)
        return False

    def _blink(self, closure: _Closure) -> Blink | None:
        """The closure that the newest sample ended, if it was a blink."""
        half = closure.half(self._settings.recovered)
        samples = list(self._recent)
        end_s = _crossing(samples[-2], samples[-1], half)
        start_s = samples[0][0]
        inside = False
        for later, earlier in zip(samples[-2::-1], samples[-3::-1], strict=False):
            inside = inside or later[1] <= half
            if inside and earlier[1] > half and later[0] <= closure.began_s:
                start_s = _crossing(earlier, later, half)
                break
        amplitude = 1 - closure.lowest / closure.before
        settings = self._settings
        longest = (
            settings.max_s if amplitude > settings.shallow_amplitude else settings.shallow_max_s
        )
        if not settings.min_s <= end_s - start_s <= longest or not self._agreed(closure):
            return None
        return Blink(start_s, end_s, amplitude)

    def _agreed(self, closure: _Closure) -> bool:
        """The model's own opinion, where there is one, went up as well."""
        usual = self._shut_level.value
        if closure.most_shut is None or usual is None:
            return True
        return closure.most_shut - usual >= self._settings.agree_rise


def _crossing(a: tuple[float, float], b: tuple[float, float], level: float) -> float:
    """When the line from a to b passes the level; a's or b's time where it does not."""
    if a[1] == b[1]:
        return a[0]
    share = (level - a[1]) / (b[1] - a[1])
    return a[0] + min(1.0, max(0.0, share)) * (b[0] - a[0])


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1) + 0.5)]
