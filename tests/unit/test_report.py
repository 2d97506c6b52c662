"""What a finished file says: the worst face first, its band around its figure, no sign lost."""

import math
from dataclasses import replace

import pytest

from pipeline.model_card import ModelCard, Thresholds
from pipeline.report import Judge
from pipeline.types import (
    AlertChange,
    AlertId,
    AlertPhase,
    Analysis,
    Box,
    Quality,
    Reading,
    Reason,
    State,
    StreamId,
    TrackId,
)

BOX = Box(0.0, 0.0, 100.0, 100.0)
GOOD = Quality(200.0, 100.0, 0.5, 0.0, damaged=False, usable=True, reason=None)
LOOP = Reason("loop", 1.2, "The picture seems to be a recording that repeats.")
CARD = ModelCard(
    *("m", "1", "deepfake", "logit", None, None, "MIT", "", "", ""),
    thresholds=Thresholds(raise_at=0.8, clear_at=0.62),
)


def reading(prob, track=1, cues=(), fused=None):
    return Reading(
        track_id=TrackId(track),
        box=BOX,
        state=State.CLEAR,
        quality=GOOD,
        frame_fake_prob=prob,
        window=None,
        blink=None,
        fused_prob=fused,
        reasons=cues,
        first_seen_s=0.0,
        scored=prob is not None,
    )


def analysis(index, *readings, alerts=()):
    return Analysis(StreamId("file"), 1, index, index / 4, 640, 480, readings, alerts)


def judged(*analyses):
    judge = Judge(CARD, "video")
    for one in analyses:
        judge.add(one)
    faces = judge.faces()
    return faces, judge.verdict(faces)


def test_the_band_holds_the_figure_whatever_other_reasons_add():
    looks = [0.25 + 0.05 * math.sin(index) for index in range(40)]
    (plain,), _ = judged(*(analysis(i, reading(p)) for i, p in enumerate(looks)))
    (face,), verdict = judged(*(analysis(i, reading(p, cues=(LOOP,))) for i, p in enumerate(looks)))
    assert plain.low_prob < plain.fake_prob < plain.high_prob < face.low_prob
    assert face.low_prob < face.fake_prob < face.high_prob
    assert (verdict.low_prob, verdict.high_prob) == (face.low_prob, face.high_prob)


def test_what_is_odd_about_the_picture_is_said_where_the_face_shows_nothing():
    _, plain = judged(*(analysis(i, reading(0.25)) for i in range(20)))
    assert plain.text.startswith("No signs of manipulation stood out. That does not prove")
    _, odd = judged(*(analysis(i, reading(0.25, cues=(LOOP,))) for i in range(20)))
    assert odd.state is State.CLEAR
    assert odd.text.endswith(f"but this did: {LOOP.text}")


def test_a_face_with_an_alert_comes_before_one_with_a_higher_figure():
    alert = AlertChange(
        *(AlertId("a"), AlertPhase.OPENED, TrackId(2), 1.0, 1.0, 0.9, 0.9, 0.8, (), BOX)
    )
    loud, quiet = reading(0.78), reading(0.7, track=2)
    peak = replace(quiet, fused_prob=0.75, low_prob=0.6, high_prob=0.85)
    analyses = [analysis(i, loud, quiet) for i in range(20)]
    faces, verdict = judged(*analyses, analysis(20, loud, peak, alerts=(alert,)))
    assert [(face.track_id, face.state) for face in faces] == [(2, State.ALERT), (1, State.SUSPECT)]
    assert faces[1].fake_prob > faces[0].fake_prob
    assert verdict.state is State.ALERT
    assert (verdict.fake_prob, verdict.low_prob, verdict.high_prob) == (0.75, 0.6, 0.85)


@pytest.mark.parametrize("looks", [[], [None] * 20, [0.99] * 7])
def test_too_few_looks_are_insufficient_and_give_no_figure(looks):
    faces, verdict = judged(*(analysis(i, reading(p)) for i, p in enumerate(looks)))
    assert verdict.state is State.INSUFFICIENT
    assert verdict.fake_prob is None
    assert all(face.state is State.INSUFFICIENT for face in faces)
