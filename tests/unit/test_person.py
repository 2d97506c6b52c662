"""What is remembered of one face: good crops count more than poor ones."""

import pytest

from pipeline.alert import AlertTrigger
from pipeline.blink import BlinkMeter
from pipeline.cues import HeadWatch
from pipeline.fuse import FuseSettings, trust
from pipeline.model_card import Thresholds
from pipeline.person import Person
from pipeline.reference import Likeness
from pipeline.types import AlertId, FrameScore, Quality
from pipeline.window import ScoreWindow

MANIPULATED, GENUINE = FrameScore(2.0, 0.88), FrameScore(-2.0, 0.12)


def person() -> Person:
    trigger = AlertTrigger(Thresholds(0.8, 0.5))
    return Person(
        BlinkMeter(),
        HeadWatch(),
        ScoreWindow(),
        Likeness(4.0),
        trigger,
        0.8,
        lambda: AlertId("one"),
    )


def half_and_half(weights: dict[FrameScore, float]) -> float | None:
    someone = person()
    for index in range(16):
        score = (MANIPULATED, GENUINE)[index % 2]
        someone.take(score, index / 4, 0.25, weights[score])
    return someone.window.score(3.9).logit


def test_crops_that_are_trusted_alike_count_alike() -> None:
    assert half_and_half({MANIPULATED: 0.7, GENUINE: 0.7}) == pytest.approx(0.0, abs=1e-9)


def test_a_poor_crop_counts_less_than_a_good_one() -> None:
    def quality(side_px: float) -> Quality:
        return Quality(side_px, 100.0, 0.5, 0.0, damaged=False, usable=True, reason=None)

    poor, good = (trust(quality(side_px), FuseSettings()) for side_px in (64.0, 200.0))
    assert poor < good
    assert (half_and_half({MANIPULATED: poor, GENUINE: good}) or 0.0) < -0.2
    assert (half_and_half({MANIPULATED: good, GENUINE: poor}) or 0.0) > 0.2
