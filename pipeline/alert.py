"""Few, steady alerts: the state machine of one track, with two thresholds and two delays."""

import math
from dataclasses import dataclass, replace

from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, State

_LOGIT_LIMIT = 6.0
_SUM_HALF_LIFE_S = 20.0
"""Of the cumulated excess, over seconds without evidence."""


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
    escalate_s: float = 15.0
    """An alert that has been active for so long is escalated, once."""
    escalate_prob: float = 0.9
    """And so is one whose smoothed probability reaches this."""


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
    escalated: bool = False
    """The alert has lasted, or risen, beyond what a person may put off."""


@dataclass(slots=True)
class TriggerMemory:
    """Where a trigger stands; times are seconds of its stream's media time."""

    state: State = State.INSUFFICIENT
    level: float | None = None
    """Smoothed log-odds."""
    logit: float | None = None
    """Log-odds of the newest evidence."""
    evidence_s: float | None = None
    above_s: float = 0.0
    below_s: float = 0.0
    excess: float = 0.0
    """What lies above the allowance, added up (CUSUM)."""
    opened_s: float | None = None
    active_s: float = 0.0
    escalated: bool = False
    peak_prob: float = 0.0
    told_s: float = 0.0
    told_peak: float = 0.0
    closed_s: float = -math.inf
    """When the last alert closed; -inf where there was none."""

    def moved(self, by_s: float) -> "TriggerMemory":
        """The same on a clock that shows `by_s` seconds more."""
        return replace(
            self,
            evidence_s=None if self.evidence_s is None else self.evidence_s + by_s,
            opened_s=None if self.opened_s is None else self.opened_s + by_s,
            told_s=self.told_s + by_s,
            closed_s=self.closed_s + by_s,
        )


class AlertTrigger:
    """From probabilities to at most one open alert.

    Timers count only time with evidence: a gap neither raises nor clears. Flapping round one
    threshold does nothing, because opening and clearing use different ones.

    With `thresholds.cusum` lasting moderate evidence opens an alert too (Page 1954): what lies
    above its allowance is added up, and counts only between two observations that both show it.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        settings: AlertSettings = AlertSettings(),
        memory: TriggerMemory | None = None,
    ) -> None:
        """Start anew, or where another trigger of the same thresholds stood."""
        self._settings = settings
        self._cusum = thresholds.cusum
        self._raise = _logit(thresholds.raise_at)
        self._clear = _logit(thresholds.clear_at)
        self._suspect = (self._raise + self._clear) / 2
        self._now = replace(memory or TriggerMemory())

    @property
    def memory(self) -> TriggerMemory:
        """All that another trigger has to know to go on from here."""
        return replace(self._now)

    def update(self, fake_prob: float | None, time_s: float) -> Step:
        """Take the fused probability at `time_s` (None: no evidence now)."""
        if fake_prob is None or not math.isfinite(fake_prob):
            return self._without_evidence(time_s)
        dt = 0.0 if self._now.evidence_s is None else max(0.0, time_s - self._now.evidence_s)
        if dt > self._settings.missing_s:
            self._restart()
        self._now.evidence_s = time_s
        # After a pause the time between is not evidence: one step counts a second at most.
        step_s = min(dt, 1.0)
        before, logit = self._now.level, _logit(fake_prob)
        self._add_up(logit, dt, step_s)
        level = self._smooth(logit, step_s)
        self._time(before, level, step_s)
        return self._step(self._advance(level, time_s))

    def adjust(self, settings: AlertSettings) -> None:
        """Go by other times from now on; the level and the open alert stay."""
        self._settings = settings

    def close(self, time_s: float) -> Step:
        """End it: the track or the stream is gone. An open alert closes."""
        was_open = self._now.opened_s is not None
        step = Step(
            State.INSUFFICIENT,
            AlertPhase.CLOSED if was_open else None,
            self._level_prob(),
            self._now.peak_prob,
            self._now.opened_s,
            self._now.escalated,
        )
        if was_open:
            self._end(time_s)
        self._restart()
        self._now.evidence_s = None
        self._now.state = State.INSUFFICIENT
        return step

    def _without_evidence(self, time_s: float) -> Step:
        if self._now.evidence_s is None or time_s - self._now.evidence_s > self._settings.missing_s:
            self._now.state = State.INSUFFICIENT
        return self._step(None)

    def _restart(self) -> None:
        """Forget the level and the timers, not the open alert: silence is no all-clear."""
        self._now.level = self._now.logit = None
        self._now.above_s = self._now.below_s = self._now.excess = 0.0

    def _add_up(self, logit: float, dt: float, step_s: float) -> None:
        """Move the cumulated excess; what a gap hides makes it fade."""
        before, self._now.logit = self._now.logit, logit
        if self._cusum is None or before is None:
            return
        faded = self._now.excess * 0.5 ** ((dt - step_s) / _SUM_HALF_LIFE_S)
        self._now.excess = max(0.0, faded + (min(before, logit) - self._cusum.allowance) * step_s)

    def _smooth(self, logit: float, step_s: float) -> float:
        if self._now.level is None:
            self._now.level = logit
        else:
            self._now.level += (1 - math.exp(-step_s / self._settings.tau_s)) * (
                logit - self._now.level
            )
        return self._now.level

    def _time(self, before: float | None, level: float, step_s: float) -> None:
        """Add a step to the timers of the sides on which the level began and ended it."""
        stayed_above = before is not None and min(before, level) >= self._raise
        stayed_below = before is not None and max(before, level) <= self._clear
        self._now.above_s = self._now.above_s + step_s if stayed_above else 0.0
        self._now.below_s = self._now.below_s + step_s if stayed_below else 0.0
        if level > self._clear:
            self._now.active_s += step_s

    def _advance(self, level: float, time_s: float) -> AlertPhase | None:
        if self._now.opened_s is not None:
            return self._while_open(level, time_s)
        rested = time_s - self._now.closed_s >= self._settings.cooldown_s
        held = level >= self._raise and self._now.above_s >= self._settings.hold_s
        if rested and (held or (self._cusum is not None and self._now.excess > self._cusum.limit)):
            self._now.opened_s = time_s
            self._now.active_s = self._now.below_s = 0.0
            self._now.peak_prob = self._now.told_peak = _prob(level)
            self._now.told_s = time_s
            self._now.state = State.ALERT
            self._now.escalated = self._now.peak_prob >= self._settings.escalate_prob
            return AlertPhase.OPENED
        if level >= self._suspect:
            self._now.state = State.SUSPECT
        elif level <= self._clear or self._now.state is not State.SUSPECT:
            self._now.state = State.CLEAR
        return None

    def _while_open(self, level: float, time_s: float) -> AlertPhase | None:
        self._now.state = State.ALERT
        self._now.peak_prob = max(self._now.peak_prob, _prob(level))
        if self._now.below_s >= self._settings.release_s:
            self._now.state = State.CLEAR
            return AlertPhase.CLOSED
        if not self._now.escalated and self._is_grave():
            self._now.escalated = True
            self._now.told_s, self._now.told_peak = time_s, self._now.peak_prob
            return AlertPhase.ESCALATED
        since_s = time_s - self._now.told_s
        rose = self._now.peak_prob >= self._now.told_peak + self._settings.update_rise_prob
        if since_s >= self._settings.update_every_s or (rose and since_s >= 1.0):
            self._now.told_s, self._now.told_peak = time_s, self._now.peak_prob
            return AlertPhase.UPDATED
        return None

    def _is_grave(self) -> bool:
        settings = self._settings
        lasted = self._now.active_s >= settings.escalate_s
        return lasted or self._now.peak_prob >= settings.escalate_prob

    def _end(self, time_s: float) -> None:
        self._now.opened_s = None
        self._now.closed_s = time_s
        self._now.peak_prob = self._now.excess = 0.0
        self._now.escalated = False

    def _level_prob(self) -> float | None:
        return None if self._now.level is None else _prob(self._now.level)

    def _step(self, phase: AlertPhase | None) -> Step:
        step = Step(
            self._now.state,
            phase,
            self._level_prob(),
            self._now.peak_prob,
            self._now.opened_s,
            self._now.escalated,
        )
        if phase is AlertPhase.CLOSED and self._now.evidence_s is not None:
            self._end(self._now.evidence_s)
        return step


def _logit(prob: float) -> float:
    """Log-odds, limited so that one certain answer cannot outweigh seconds of others."""
    if prob <= 0.0 or prob >= 1.0:
        return math.copysign(_LOGIT_LIMIT, prob - 0.5)
    return max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, math.log(prob / (1 - prob))))


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
