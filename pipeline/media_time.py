"""Media time: turns a stream's presentation timestamps into seconds that never go back."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """What counts as a jump of the timestamps rather than as time passing."""

    back_s: float = 0.5
    """Further back than this is a jump; less is a picture out of order, held in place."""
    ahead_s: float = 10.0
    """Further ahead than this is a jump; a sparse camera needs more."""
    repeats: int = 8
    """So many equal timestamps in a row mean that the clock of the sender stands still."""


_STEP_RANGE_S = (1 / 240, 1.0)
_TICK_S = 0.001
_SMOOTHING = 0.1


class MediaTime:
    """One epoch's time line, robust against jumps, repeats, gaps and wraps of the timestamps.

    Seconds since the first frame, strictly growing. After a jump (a camera that sets its clock, a
    33-bit wrap, a concatenated file) the line goes on with one usual frame step, so that windows
    and blink rates are not disturbed.
    """

    def __init__(self, nominal_fps: float | None = None, limits: TimeLimits = TimeLimits()) -> None:
        """Use `nominal_fps` (25 where unknown) as the usual step until the stream shows its own."""
        self._limits = limits
        self._step_s = _clamp(1 / nominal_fps if nominal_fps else 1 / 25)
        self._offset_s: float | None = None
        self._last_s: float | None = None
        self._repeats = 0
        self.jumps = 0
        self.last_gap_steps = 1.0
        """The newest advance in usual frame steps: about 1, or 2 where one frame is missing."""

    def at(self, pts: int | None, time_base: Fraction | None) -> float:
        """Media time in seconds of the frame with this timestamp."""
        if pts is None or time_base is None:
            return self._advance_to(None)
        raw_s = float(pts * time_base)
        if self._last_s is None or self._offset_s is None:
            self._offset_s = (self._last_s or 0.0) - raw_s
            if self._last_s is not None:
                self._offset_s += self._step_s
        return self._advance_to(raw_s)

    def _advance_to(self, raw_s: float | None) -> float:
        if self._last_s is None:
            self._last_s = 0.0
            return 0.0
        if raw_s is None or self._offset_s is None:
            return self._set(self._last_s + self._step_s)
        delta_s = raw_s + self._offset_s - self._last_s
        if -self._limits.back_s <= delta_s < _TICK_S:
            return self._hold(raw_s)
        if not 0 < delta_s <= self._limits.ahead_s:
            return self._reanchor(raw_s)
        self._repeats = 0
        self.last_gap_steps = delta_s / self._step_s
        if delta_s <= _STEP_RANGE_S[1]:
            self._step_s = _clamp(self._step_s + _SMOOTHING * (delta_s - self._step_s))
        return self._set(self._last_s + delta_s)

    def _hold(self, raw_s: float) -> float:
        """Let a repeated or slightly late timestamp pass without moving the time line."""
        self._repeats += 1
        if self._repeats > self._limits.repeats:
            return self._reanchor(raw_s, jumped=0)
        return self._set((self._last_s or 0.0) + _TICK_S)

    def _reanchor(self, raw_s: float, jumped: int = 1) -> float:
        time_s = (self._last_s or 0.0) + self._step_s
        self._offset_s = time_s - raw_s
        self.jumps += jumped
        self.last_gap_steps = 1.0
        return self._set(time_s)

    def _set(self, time_s: float) -> float:
        self._last_s = time_s
        return time_s


def _clamp(step_s: float) -> float:
    low, high = _STEP_RANGE_S
    return min(max(step_s, low), high)


class Picker:
    """Chooses the frames to look at so that about `fps` of them a media second are chosen."""

    def __init__(self, fps: float | None) -> None:
        """Choose every frame where `fps` is None."""
        self._period_s = 1 / fps if fps else 0.0
        self._due_s = 0.0

    def __call__(self, time_s: float) -> bool:
        """Whether the frame at this media time is wanted."""
        if time_s < self._due_s - 0.002:
            return False
        # From the plan, not from this frame: 25 fps in must give 15 fps out, not 12.5.
        self._due_s += self._period_s
        if self._due_s < time_s:
            self._due_s = time_s + self._period_s
        return True
