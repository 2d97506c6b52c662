"""What the steps of a guided challenge gave, and the one bounded term that they make.

A challenge asks for what a live face swap renders badly (GOTCHA, Mittal et al., EuroS&P 2024). It
proves nothing: a good swap does all of it, and a shy person none. So it adds little either way,
for a minute, to the face that it was about. All figures are set by hand and not measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.types import Reason, TrackId

DONE_LLR = -0.1
LEAST_LLR = -0.3
"""All that was done well takes no more than this off."""
NOT_DONE_LLR = 0.2
RISE_LLR = 0.3
MOST_LLR = 0.8
"""All that was not done, or broke, adds no more than this: never enough for an alert."""
RISE = 1.5
"""Log-odds by which the looks during a step lie above those before it, to count as a rise."""
COUNTS_FOR_S = 60.0
"""Who was there a minute ago need not be there now."""


class Step(StrEnum):
    """What is asked for; left and right are the subject's own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    HAND = "hand"
    BLINK = "blink"
    COLOURS = "colours"


class Outcome(StrEnum):
    """How a step went."""

    DONE = "done"
    NOT_DONE = "not_done"
    NOT_MEASURABLE = "not_measurable"
    """Too little could be seen to say; it counts neither way."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step with what was measured."""

    step: Step
    outcome: Outcome
    measured: str
    """One sentence for a person."""
    before_prob: float | None = None
    during_prob: float | None = None
    """Mean of the classifier's looks before the first step and during this one, as P(fake)."""
    rise: float | None = None
    """How much higher the looks during it are, in log-odds; None where they were too few."""

    @property
    def rose(self) -> bool:
        """The score rose clearly in a step that was measured.

        A hand before the face raises the score of genuine faces as well: shown, not counted.
        """
        counted = self.outcome is not Outcome.NOT_MEASURABLE and self.step is not Step.HAND
        return counted and self.rise is not None and self.rise >= RISE


@dataclass(frozen=True, slots=True)
class ChallengeResult:
    """A challenge that was gone through to its end."""

    track_id: TrackId
    epoch: int
    time_s: float
    """Media time of its end."""
    steps: tuple[StepResult, ...]
    llr: float | None
    """Within [LEAST_LLR, MOST_LLR]; None where no step could be measured."""
    text: str


def weigh(steps: Sequence[StepResult]) -> float | None:
    """Log-odds of all steps; None where none was measured.

    What broke is not made good by what went well.
    """
    measured = [step for step in steps if step.outcome is not Outcome.NOT_MEASURABLE]
    if not measured:
        return None
    undone = sum(step.outcome is Outcome.NOT_DONE for step in measured)
    risen = sum(step.rose for step in measured)
    against = NOT_DONE_LLR * undone + RISE_LLR * risen
    return min(MOST_LLR, against) if against > 0 else max(LEAST_LLR, DONE_LLR * len(measured))


def sentence(steps: Sequence[StepResult]) -> str:
    """Say how it went, for a person."""
    measured = [step for step in steps if step.outcome is not Outcome.NOT_MEASURABLE]
    if not measured:
        return "No step of the challenge could be measured, so it says nothing."
    done = sum(step.outcome is Outcome.DONE for step in measured)
    text = f"Of {len(measured)} measured steps of the challenge {done} "
    text += "was done" if done == 1 else "were done"
    risen = sum(step.rose for step in measured)
    if risen:
        return f"{text}; the score rose during {risen} of them."
    if done == len(measured):
        return f"{text} and the score did not rise, which proves nothing."
    return f"{text}; other reasons than manipulation can do that."


def challenge_cue(
    result: ChallengeResult | None, track_id: TrackId, time_s: float
) -> tuple[Reason, ...]:
    """The term "challenge" of the fused score; empty for other faces, and after a minute."""
    if result is None or result.llr is None or result.track_id != track_id:
        return ()
    if not 0 <= time_s - result.time_s <= COUNTS_FOR_S:
        return ()
    return (Reason("challenge", result.llr, result.text),)


def prob_of(logits: Sequence[float]) -> float | None:
    """The mean of log-odds as a probability; None of nothing."""
    if not logits:
        return None
    return 0.5 * (1 + math.tanh(math.fsum(logits) / len(logits) / 2))
