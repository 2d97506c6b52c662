"""The steps of a guided challenge: one meter each, which sees glimpses and says how it went."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pipeline.challenge_cue import Outcome, Step
from pipeline.colour_echo import Schedule, echo
from pipeline.glimpse import Glimpse, Pattern, Tint, likeness

Measured: TypeAlias = tuple[Outcome, str]
"""How a step went, and one sentence for a person."""

_LONGEST_GAP_S = 0.6
"""Between two frames that lie further apart nothing is taken to have lasted."""


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What has to be seen. Set by hand; not measured on attacks."""

    turn_deg: float = 25.0
    turn_held_s: float = 1.0
    """Long enough for a few looks at the turned face."""
    covered_below: float = 0.6
    """Likeness to the uncovered face below which something covers it."""
    covered_s: float = 0.6
    facing_deg: float = 10.0
    """A head that is turned further has another pattern, without a hand."""
    blinks_within_s: float = 2.5
    """Two blinks that come by themselves are seldom so close."""
    min_eye_fps: float = 8.0
    sure_eye_fps: float = 20.0
    """Below this one of two blinks may have fallen between the pictures."""
    observed_share: float = 0.5
    """Of a step's time that must have been measurable before it counts as not done."""
    echo_done: float = 0.7
    echo_missing: float = 0.3
    """Light that what lies around the face takes on by `echo_done`, and the face by less."""


@dataclass(frozen=True, slots=True)
class Rest:
    """The face before the first step."""

    yaw_deg: float
    pattern: Pattern | None


class Meter(Protocol):
    """Follows one step."""

    step: Step

    @property
    def share(self) -> float:
        """How much of it is done, in [0, 1]."""
        ...

    def add(self, glimpse: Glimpse, time_s: float) -> bool:
        """Take a frame at `time_s` of the step; say whether the asked-for is being shown now."""
        ...

    def measured(self, spent_s: float) -> Measured:
        """Say how it went after `spent_s` seconds."""
        ...


class Lasting:
    """Adds up how long something lasted."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self._before_s: float | None = None

    def add(self, time_s: float, *, on: bool) -> None:
        """Say whether it is the case at `time_s`."""
        if on and self._before_s is not None and time_s - self._before_s <= _LONGEST_GAP_S:
            self.total_s += max(0.0, time_s - self._before_s)
        self._before_s = time_s if on else None


class TurnMeter:
    """The head turns to one side by a measured angle and stays there."""

    def __init__(self, step: Step, rest: Rest, settings: StepSettings) -> None:
        self.step, self._rest, self._settings = step, rest, settings
        # The subject's left is where the nose points to the picture's right.
        self._sign = 1.0 if step is Step.TURN_LEFT else -1.0
        self._most_deg = self._other_deg = 0.0
        self._held, self._seen = Lasting(), Lasting()

    @property
    def share(self) -> float:
        """Half for the angle, half for holding it."""
        angle = min(1.0, max(0.0, self._most_deg) / self._settings.turn_deg)
        return 0.5 * angle + 0.5 * min(1.0, self._held.total_s / self._settings.turn_held_s)

    def add(self, glimpse: Glimpse, time_s: float) -> bool:
        """Take the pose."""
        self._seen.add(time_s, on=glimpse.yaw_deg is not None)
        if glimpse.yaw_deg is None:
            return False
        turn_deg = self._sign * (glimpse.yaw_deg - self._rest.yaw_deg)
        self._most_deg = max(self._most_deg, turn_deg)
        self._other_deg = max(self._other_deg, -turn_deg)
        self._held.add(time_s, on=turn_deg >= self._settings.turn_deg)
        return turn_deg >= self._settings.turn_deg / 2

    def measured(self, spent_s: float) -> Measured:
        """Say how far it turned."""
        settings, side = self._settings, "left" if self._sign > 0 else "right"
        if self._held.total_s >= settings.turn_held_s:
            return Outcome.DONE, f"The head turned {self._most_deg:.0f}° to the {side}."
        if self._seen.total_s < settings.observed_share * spent_s:
            return Outcome.NOT_MEASURABLE, "The head was not seen well enough to measure its turn."
        if self._other_deg >= settings.turn_deg:
            text = "The head turned to the other side, as in a mirrored picture."
            return Outcome.NOT_MEASURABLE, text
        if self._most_deg >= settings.turn_deg:
            return Outcome.NOT_DONE, f"The head turned {self._most_deg:.0f}°, but did not stay."
        far = f"by {self._most_deg:.0f}° at most; {settings.turn_deg:.0f}° were asked for"
        return Outcome.NOT_DONE, f"The head turned {far}."


class HandMeter:
    """Something covers the face for a moment, and leaves it again."""

    step = Step.HAND

    def __init__(self, rest: Rest, settings: StepSettings) -> None:
        self._rest, self._settings = rest, settings
        self._covered_now = False
        self._covered, self._unclear, self._seen = Lasting(), Lasting(), Lasting()
        self._last_s = 0.0
        self._lost_s = 0.0

    @property
    def share(self) -> float:
        """Nearly all for covering it, the rest for leaving it."""
        covered = min(1.0, self._covered.total_s / self._settings.covered_s)
        return covered if covered < 1.0 or not self._covered_now else 0.9

    def add(self, glimpse: Glimpse, time_s: float) -> bool:
        """Compare with the uncovered face."""
        gap_s, self._last_s = time_s - self._last_s, time_s
        self._lost_s += gap_s if gap_s > _LONGEST_GAP_S else 0.0
        known = self._rest.pattern is not None and glimpse.pattern is not None
        self._seen.add(time_s, on=known)
        if self._rest.pattern is None or glimpse.pattern is None:
            return False
        hidden = likeness(self._rest.pattern, glimpse.pattern) < self._settings.covered_below
        turned = abs((glimpse.yaw_deg or 0.0) - self._rest.yaw_deg) > self._settings.facing_deg
        self._covered_now = hidden and not turned
        self._covered.add(time_s, on=self._covered_now)
        self._unclear.add(time_s, on=hidden and turned)
        return self._covered_now

    def measured(self, spent_s: float) -> Measured:
        """Say for how long it was covered."""
        asked_s, covered_s = self._settings.covered_s, self._covered.total_s
        if covered_s >= asked_s:
            return Outcome.DONE, f"Something covered the face for {covered_s:.1f} s."
        if self._seen.total_s < self._settings.observed_share * spent_s:
            text = "The face was not seen well enough to tell whether something covered it."
            return Outcome.NOT_MEASURABLE, text
        # Landmarks jump below a hand, and a face may be lost behind one.
        if self._unclear.total_s + self._lost_s + covered_s >= asked_s:
            text = "The face changed or was lost; whether a hand covered it is not clear."
            return Outcome.NOT_MEASURABLE, text
        return Outcome.NOT_DONE, f"Nothing covered the face for {asked_s:g} s."


class BlinkMeter:
    """The eyes blink twice, close together."""

    step = Step.BLINK

    def __init__(self, settings: StepSettings) -> None:
        self._settings = settings
        self._blinks_s: list[float] = []
        self._slow = self._unsure = False
        self._seen = Lasting()

    @property
    def share(self) -> float:
        """Half for one, all for two."""
        return 1.0 if self._pair() is not None else 0.5 * bool(self._blinks_s)

    def add(self, glimpse: Glimpse, time_s: float) -> bool:
        """Notice blinks that ended since the step began."""
        blink = glimpse.blink
        open_eyes = blink is not None and blink.ear is not None and blink.baseline_ear is not None
        self._seen.add(time_s, on=open_eyes)
        if blink is None or blink.since_last_s is None:
            return True
        self._slow = self._slow or blink.fps < self._settings.min_eye_fps
        self._unsure = self._unsure or blink.fps < self._settings.sure_eye_fps
        ended_s = time_s - blink.since_last_s
        known = any(abs(ended_s - before_s) < 0.05 for before_s in self._blinks_s)
        if ended_s > 0 and not known:
            self._blinks_s.append(ended_s)
        return True

    def measured(self, spent_s: float) -> Measured:
        """Say how many there were."""
        pair_s = self._pair()
        if pair_s is not None:
            return Outcome.DONE, f"The eyes blinked twice within {max(pair_s, 0.1):.1f} s."
        if self._slow or self._seen.total_s < self._settings.observed_share * spent_s:
            return Outcome.NOT_MEASURABLE, "The eyes were not seen well or often enough."
        count = len(self._blinks_s)
        if count == 1 and self._unsure:
            text = "One blink was seen; another may have fallen between two pictures."
            return Outcome.NOT_MEASURABLE, text
        times = "not once" if count == 0 else "once" if count == 1 else f"{count} times, far apart"
        return Outcome.NOT_DONE, f"The eyes blinked {times}; twice in a row was asked for."

    def _pair(self) -> float | None:
        """Seconds between the first two that are close together."""
        pairs = zip(self._blinks_s, self._blinks_s[1:], strict=False)
        close = (b - a for a, b in pairs if b - a <= self._settings.blinks_within_s)
        return next(close, None)


class ColourMeter:
    """The screen's colours light the face."""

    step = Step.COLOURS

    def __init__(self, schedule: Schedule, settings: StepSettings) -> None:
        self.schedule, self._settings = schedule, settings
        self._face: list[tuple[float, Tint]] = []
        self._around: list[tuple[float, Tint]] = []
        self._time_s = 0.0

    @property
    def share(self) -> float:
        """How much of it was shown."""
        return min(1.0, self._time_s / self.schedule.duration_s)

    def add(self, glimpse: Glimpse, time_s: float) -> bool:
        """Take the colours."""
        self._time_s = time_s
        if glimpse.face_tint is not None:
            self._face.append((time_s, glimpse.face_tint))
        if glimpse.around_tint is not None:
            self._around.append((time_s, glimpse.around_tint))
        return True

    def measured(self, spent_s: float) -> Measured:
        """Say whether the face followed; where the room did not either, it says nothing."""
        del spent_s
        face, around = (echo(self.schedule, seen) for seen in (self._face, self._around))
        if face is not None and face >= self._settings.echo_done:
            return Outcome.DONE, f"The face took on the screen's colours (correlation {face:.2f})."
        followed = around is not None and around >= self._settings.echo_done
        if followed and face is not None and face < self._settings.echo_missing:
            text = f"The clothes took on the screen's colours, the face did not ({face:.2f})."
            return Outcome.NOT_DONE, text
        text = "The screen's light did not reach the face clearly enough: a dark room helps."
        return Outcome.NOT_MEASURABLE, text
