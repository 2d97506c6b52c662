"""A guided challenge: a short random sequence of steps, followed frame by frame.

ready -> step -> pause -> step -> ... -> result. It is about the one face in the picture, by media
time. It is no proof of life; what it may say is bounded in `challenge_cue`.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from pipeline.challenge_cue import ChallengeResult, Step, StepResult, prob_of, sentence, weigh
from pipeline.challenge_steps import (
    BlinkMeter,
    ColourMeter,
    HandMeter,
    Meter,
    Rest,
    StepSettings,
    TurnMeter,
)
from pipeline.colour_echo import Chance, Rgb, schedule
from pipeline.glimpse import Glimpse, Pattern, likeness
from pipeline.reference import Picture

STEPS = (Step.TURN_LEFT, Step.TURN_RIGHT, Step.HAND, Step.BLINK)
"""Those that need nothing but the person; `Step.COLOURS` needs a screen before the face."""


class Phase(StrEnum):
    """What is going on."""

    READY = "ready"
    """The face is seen as it is before anything is asked."""
    STEP = "step"
    PAUSE = "pause"


class Stopped(StrEnum):
    """Why a challenge ended early, without a result."""

    SEVERAL_FACES = "several_faces"
    NO_FACE = "no_face"
    INTERRUPTED = "interrupted"
    """The connection or the picture's size changed on the way."""


@dataclass(frozen=True, slots=True)
class ChallengeSettings:
    """Times in seconds of media time."""

    limit_s: float = 12.0
    """For one step."""
    ready_s: float = 3.0
    ready_deg: float = 20.0
    """Before the first step the head faces the camera, within this, ..."""
    sway_deg: float = 8.0
    """... and keeps still, within this."""
    pause_s: float = 1.5
    """To face the camera again; what is seen meanwhile counts for nothing."""
    crowded_s: float = 1.0
    """Another face for longer than this ends it."""
    missing_s: float = 6.0
    """So does nobody: a hand hides a face for a moment."""
    give_up_s: float = 30.0
    """And nobody who could be measured before the first step."""
    least_looks: int = 3
    """Of the classifier, before and during a step, to compare them."""
    step: StepSettings = field(default_factory=StepSettings)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running challenge is."""

    phase: Phase
    step: Step | None
    """The one that is asked for; in a pause the one that is over."""
    number: int
    """From 1; 0 before the first."""
    total: int
    share: float
    """How much of the phase is done, in [0, 1]."""
    elapsed_s: float
    left_s: float
    """Of the phase's time limit."""
    colours: tuple[Rgb, ...] = ()
    """What the screen shows in this step, each for the same time."""


class Challenge:
    """Goes through the steps in the order that `chance` draws; `add` gives the outcome once."""

    def __init__(
        self,
        steps: Sequence[Step] = STEPS,
        *,
        chance: Chance,
        settings: ChallengeSettings = ChallengeSettings(),
    ) -> None:
        self.order = tuple(chance.sample(list(steps), len(steps)))
        self._schedule = schedule(chance)
        self._settings = settings
        self._place: tuple[Picture, int] | None = None
        self._phase, self._number = Phase.READY, 0
        self._begun_s = self._now_s = self._alone_s = self._seen_s = 0.0
        self._before: list[float] = []
        self._during: list[float] = []
        self._yaws: list[float] = []
        self._patterns: list[Pattern] = []
        self._calm_s: float | None = None
        self._rest = Rest(0.0, None)
        self._meter: Meter | None = None
        self._results: list[StepResult] = []

    @property
    def results(self) -> tuple[StepResult, ...]:
        """The steps that are over."""
        return tuple(self._results)

    def progress(self) -> Progress:
        """Where it is."""
        spent_s, limit_s = self._now_s - self._begun_s, self._limit_s()
        share = min(1.0, spent_s / limit_s)
        if self._phase is Phase.READY:
            calm_s = self._now_s - self._calm_s if self._calm_s is not None else 0.0
            share = min(1.0, calm_s / self._settings.ready_s)
        elif self._phase is Phase.STEP and self._meter is not None:
            share = self._meter.share
        shows = self._meter.schedule.colours if isinstance(self._meter, ColourMeter) else ()
        return Progress(
            phase=self._phase,
            step=self._meter.step if self._meter is not None else None,
            number=self._number,
            total=len(self.order),
            share=share,
            elapsed_s=spent_s,
            left_s=max(0.0, limit_s - spent_s),
            colours=shows,
        )

    def add(
        self,
        faces: Sequence[Glimpse],
        time_s: float,
        picture: Picture,
        epoch: int,
        skipped: int = 0,
    ) -> ChallengeResult | Stopped | None:
        """Take a frame, with how many faces it has besides; None while it goes on."""
        if self._place is None:
            self._place = picture, epoch
            self._begun_s = self._now_s = self._alone_s = self._seen_s = time_s
        if self._place != (picture, epoch) or time_s < self._now_s:
            return Stopped.INTERRUPTED
        self._now_s = time_s
        if len(faces) + skipped <= 1:
            self._alone_s = time_s
        if len(faces) == 1:
            self._seen_s = time_s
        if time_s - self._alone_s > self._settings.crowded_s:
            return Stopped.SEVERAL_FACES
        if time_s - self._seen_s > self._settings.missing_s:
            return Stopped.NO_FACE
        face = faces[0] if len(faces) == 1 else None
        if self._phase is Phase.READY:
            return self._get_ready(face)
        return self._go_on(face, epoch)

    def _limit_s(self) -> float:
        if self._phase is Phase.READY:
            return self._settings.give_up_s
        if self._phase is Phase.PAUSE:
            return self._settings.pause_s
        if isinstance(self._meter, ColourMeter):
            return self._meter.schedule.duration_s
        return self._settings.limit_s

    def _get_ready(self, face: Glimpse | None) -> Stopped | None:
        if self._now_s - self._begun_s > self._settings.give_up_s:
            return Stopped.NO_FACE
        if face is None or face.yaw_deg is None or not self._is_calm(face, face.yaw_deg):
            self._calm_s = None
            self._before, self._yaws, self._patterns = [], [], []
            return None
        self._calm_s = self._now_s if self._calm_s is None else self._calm_s
        self._yaws.append(face.yaw_deg)
        if face.logit is not None:
            self._before.append(face.logit)
        if face.pattern is not None:
            self._patterns.append(face.pattern)
        if self._now_s - self._calm_s >= self._settings.ready_s:
            self._rest = Rest(statistics.median(self._yaws), _mean_pattern(self._patterns))
            self._next()
        return None

    def _is_calm(self, face: Glimpse, yaw_deg: float) -> bool:
        """It faces the camera as it did, and nothing came before it."""
        if not abs(yaw_deg) <= self._settings.ready_deg:
            return False
        if self._yaws and abs(yaw_deg - self._yaws[0]) > self._settings.sway_deg:
            return False
        if face.pattern is None or not self._patterns:
            return True
        return likeness(face.pattern, self._patterns[0]) >= self._settings.step.covered_below

    def _go_on(self, face: Glimpse | None, epoch: int) -> ChallengeResult | None:
        spent_s = self._now_s - self._begun_s
        if self._phase is Phase.PAUSE:
            if spent_s < self._settings.pause_s:
                return None
            if self._number < len(self.order):
                self._next()
                return None
            return self._result(face, epoch) if face is not None else None
        assert self._meter is not None  # noqa: S101 - a step has one
        if face is not None:
            shown = self._meter.add(face, spent_s)
            if shown and face.logit is not None:
                self._during.append(face.logit)
        is_done = self._meter.share >= 1.0 and not isinstance(self._meter, ColourMeter)
        if is_done or spent_s >= self._limit_s():
            self._close_step(spent_s)
        return None

    def _next(self) -> None:
        self._meter = self._meter_for(self.order[self._number])
        self._number += 1
        self._phase, self._begun_s, self._during = Phase.STEP, self._now_s, []

    def _meter_for(self, step: Step) -> Meter:
        settings = self._settings.step
        if step is Step.HAND:
            return HandMeter(self._rest, settings)
        if step is Step.BLINK:
            return BlinkMeter(settings)
        if step is Step.COLOURS:
            return ColourMeter(self._schedule, settings)
        return TurnMeter(step, self._rest, settings)

    def _close_step(self, spent_s: float) -> None:
        assert self._meter is not None  # noqa: S101 - a step has one
        outcome, measured = self._meter.measured(spent_s)
        enough = min(len(self._before), len(self._during)) >= self._settings.least_looks
        rise = statistics.fmean(self._during) - statistics.fmean(self._before) if enough else None
        before, during = (prob_of(logits) for logits in (self._before, self._during))
        step = self._meter.step
        self._results.append(StepResult(step, outcome, measured, before, during, rise))
        self._phase, self._begun_s = Phase.PAUSE, self._now_s

    def _result(self, face: Glimpse, epoch: int) -> ChallengeResult:
        steps = self.results
        return ChallengeResult(
            face.track_id, epoch, self._now_s, steps, weigh(steps), sentence(steps)
        )


def _mean_pattern(patterns: Sequence[Pattern]) -> Pattern | None:
    if not patterns:
        return None
    mean = np.mean(np.array(patterns), axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length, np.float32) if length > 0.5 else None
