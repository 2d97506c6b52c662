"""Few, steady alerts: the state machine of one track, with two thresholds and two delays."""

import math
from dataclasses import dataclass

from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, State

_LOGIT_LIMIT = 6.0


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How long evidence must last; seconds of media time.

    Chosen with benchmarks/alert_rules.py: the 4 s score window already smooths, so more smoothing
    here costs seconds and saves few false alarms; a higher threshold saves many.
    """

    tau_s: float = 0.5
    """Memory of the smoothing (EWMA) of the log-odds."""
    hold_s: float = 0.5
    """Above the raising threshold this long before an alert opens."""
    release_s: float = 8.0
    """Below the clearing threshold this long before it closes."""
    cooldown_s: float = 60.0
    """After a close, the next alert waits this long; the state says "suspect" meanwhile."""
    missing_s: float = 10.0
    """Without evidence this long, nothing may be said."""
    update_every_s: float = 5.0
    update_rise_prob: float = 0.05
    """A new peak this much higher is told earlier, but at most once a second."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one observation did."""

    state: State
    phase: AlertPhase | None
    level_prob: float | None
    """The smoothed probability that the thresholds are compared with."""
    peak_prob: float
    """The highest level since the alert opened; 0 while none is open."""
    opened_s: float | None


class AlertTrigger:
    """From probabilities to at most one open alert.

    Timers count only time with evidence: a gap neither raises nor clears. Flapping round one
    threshold does nothing, because opening and clearing use different ones.
    """

    def __init__(self, thresholds: Thresholds, settings: AlertSettings = AlertSettings()) -> None:
        self._settings = settings
        self._raise = _logit(thresholds.raise_at)
        self._clear = _logit(thresholds.clear_at)
        self._suspect = (self._raise + self._clear) / 2
        self._level: float | None = None
        self._evidence_s: float | None = None
        self._above_s = 0.0
        self._below_s = 0.0
        self._state = State.INSUFFICIENT
        self._opened_s: float | None = None
        self._closed_s = -math.inf
        self._peak_prob = 0.0
        self._told_s = 0.0
        self._told_peak = 0.0

    def update(self, fake_prob: float | None, time_s: float) -> Step:
        """Take the fused probability at `time_s` (None: no evidence now)."""
        if fake_prob is None or not math.isfinite(fake_prob):
            return self._without_evidence(time_s)
        dt = 0.0 if self._evidence_s is None else max(0.0, time_s - self._evidence_s)
        if dt > self._settings.missing_s:
            self._restart()
        self._evidence_s = time_s
        # After a pause the time between is not evidence: one step counts a second at most.
        step_s = min(dt, 1.0)
        before = self._level
        level = self._smooth(_logit(fake_prob), step_s)
        self._time(before, level, step_s)
        return self._step(self._advance(level, time_s))

    def close(self, time_s: float) -> Step:
        """End it: the track or the stream is gone. An open alert closes."""
        was_open = self._opened_s is not None
        step = Step(
            State.INSUFFICIENT,
            AlertPhase.CLOSED if was_open else None,
            self._level_prob(),
            self._peak_prob,
            self._opened_s,
        )
        if was_open:
            self._end(time_s)
        self._restart()
        self._evidence_s = None
        self._state = State.INSUFFICIENT
        return step

    def _without_evidence(self, time_s: float) -> Step:
        if self._evidence_s is None or time_s - self._evidence_s > self._settings.missing_s:
            self._state = State.INSUFFICIENT
        return self._step(None)

    def _restart(self) -> None:
        """Forget the level and the timers, not the open alert: silence is no all-clear."""
        self._level = None
        self._above_s = self._below_s = 0.0

    def _smooth(self, logit: float, step_s: float) -> float:
        if self._level is None:
            self._level = logit
        else:
            self._level += (1 - math.exp(-step_s / self._settings.tau_s)) * (logit - self._level)
        return self._level

    def _time(self, before: float | None, level: float, step_s: float) -> None:
        """Add a step to the timers of the sides on which the level began and ended it."""
        stayed_above = before is not None and min(before, level) >= self._raise
        stayed_below = before is not None and max(before, level) <= self._clear
        self._above_s = self._above_s + step_s if stayed_above else 0.0
        self._below_s = self._below_s + step_s if stayed_below else 0.0

    def _advance(self, level: float, time_s: float) -> AlertPhase | None:
        if self._opened_s is not None:
            return self._while_open(level, time_s)
        rested = time_s - self._closed_s >= self._settings.cooldown_s
        if rested and level >= self._raise and self._above_s >= self._settings.hold_s:
            self._opened_s = time_s
            self._peak_prob = self._told_peak = _prob(level)
            self._told_s = time_s
            self._state = State.ALERT
            return AlertPhase.OPENED
        if level >= self._suspect:
            self._state = State.SUSPECT
        elif level <= self._clear or self._state is not State.SUSPECT:
            self._state = State.CLEAR
        return None

    def _while_open(self, level: float, time_s: float) -> AlertPhase | None:
        self._state = State.ALERT
        self._peak_prob = max(self._peak_prob, _prob(level))
        if self._below_s >= self._settings.release_s:
            self._state = State.CLEAR
            return AlertPhase.CLOSED
        since_s = time_s - self._told_s
        rose = self._peak_prob >= self._told_peak + self._settings.update_rise_prob
        if since_s >= self._settings.update_every_s or (rose and since_s >= 1.0):
            self._told_s, self._told_peak = time_s, self._peak_prob
            return AlertPhase.UPDATED
        return None

    def _end(self, time_s: float) -> None:
        self._opened_s = None
        self._closed_s = time_s
        self._peak_prob = 0.0

    def _level_prob(self) -> float | None:
        return None if self._level is None else _prob(self._level)

    def _step(self, phase: AlertPhase | None) -> Step:
        step = Step(self._state, phase, self._level_prob(), self._peak_prob, self._opened_s)
        if phase is AlertPhase.CLOSED and self._evidence_s is not None:
            self._end(self._evidence_s)
        return step


def _logit(prob: float) -> float:
    """Log-odds, limited so that one certain answer cannot outweigh seconds of others."""
    if prob <= 0.0 or prob >= 1.0:
        return math.copysign(_LOGIT_LIMIT, prob - 0.5)
    return max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, math.log(prob / (1 - prob))))


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
