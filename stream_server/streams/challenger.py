"""One stream's guided challenge: asked for by the API, gone through by the analyser thread."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from pipeline.analyzer import StreamAnalyzer
from pipeline.challenge import STEPS, Challenge, ChallengeSettings, Progress, Stopped
from pipeline.challenge_cue import ChallengeResult, Step, StepResult
from pipeline.glimpse import glimpse_of
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.problems import Conflict
from stream_server.streams.analyst import AnyAnalyzer

log = structlog.get_logger("fakewatch.challenge")

_UNWATCHED_S = 10.0
"""Steps that nobody reads cannot be done: then it ends by itself."""


class ChallengeState(StrEnum):
    """Where a stream's challenge is."""

    NONE = "none"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """It ended early; nothing of it counts."""


class Audience(StrEnum):
    """Who reads the steps."""

    SELF = "self"
    """The person in the picture, on their own screen."""
    RELAYED = "relayed"
    """Somebody who says them to the person: each step gets more time."""


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """How the API shows it."""

    state: ChallengeState
    text: str
    """One sentence for a person."""
    reason: str | None
    """Why it was stopped; stable, see `pipeline.challenge.Stopped`, and "unwatched"."""
    progress: Progress | None
    """While it runs."""
    steps: tuple[StepResult, ...]
    """Those that are over."""
    llr: float | None
    """What the result adds to the log-odds for a minute; None where it says nothing."""
    finished_at: datetime | None
    """Aware, UTC."""


_PACES = {
    Audience.SELF: ChallengeSettings(),
    Audience.RELAYED: ChallengeSettings(limit_s=20.0, pause_s=2.5),
}
_WHY = {
    Stopped.SEVERAL_FACES: "Stopped: more than one face was in the picture. A challenge is for one"
    " person alone.",
    Stopped.NO_FACE: "Stopped: no face was seen for some seconds. Sit in the middle of the picture,"
    " in good light.",
    Stopped.INTERRUPTED: "Stopped: the connection, the picture size or the model changed on the"
    " way. Please try again.",
    "unwatched": "Stopped: nobody followed the steps.",
}


class Challenger:
    """Hands orders from the event loop to the analyser thread, and what came of them back."""

    def __init__(self, stream_id: StreamId, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream_id, self._clock = stream_id, clock
        self._lock = threading.Lock()
        self._running: Challenge | None = None
        self._result: ChallengeResult | None = None
        self._finished_at: datetime | None = None
        self._why: str | None = None
        self._faces = 0
        self._asked_s = 0.0

    def begin(self, audience: Audience, *, colours: bool) -> None:
        """Start a challenge; the next frames belong to it.

        Raises:
            Conflict: one is running, or several faces are in the picture.
        """
        steps = (*STEPS, Step.COLOURS) if colours else STEPS
        with self._lock:
            if self._running is not None:
                raise Conflict("A challenge is running already.")
            if self._faces > 1:
                raise Conflict(
                    "More than one face is in the picture: a challenge is for one person alone."
                )
            self._running = Challenge(
                steps, chance=random.SystemRandom(), settings=_PACES[audience]
            )
            self._result = self._finished_at = self._why = None
            self._asked_s = self._clock()
        log.info("challenge_started", stream=self._stream_id)

    def forget(self) -> None:
        """Give up a running challenge, and let a result count no more."""
        with self._lock:
            self._running = self._result = self._finished_at = self._why = None

    def interrupt(self) -> None:
        """Stop a running one, and let a result count no more: faces are followed anew."""
        with self._lock:
            self._result = self._finished_at = None
            if self._running is not None:
                self._stop(Stopped.INTERRUPTED)

    def result(self, epoch: int) -> ChallengeResult | None:
        """What counts on frames of this epoch."""
        result = self._result
        return result if result is not None and result.epoch == epoch else None

    def watch(self, analyzer: StreamAnalyzer, frame: Frame, skipped: int) -> None:
        """Take what was seen on a frame; the analyser thread calls this."""
        self._faces = len(analyzer.sightings) + skipped
        if self._running is None:
            return
        glimpses = [glimpse_of(frame.image, sighting) for sighting in analyzer.sightings]
        picture = (frame.image.shape[1], frame.image.shape[0])
        with self._lock:
            running = self._running
            if running is None:
                return
            if self._clock() - self._asked_s > _UNWATCHED_S:
                self._stop("unwatched")
                return
            outcome = running.add(glimpses, frame.time_s, picture, frame.epoch, skipped)
            if isinstance(outcome, Stopped):
                self._stop(outcome)
            elif outcome is not None:
                self._running = None
                self._result, self._finished_at = outcome, datetime.now(UTC)
                log.info("challenge_finished", stream=self._stream_id)

    def view(self) -> ChallengeView:
        """How it stands; asking keeps a running one alive."""
        with self._lock:
            self._asked_s = self._clock()
            running, result, why = self._running, self._result, self._why
            if running is not None:
                text, progress = "The challenge is running.", running.progress()
                return _view(ChallengeState.RUNNING, text, progress=progress, steps=running.results)
            if why is not None:
                return _view(ChallengeState.STOPPED, _WHY[why], reason=why)
            if result is not None:
                return _view(
                    ChallengeState.FINISHED,
                    result.text,
                    steps=result.steps,
                    llr=result.llr,
                    finished_at=self._finished_at,
                )
        return _view(ChallengeState.NONE, "No challenge has been made.")

    def _stop(self, why: str) -> None:
        self._running, self._why = None, why
        log.info("challenge_stopped", stream=self._stream_id, reason=str(why))


def _view(
    state: ChallengeState,
    text: str,
    *,
    reason: str | None = None,
    progress: Progress | None = None,
    steps: tuple[StepResult, ...] = (),
    llr: float | None = None,
    finished_at: datetime | None = None,
) -> ChallengeView:
    return ChallengeView(state, text, reason, progress, steps, llr, finished_at)


class Challenged:
    """An analyzer whose faces the challenger sees, and whose scores its result enters."""

    def __init__(
        self, inner: AnyAnalyzer, analyzer: StreamAnalyzer, challenger: Challenger
    ) -> None:
        """`inner` runs `analyzer`, with whatever else happens around it."""
        self._inner, self._analyzer, self._challenger = inner, analyzer, challenger

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame."""
        self._analyzer.challenge = self._challenger.result(frame.epoch)
        analysis = self._inner(frame, shed)
        self._challenger.watch(self._analyzer, frame, analysis.faces_skipped)
        return analysis

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        return self._inner.finish()
