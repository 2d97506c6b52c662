"""What a challenge may say: bounded both ways, for a minute, of one face only."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.challenge_cue import (
    COUNTS_FOR_S,
    LEAST_LLR,
    MOST_LLR,
    ChallengeResult,
    Outcome,
    Step,
    StepResult,
    challenge_cue,
    prob_of,
    sentence,
    weigh,
)
from pipeline.types import TrackId

RESULTS = st.lists(
    st.builds(
        StepResult, st.sampled_from(Step), st.sampled_from(Outcome), st.just("."),
        rise=st.none() | st.floats(allow_nan=False),
    ),
    max_size=12,
)  # fmt: skip


def made(llr: float | None, time_s: float = 10.0) -> ChallengeResult:
    return ChallengeResult(TrackId(1), 1, time_s, (), llr, "Said.")


@given(RESULTS)
def test_the_bounds_hold_whatever_happened(steps: list[StepResult]) -> None:
    llr = weigh(steps)
    measured = [step for step in steps if step.outcome is not Outcome.NOT_MEASURABLE]
    assert (llr is None) == (not measured)
    if llr is not None:
        assert LEAST_LLR <= llr <= MOST_LLR
    assert sentence(steps).endswith(".")


@given(RESULTS)
def test_what_could_not_be_measured_changes_nothing(steps: list[StepResult]) -> None:
    unseen = StepResult(Step.TURN_LEFT, Outcome.NOT_MEASURABLE, ".", rise=9.0)
    assert weigh([*steps, unseen]) == weigh(steps)


@given(RESULTS, st.sampled_from(Step))
def test_a_step_that_was_not_done_never_takes_anything_off(
    steps: list[StepResult], step: Step
) -> None:
    before = weigh(steps) or 0.0
    after = weigh([*steps, StepResult(step, Outcome.NOT_DONE, ".")])
    assert after is not None
    assert after >= max(0.0, before)


def test_what_broke_is_not_made_good_by_what_went_well() -> None:
    done = [StepResult(step, Outcome.DONE, ".") for step in Step]
    broken = StepResult(Step.TURN_LEFT, Outcome.DONE, ".", rise=2.0)
    assert weigh(done) == pytest.approx(LEAST_LLR)
    assert weigh([*done, broken]) == pytest.approx(0.3)


@given(st.floats(-1e6, 1e6))
def test_it_counts_for_a_minute_and_not_before(time_s: float) -> None:
    counts = 10.0 <= time_s <= 10.0 + COUNTS_FOR_S
    assert bool(challenge_cue(made(-0.3), TrackId(1), time_s)) == counts


def test_it_is_about_one_face_and_silent_where_it_knows_nothing() -> None:
    assert challenge_cue(made(0.2), TrackId(2), 11.0) == ()
    assert challenge_cue(made(None), TrackId(1), 11.0) == ()
    assert challenge_cue(None, TrackId(1), 11.0) == ()
    (reason,) = challenge_cue(made(0.2), TrackId(1), 11.0)
    assert (reason.cue, reason.llr, reason.text) == ("challenge", 0.2, "Said.")


@given(st.lists(st.floats(-1e5, 1e5), min_size=1))
def test_a_mean_of_log_odds_is_a_probability(logits: list[float]) -> None:
    prob = prob_of(logits)
    assert prob is not None
    assert 0 <= prob <= 1
    assert prob_of([]) is None
    assert math.isclose(prob_of([0.0]) or 0, 0.5)


def test_nothing_that_is_said_calls_anybody_genuine() -> None:
    done = [StepResult(step, Outcome.DONE, ".") for step in Step]
    undone = [StepResult(step, Outcome.NOT_DONE, ".") for step in Step]
    for steps in (done, undone, [], [StepResult(Step.BLINK, Outcome.DONE, ".", rise=3.0)]):
        said = sentence(steps).lower()
        assert not any(word in said for word in ("fake", "genuine", "real", "liveness", "alive"))
