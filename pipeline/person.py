"""What is remembered about one tracked face, and the alert that may be open about it."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.alert import AlertSettings, AlertTrigger, Step
from pipeline.blink import BlinkMeter
from pipeline.clip import Clip
from pipeline.cues import HeadWatch
from pipeline.fuse import Fused
from pipeline.memory import PersonMemory
from pipeline.reference import Likeness
from pipeline.types import (
    AlertChange,
    AlertId,
    AlertPhase,
    Box,
    FrameScore,
    Quality,
    State,
    TrackedFace,
)
from pipeline.window import ScoreWindow


class Person:
    """The state of one track; it dies with the track, and nothing of it survives."""

    def __init__(
        self,
        blink: BlinkMeter,
        head: HeadWatch,
        window: ScoreWindow,
        likeness: Likeness,
        trigger: AlertTrigger,
        raise_at: float,
        new_alert_id: Callable[[], AlertId],
        clip: Clip | None = None,
        rule: Callable[[float | None, float | None, float], Fused] | None = None,
        alert: AlertChange | None = None,
    ) -> None:
        """`alert`: the newest change of the one that is open, where `trigger` has one open."""
        self.clip = clip or Clip()
        self.blink = blink
        self.head = head
        self.window = window
        self.likeness = likeness
        self.frame_prob: float | None = None
        self.quality: Quality | None = None
        self.box: Box | None = None
        """Where the face was seen last."""
        self._seen_s = float("-inf")
        self.rule = rule
        """Judges in the place of fakewatch's own evidence, where a preset is chosen."""
        self._trigger = trigger
        self._raise_at = raise_at
        self._new_alert_id = new_alert_id
        self._classify_at_s = float("-inf")
        self._alert = alert
        self._suspect = False

    def due(self, time_s: float) -> bool:
        """Its crop should be classified now."""
        return time_s >= self._classify_at_s

    def take(
        self, score: FrameScore | None, time_s: float, pause_s: float, weight: float = 1.0
    ) -> None:
        """Book a classifier's answer, by how far its crop is trusted; plan the next on a beat."""
        late_s = time_s - self._classify_at_s
        self._classify_at_s = (time_s if late_s >= pause_s else self._classify_at_s) + pause_s
        if score is None:
            return
        self.frame_prob = score.fake_prob
        self.window.add(score, time_s, weight)
        self.likeness.add(score, time_s)

    def judge(
        self, tracked: TrackedFace, fused: Fused, time_s: float
    ) -> tuple[State, AlertChange | None]:
        """Feed the trigger; a step of it becomes a change of the alert."""
        self.box, self._seen_s = tracked.face.box, time_s
        step = self._trigger.update(fused.fake_prob, time_s)
        self._suspect = step.state is State.SUSPECT
        if step.phase is None:
            return step.state, None
        change = self._change(tracked, fused, step, step.phase, time_s)
        self._alert = change if step.state is State.ALERT else None
        return step.state, change

    @property
    def is_held(self) -> bool:
        """It must stay under analysis: it is suspect, or its alert is open."""
        return self._suspect or self._alert is not None

    @property
    def memory(self) -> PersonMemory | None:
        """What is known of it, as data; None before it was judged once."""
        if self.box is None:
            return None
        trigger = self._trigger.memory
        return PersonMemory(self.box, self._seen_s, self.window.samples, trigger, self._alert)

    def adjust(self, settings: AlertSettings) -> None:
        """Alert by other times from now on; what is remembered stays."""
        self._trigger.adjust(settings)

    def close(self, time_s: float) -> AlertChange | None:
        """The track has ended: so does its alert."""
        step = self._trigger.close(time_s)
        if step.phase is None or self._alert is None:
            return None
        return replace(self._alert, phase=step.phase, time_s=time_s)

    def _change(
        self, tracked: TrackedFace, fused: Fused, step: Step, phase: AlertPhase, time_s: float
    ) -> AlertChange:
        before = self._alert
        return AlertChange(
            alert_id=before.alert_id if before else self._new_alert_id(),
            phase=phase,
            track_id=tracked.track_id,
            time_s=time_s,
            opened_s=step.opened_s if step.opened_s is not None else time_s,
            fake_prob=step.level_prob if step.level_prob is not None else step.peak_prob,
            peak_prob=step.peak_prob,
            threshold=self._raise_at,
            reasons=fused.reasons or (before.reasons if before else ()),
            box=tracked.face.box,
            escalated=step.escalated,
        )
