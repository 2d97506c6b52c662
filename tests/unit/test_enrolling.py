"""Enrolment of a person: what a stretch must offer, and why it is refused."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.enrolling import Enrolling, EnrolSettings, Refused, Sighting
from pipeline.reference import Enrolment
from pipeline.types import FrameScore, Quality, TrackId
from tests.unit.test_reference import CARD

GOOD = Quality(150.0, 80.0, 0.5, 0.0, damaged=False, usable=True, reason=None)
PICTURE = (640, 480)


def sighting(
    *, logit: float = -0.5, angle: float = 0.0, quality: Quality = GOOD, track: int = 1
) -> Sighting:
    embedding = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return Sighting(TrackId(track), quality, FrameScore(logit, 0.5, embedding))


def outcome(faces_at, *, until_s: float = 70.0, every_s: float = 0.25):  # type: ignore[no-untyped-def]
    """Feed `faces_at(time_s)` until something comes out."""
    enrolling = Enrolling(CARD)
    for step in range(int(until_s / every_s)):
        result = enrolling.add(faces_at(step * every_s), step * every_s, PICTURE, 1)
        if result is not None:
            return result
    return None


def test_twenty_seconds_of_one_good_face_are_enrolled() -> None:
    result = outcome(lambda _: [sighting()])
    assert isinstance(result, Enrolment)
    assert result.samples == 81
    assert result.observed_s == 20.0
    assert result.logit_mean == pytest.approx(-0.5)
    assert result.embedding == pytest.approx((1, 0))
    assert (result.model, result.width, result.height) == (CARD.fingerprint, *PICTURE)


@pytest.mark.parametrize(
    ("faces", "why"),
    [
        ([], Refused.THIN),
        ([sighting(track=1), sighting(track=2)], Refused.SEVERAL_FACES),
        ([sighting(quality=replace(GOOD, usable=False, reason="dark"))], Refused.POOR),
        ([sighting(quality=replace(GOOD, side_px=70.0))], Refused.POOR),
        ([sighting(logit=0.5)], Refused.SUSPICIOUS),
    ],
    ids=["nobody", "two faces", "unusable", "small", "suspicious"],
)
def test_a_stretch_that_proves_nothing_is_refused(faces: list[Sighting], why: Refused) -> None:
    assert outcome(lambda _: faces) is why


def test_a_face_that_changes_on_the_way_is_refused() -> None:
    assert outcome(lambda time_s: [sighting(angle=0.0 if time_s < 10 else 0.8)]) is Refused.UNSTEADY


def test_a_new_picture_size_or_connection_interrupts() -> None:
    for picture, epoch in (((320, 240), 1), (PICTURE, 2)):
        enrolling = Enrolling(CARD)
        assert enrolling.add([sighting()], 0.0, PICTURE, 1) is None
        assert enrolling.add([sighting()], 0.25, picture, epoch) is Refused.INTERRUPTED


def test_a_gap_counts_as_one_second_at_most_and_progress_grows() -> None:
    enrolling = Enrolling(CARD)
    enrolling.add([sighting()], 0.0, PICTURE, 1)
    enrolling.add([sighting()], 15.0, PICTURE, 1)
    assert enrolling.observed_s == 1.0
    assert enrolling.progress == pytest.approx(0.05)


def test_frames_without_a_score_are_no_looks() -> None:
    assert outcome(lambda _: [replace(sighting(), score=None)]) is Refused.THIN


def test_a_file_that_ends_is_enrolled_from_what_it_showed() -> None:
    enrolling = Enrolling(CARD, EnrolSettings())
    assert enrolling.finish() is Refused.THIN
    for step in range(30):
        enrolling.add([sighting()], step * 0.25, PICTURE, 1)
    assert isinstance(enrolling.finish(), Enrolment)


def test_a_card_without_reference_figures_enrols_nobody() -> None:
    with pytest.raises(ValueError, match="reference"):
        Enrolling(replace(CARD, reference=None))
