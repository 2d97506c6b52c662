"""The term of an enrolled reference: bounded whatever was enrolled, silent where it is void."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model_card import CropRule, ModelCard, ReferenceScale, Thresholds, read_card
from pipeline.reference import (
    Enrolment,
    Likeness,
    cosine_distance,
    distance_llr,
    mean_direction,
    reference_cue,
    shift_llr,
)
from pipeline.types import FrameScore, WindowScore

SCALE = ReferenceScale(logit_mean=-0.4, logit_sd=0.7, distance=0.08)
CARD = ModelCard(
    name="toy", version="1", task="deepfake", adapter="logit", path=None, sha256=None,
    licence="", source="", trained_on="", limits="", crop=CropRule(16, 1.3),
    thresholds=Thresholds(0.8, 0.6), reference=SCALE,
)  # fmt: skip
ENROLLED = Enrolment(
    model=CARD.fingerprint, width=640, height=480, samples=80, observed_s=20.0, logit_mean=-0.4,
    logit_sd=0.3, side_px=150.0, blur=90.0, embedding=(1.0, 0.0),
)  # fmt: skip
WINDOW = WindowScore(0.0, 4.0, 16, 1.0, 0.2, 0.55)
ANY = st.floats(allow_nan=False, allow_infinity=False, width=32)


def seen(*embedding: float, times: int = 8) -> Likeness:
    likeness = Likeness(4.0)
    vector = np.array(embedding, np.float32)
    for index in range(times):
        likeness.add(FrameScore(0.0, 0.5, vector / np.linalg.norm(vector)), index * 0.25)
    return likeness


def term(enrolment: Enrolment | None, likeness: Likeness, window: WindowScore = WINDOW) -> float:
    cues = reference_cue(CARD, enrolment, (640, 480), window, likeness)
    return math.fsum(cue.llr for cue in cues)


@given(
    logit_mean=ANY, samples=st.integers(1, 10_000), vector=st.tuples(ANY, ANY), now=ANY, then=ANY
)
def test_the_term_is_bounded_whatever_was_enrolled(
    logit_mean: float, samples: int, vector: tuple[float, float], now: float, then: float
) -> None:
    enrolment = replace(ENROLLED, logit_mean=logit_mean, samples=samples, embedding=vector)
    llr = term(enrolment, seen(math.cos(now), math.sin(now)), replace(WINDOW, logit=then))
    assert -0.7 * SCALE.logit_sd - 1e-9 <= llr <= 0.7 * SCALE.logit_sd + 1.0 + 1e-9


@given(angle=st.floats(0, math.pi))
def test_an_ordinary_reference_never_exonerates(angle: float) -> None:
    """With an average person enrolled, likeness takes nothing away and difference only adds."""
    assert term(ENROLLED, seen(math.cos(angle), math.sin(angle))) >= 0


@given(low=st.floats(0, 2), more=st.floats(0, 2))
def test_a_larger_distance_never_says_less(low: float, more: float) -> None:
    assert distance_llr(SCALE, low) <= distance_llr(SCALE, low + more)


def test_an_attacker_present_from_the_start_takes_off_no_more_than_the_cap() -> None:
    assert shift_llr(SCALE, 10_000, 6.0) == pytest.approx(-0.7 * SCALE.logit_sd)


def test_few_looks_shift_less_than_many() -> None:
    assert 0 > shift_llr(SCALE, 4, 0.0) > shift_llr(SCALE, 80, 0.0)


def test_a_person_with_fewer_signs_than_most_makes_the_same_score_count_more() -> None:
    (cue,) = reference_cue(
        CARD, replace(ENROLLED, logit_mean=-0.7), (640, 480), WINDOW, seen(1.0, 0.0)
    )
    assert cue.cue == "reference"
    assert cue.llr > 0.2
    assert "counts more" in cue.text


def test_a_face_unlike_the_enrolled_one_says_what_else_it_may_be() -> None:
    (cue,) = reference_cue(CARD, ENROLLED, (640, 480), WINDOW, seen(0.5, 1.0))
    assert cue.llr == pytest.approx(1.0)
    assert "another person" in cue.text


@pytest.mark.parametrize(
    "enrolment",
    [None, replace(ENROLLED, model="other@1@0"), replace(ENROLLED, width=320)],
    ids=["nobody", "another model", "another size"],
)
def test_nothing_is_said_where_no_enrolment_holds(enrolment: Enrolment | None) -> None:
    assert reference_cue(CARD, enrolment, (640, 480), WINDOW, seen(1.0, 0.0)) == ()


def test_nothing_is_said_without_a_classifier_score_or_without_the_cards_figures() -> None:
    empty = replace(WINDOW, logit=None)
    assert reference_cue(CARD, ENROLLED, (640, 480), empty, seen(1.0, 0.0)) == ()
    bare = replace(CARD, reference=None)
    assert reference_cue(bare, ENROLLED, (640, 480), WINDOW, seen(1.0, 0.0)) == ()


def test_a_model_without_embeddings_still_shifts() -> None:
    enrolment = replace(ENROLLED, embedding=(), logit_mean=-2.0)
    assert term(enrolment, Likeness(4.0)) == pytest.approx(0.7 * SCALE.logit_sd)


def test_too_few_looks_have_no_distance() -> None:
    assert seen(1.0, 0.0, times=3).distance(ENROLLED) is None
    assert seen(1.0, 0.0, times=4).distance(ENROLLED) == pytest.approx(0.0)


def test_likeness_forgets_what_is_older_than_its_window() -> None:
    likeness = seen(0.0, 1.0)
    for index in range(20):
        likeness.add(FrameScore(0.0, 0.5, np.array([1, 0], np.float32)), 10 + index * 0.25)
    assert likeness.distance(ENROLLED) == pytest.approx(0.0)


def test_directions_that_cancel_out_are_no_nan() -> None:
    middle = mean_direction([np.array([1, 0], np.float32), np.array([-1, 0], np.float32)])
    assert cosine_distance(middle, middle) == 1.0


def test_a_score_shows_no_embedding_in_its_text() -> None:
    assert "embedding" not in repr(FrameScore(0.0, 0.5, np.ones(3, np.float32)))


def test_a_card_says_how_genuine_answers_spread(tmp_path: Path) -> None:
    text = (
        'name = "toy"\nversion = "1"\ntask = "deepfake"\nadapter = "logit"\nlicence = "none"\n'
        'source = "none"\ntrained_on = "nothing"\nlimits = "all"\n'
        "[crop]\nsize_px = 16\nmargin = 1.3\n[thresholds]\nraise_at = 0.8\nclear_at = 0.6\n"
        "[reference]\nlogit_mean = -0.4\nlogit_sd = 0.7\ndistance = 0.08\n"
    )
    path = tmp_path / "toy.toml"
    path.write_text(text, encoding="utf-8")
    assert read_card(path).reference == SCALE
