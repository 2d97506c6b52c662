"""Cues beside the classifier: does the face repeat itself, stand still, or close its lids apart?

Each is a term of the score with a weight and a cap of its own, and none is ever below zero: what
is ordinary proves nothing. Weights by hand; export/fit_fusion.py says what data say about them.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from pipeline.loop import Repeat, find_loop, still_for_s
from pipeline.types import BlinkStats, HeadPose, Reason

STANDING_OUT = ("loop", "still", "lids")
"""The names of these cues; what one of them said once holds for the whole file."""


@dataclass(frozen=True, slots=True)
class CueSettings:
    """How much each cue may say, in log-odds, and from when on it says it."""

    loop_llr: float = 1.2
    """Too little to raise an alert on its own: a replayed picture is worth a look, but says nothing
    of how it was made, and who tests with a repeating clip must not be alarmed."""
    loop_hold_s: float = 10.0
    """A loop that was found counts this long: in its still moments nothing can be compared."""
    still_llr: float = 0.5
    still_after_s: float = 10.0
    lids_llr: float = 0.3
    """Half of 0.6, as all that comes from lids."""
    late_lids: int = 3
    """So many blinks with a late lid, and at least half of those in which it was measured."""
    min_lid_fps: float = 20.0
    history_s: float = 60.0
    look_every_s: float = 2.0
    """A look costs about a millisecond; every second would show in the load."""


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """What the motion of a head says of the picture that shows it."""

    repeat: Repeat | None = None
    """The stretch that the newest seconds repeat, found now or not long ago."""
    still_s: float = 0.0
    """Seconds for which the face has not moved at all."""


class HeadWatch:
    """Remembers how one head moved, and looks now and then whether it did so before."""

    def __init__(self, settings: CueSettings = CueSettings()) -> None:
        self._settings = settings
        self._poses: deque[tuple[float, float, float, float, float]] = deque()
        self._scale_px: float | None = None
        self._look_at_s = -math.inf
        self._hits = 0
        self._found: tuple[float, Repeat] | None = None
        self._still_s = 0.0

    def update(self, head: HeadPose | None, time_s: float) -> HeadMotion:
        """Take where the head is at `time_s`, None where it was not seen."""
        if head is not None and (not self._poses or time_s > self._poses[-1][0]):
            self._scale_px = self._scale_px or head.eyes_px
            side = self._scale_px
            yaw = (head.yaw_deg or 0.0) / 30.0
            place = (head.x_px / side, head.y_px / side, head.eyes_px / side)
            self._poses.append((time_s, *place, yaw))
            while self._poses[0][0] < time_s - self._settings.history_s:
                self._poses.popleft()
        if time_s >= self._look_at_s and self._poses:
            self._look_at_s = time_s + self._settings.look_every_s
            self._look(time_s)
        return self._motion(time_s)

    def _look(self, time_s: float) -> None:
        rows = np.array(self._poses)
        times, signals = rows[:, 0], rows[:, 1:]
        self._still_s = still_for_s(times, signals)
        repeat = find_loop(times, signals)
        # Once may be chance; a loop is found again at the next look.
        self._hits = self._hits + 1 if repeat is not None else 0
        if repeat is not None and self._hits >= 2:
            self._found = time_s, repeat

    def _motion(self, time_s: float) -> HeadMotion:
        held = self._found
        if held is not None and time_s - held[0] > self._settings.loop_hold_s:
            held = self._found = None
        return HeadMotion(held[1] if held else None, self._still_s)


def cues_of(
    motion: HeadMotion, blink: BlinkStats | None, settings: CueSettings = CueSettings()
) -> tuple[Reason, ...]:
    """The terms that stand out, each weighted and capped; none where all is ordinary."""
    # A recording that repeats may also stand still: that is one finding, not two.
    motionless = _loop(motion, settings) or _still(motion, settings)
    terms = (motionless, _lids(blink, settings))
    return tuple(term for term in terms if term is not None)


def _loop(motion: HeadMotion, settings: CueSettings) -> Reason | None:
    if motion.repeat is None:
        return None
    text = (
        f"The head moves exactly as it did {motion.repeat.period_s:.0f} s before: "
        "the picture seems to be a recording that repeats."
    )
    return Reason("loop", settings.loop_llr, text)


def _still(motion: HeadMotion, settings: CueSettings) -> Reason | None:
    if motion.still_s < settings.still_after_s:
        return None
    text = (
        f"The face has not moved at all for {motion.still_s:.0f} s, which no living face does: "
        "a still picture, or a camera that hangs."
    )
    return Reason("still", settings.still_llr, text)


def _lids(blink: BlinkStats | None, settings: CueSettings) -> Reason | None:
    if blink is None or blink.fps < settings.min_lid_fps:
        return None
    if blink.late_lids < max(settings.late_lids, blink.lags / 2):
        return None
    text = (
        f"In {blink.late_lids} of {blink.lags} blinks one lid closed more than 80 ms after the "
        "other; two eyes blink as one."
    )
    return Reason("lids", settings.lids_llr, text)
