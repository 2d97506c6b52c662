"""A guided challenge: who does the steps, who does not, and what can be said of neither."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.blink import BlinkMeter as BlinkStatistics
from pipeline.challenge import STEPS, Challenge, Phase, Progress, Stopped
from pipeline.challenge_cue import LEAST_LLR, MOST_LLR, ChallengeResult, Outcome, Step
from pipeline.colour_echo import Schedule
from pipeline.glimpse import Glimpse
from pipeline.types import TrackId

ALL = (*STEPS, Step.COLOURS)
FPS = 15
PICTURE = (640, 480)
NOBODY_BLINKED = BlinkStatistics().update(None, 0.0)
EYES = replace(NOBODY_BLINKED, ear=0.3, baseline_ear=0.3, fps=15.0)


def pattern(seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(16, 16)).astype(np.float32)
    rows -= rows.mean()
    return rows / np.linalg.norm(rows)


FACE, PALM = pattern(1), pattern(2)
RESTING = Glimpse(TrackId(1), 2.0, EYES, None, FACE, (0.4, 0.28), (0.3, 0.33))
Actor = Callable[[Progress, float], list[Glimpse]]


def still(_progress: Progress, _time_s: float) -> list[Glimpse]:
    return [RESTING]


def obedient(progress: Progress, time_s: float) -> list[Glimpse]:
    """Do what is asked for, a second after it was."""
    spent_s = progress.elapsed_s
    if progress.phase is not Phase.STEP:
        return [RESTING]
    if progress.step is Step.COLOURS:
        red, blue = Schedule(progress.colours).tints(np.array([spent_s - 0.3]))[0]
        tints = (0.4 + 0.03 * (red - 0.33), 0.28 + 0.03 * (blue - 0.33))
        return [replace(RESTING, face_tint=tints)]
    if spent_s < 1:
        return [RESTING]
    if progress.step is Step.BLINK:
        last_s = 1.0 if spent_s < 1.8 else 1.7
        return [replace(RESTING, blink=replace(EYES, since_last_s=spent_s - last_s))]
    if progress.step is Step.HAND:
        return [replace(RESTING, pattern=PALM if spent_s < 2 else FACE)]
    return [replace(RESTING, yaw_deg=33.0 if progress.step is Step.TURN_LEFT else -30.0)]


def looked_at(actor: Actor, logit: Callable[[Progress], float] = lambda _: -1.0) -> Actor:
    """Let the classifier look at every fourth frame."""
    count = iter(range(1_000_000))

    def act(progress: Progress, time_s: float) -> list[Glimpse]:
        faces = actor(progress, time_s)
        due = next(count) % 4 == 0
        return [replace(face, logit=logit(progress)) for face in faces] if due else faces

    return act


def run(
    actor: Actor, steps: tuple[Step, ...] = ALL, *, seed: int = 0, fps: float = FPS
) -> ChallengeResult | Stopped:
    challenge = Challenge(steps, chance=random.Random(seed))
    for index in range(int(120 * fps)):
        faces = actor(challenge.progress(), index / fps)
        outcome = challenge.add(faces, index / fps, PICTURE, 1)
        if outcome is not None:
            return outcome
    raise AssertionError("it never ended")


def finished(outcome: ChallengeResult | Stopped) -> ChallengeResult:
    assert isinstance(outcome, ChallengeResult), outcome
    return outcome


def outcomes(result: ChallengeResult | Stopped) -> dict[Step, Outcome]:
    return {step.step: step.outcome for step in finished(result).steps}


@pytest.mark.parametrize("fps", [30, 15, 10])
def test_who_does_all_steps_gains_the_small_bound_and_no_more(fps: float) -> None:
    result = finished(run(looked_at(obedient), fps=fps))
    assert outcomes(result) == dict.fromkeys(ALL, Outcome.DONE), result.steps
    assert result.llr == LEAST_LLR
    assert "proves nothing" in result.text
    assert [step.before_prob for step in result.steps] == pytest.approx([0.2689] * 5, abs=1e-3)


def test_a_recording_that_follows_nothing_is_charged_within_the_bound() -> None:
    result = finished(run(looked_at(still)))
    found = outcomes(result)
    assert found.pop(Step.COLOURS) is Outcome.NOT_MEASURABLE
    assert set(found.values()) == {Outcome.NOT_DONE}
    assert result.llr == pytest.approx(MOST_LLR)


def test_the_order_is_drawn_by_the_seed_and_holds_every_step_once() -> None:
    orders = {Challenge(ALL, chance=random.Random(seed)).order for seed in range(200)}
    assert len(orders) > 60
    assert all(sorted(order) == sorted(ALL) for order in orders)
    assert (
        Challenge(ALL, chance=random.Random(7)).order
        == Challenge(ALL, chance=random.Random(7)).order
    )


def test_a_score_that_rises_while_the_head_is_turned_counts() -> None:
    turned = lambda progress: 2.0 if progress.step is Step.TURN_LEFT else -1.0  # noqa: E731
    result = finished(run(looked_at(obedient, turned)))
    risen = {step.step for step in result.steps if step.rose}
    assert risen == {Step.TURN_LEFT}
    assert result.llr == pytest.approx(0.3)
    left = next(step for step in result.steps if step.step is Step.TURN_LEFT)
    assert left.rise == pytest.approx(3.0)
    assert left.during_prob == pytest.approx(0.8808, abs=1e-3)


def test_a_score_that_rises_below_a_hand_is_shown_and_not_counted() -> None:
    below = lambda progress: 4.0 if progress.step is Step.HAND else -1.0  # noqa: E731
    result = finished(run(looked_at(obedient, below)))
    hand = next(step for step in result.steps if step.step is Step.HAND)
    assert hand.during_prob is not None
    assert hand.during_prob > 0.9
    assert result.llr == LEAST_LLR


def test_without_looks_of_the_classifier_nothing_is_compared() -> None:
    result = finished(run(obedient))
    assert {step.rise for step in result.steps} == {None}


def test_what_cannot_be_seen_is_not_counted_against_anybody() -> None:
    def hidden(progress: Progress, time_s: float) -> list[Glimpse]:
        blind = Glimpse(TrackId(1), None, None)
        return [blind] if progress.phase is not Phase.READY else [RESTING]

    result = finished(run(hidden))
    assert set(outcomes(result).values()) == {Outcome.NOT_MEASURABLE}
    assert result.llr is None


def test_a_mirrored_picture_is_no_refusal_to_turn() -> None:
    def mirrored(progress: Progress, time_s: float) -> list[Glimpse]:
        return [replace(face, yaw_deg=-(face.yaw_deg or 0)) for face in obedient(progress, time_s)]

    found = outcomes(run(mirrored))
    assert found[Step.TURN_LEFT] is found[Step.TURN_RIGHT] is Outcome.NOT_MEASURABLE


def test_a_glance_to_the_side_is_not_held_long_enough() -> None:
    def glancing(progress: Progress, time_s: float) -> list[Glimpse]:
        brief = progress.elapsed_s < 1.5
        return obedient(progress, time_s) if brief else [RESTING]

    assert outcomes(run(glancing, (Step.TURN_LEFT,)))[Step.TURN_LEFT] is Outcome.NOT_DONE


def test_a_hand_that_makes_the_landmarks_jump_is_not_clear() -> None:
    def jumping(progress: Progress, time_s: float) -> list[Glimpse]:
        faces = obedient(progress, time_s)
        return [replace(face, yaw_deg=30.0) if face.pattern is PALM else face for face in faces]

    assert outcomes(run(jumping, (Step.HAND,)))[Step.HAND] is Outcome.NOT_MEASURABLE


def test_a_face_that_is_lost_behind_a_hand_and_found_again_goes_on() -> None:
    def lost(progress: Progress, time_s: float) -> list[Glimpse]:
        if progress.phase is Phase.STEP and 1 < progress.elapsed_s < 4:
            return []
        later = progress.phase is not Phase.READY and progress.elapsed_s >= 4
        return [replace(RESTING, track_id=TrackId(2 if later else 1))]

    result = run(lost, (Step.HAND,))
    assert outcomes(result)[Step.HAND] is Outcome.NOT_MEASURABLE


def test_two_blinks_far_apart_come_by_themselves() -> None:
    def slowly(progress: Progress, time_s: float) -> list[Glimpse]:
        since_s = progress.elapsed_s % 3.5
        return [replace(RESTING, blink=replace(EYES, since_last_s=since_s))]

    result = finished(run(slowly, (Step.BLINK,)))
    assert result.steps[0].outcome is Outcome.NOT_DONE
    assert "far apart" in result.steps[0].measured


def test_eyes_that_are_seen_too_seldom_are_not_measured() -> None:
    def slow(progress: Progress, time_s: float) -> list[Glimpse]:
        return [replace(RESTING, blink=replace(EYES, fps=5.0, since_last_s=30.0))]

    assert outcomes(run(slow, (Step.BLINK,)))[Step.BLINK] is Outcome.NOT_MEASURABLE


@pytest.mark.parametrize(
    ("fps", "outcome"), [(12.0, Outcome.NOT_MEASURABLE), (30.0, Outcome.NOT_DONE)]
)
def test_one_blink_seen_at_few_pictures_a_second_may_have_been_two(
    fps: float, outcome: Outcome
) -> None:
    def once(progress: Progress, time_s: float) -> list[Glimpse]:
        since_s = progress.elapsed_s - 2 if progress.elapsed_s > 2 else None
        return [replace(RESTING, blink=replace(EYES, fps=fps, since_last_s=since_s))]

    assert outcomes(run(once, (Step.BLINK,)))[Step.BLINK] is outcome


def test_clothes_that_take_on_the_light_and_a_face_that_does_not_are_counted() -> None:
    chance = random.Random(1)

    def pasted(progress: Progress, time_s: float) -> list[Glimpse]:
        face = obedient(progress, time_s)[0]
        noise = (0.4 + chance.gauss(0, 0.002), 0.28 + chance.gauss(0, 0.002))
        return [replace(face, face_tint=noise, around_tint=face.face_tint)]

    assert outcomes(run(pasted, (Step.COLOURS,)))[Step.COLOURS] is Outcome.NOT_DONE


def test_a_second_face_ends_it() -> None:
    def joined(progress: Progress, time_s: float) -> list[Glimpse]:
        return [RESTING] if time_s < 5 else [RESTING, replace(RESTING, track_id=TrackId(2))]

    assert run(joined) is Stopped.SEVERAL_FACES


def test_a_passer_by_of_half_a_second_does_not_end_it() -> None:
    def passed(progress: Progress, time_s: float) -> list[Glimpse]:
        faces = obedient(progress, time_s)
        return faces * 2 if 5 < time_s < 5.5 else faces

    assert isinstance(run(passed), ChallengeResult)


def test_nobody_ends_it() -> None:
    assert run(lambda *_: []) is Stopped.NO_FACE
    assert run(lambda _, time_s: [RESTING] if time_s < 8 else []) is Stopped.NO_FACE


def test_a_face_that_cannot_be_measured_does_not_begin() -> None:
    assert run(lambda *_: [Glimpse(TrackId(1))]) is Stopped.NO_FACE


def test_it_begins_when_the_face_has_looked_ahead_for_three_seconds() -> None:
    def restless(progress: Progress, time_s: float) -> list[Glimpse]:
        if time_s < 4:
            return [replace(RESTING, yaw_deg=15 * math.sin(3 * time_s))]
        return [replace(RESTING, pattern=PALM) if time_s < 6 else RESTING]

    challenge = Challenge(chance=random.Random(0))
    begun_s = None
    for index in range(15 * FPS):
        progress = challenge.progress()
        if progress.phase is not Phase.READY and begun_s is None:
            begun_s = index / FPS
        challenge.add(restless(progress, index / FPS), index / FPS, PICTURE, 1)
    assert begun_s == pytest.approx(9.1, abs=0.2)


@pytest.mark.parametrize(
    "change", [((640, 480), 2, 4.0), ((320, 240), 1, 4.0), ((640, 480), 1, 1.0)],
    ids=["reconnect", "size", "time goes back"],
)  # fmt: skip
def test_a_break_in_the_stream_ends_it(change: tuple[tuple[int, int], int, float]) -> None:
    challenge = Challenge(chance=random.Random(0))
    for index in range(45):
        assert challenge.add([RESTING], index / FPS, PICTURE, 1) is None
    picture, epoch, time_s = change
    assert challenge.add([RESTING], time_s, picture, epoch) is Stopped.INTERRUPTED
