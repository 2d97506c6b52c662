"""Adding up the cues: exact, careful, and never exonerating by blinks."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fuse import FuseSettings, fuse
from pipeline.types import BlinkStats, LongBlinks, Quality, Reason, WindowScore

GOOD = Quality(200.0, 100.0, 0.5, 0.0, damaged=False, usable=True, reason=None)


def window(logit: float | None, suspicious: int = 8) -> WindowScore:
    prob = None if logit is None else 1 / (1 + math.exp(-logit))
    low, high = (None if logit is None else 1 / (1 + math.exp(-logit - d)) for d in (-0.5, 0.5))
    return WindowScore(0.0, 4.0, 16, 1.0, logit, prob, low, high, suspicious=suspicious)


def blinks(llr: float, *, sufficient: bool = True, rate: float = 15.0) -> BlinkStats:
    return BlinkStats(
        window_s=60.0,
        observed_s=60.0 if sufficient else 5.0,
        fps=30.0,
        blinks=round(rate),
        rate_per_min=rate if sufficient else None,
        rate_low_per_min=None,
        rate_high_per_min=None,
        mean_closed_s=None,
        mean_interval_s=None,
        interval_cv=None,
        incomplete_share=None,
        since_last_s=None,
        ear=0.3,
        baseline_ear=0.3,
        closed=False,
        llr=llr,
        sufficient=sufficient,
        reason=None if sufficient else "short",
    )


@pytest.mark.parametrize("missing", [None, window(None)])
def test_without_a_classifier_window_there_is_no_score_whatever_the_blinks_say(missing):
    result = fuse(missing, blinks(2.0), GOOD)
    assert (result.fake_prob, result.logit, result.reasons) == (None, None, ())


def test_on_a_good_face_without_blinks_the_score_is_the_classifiers():
    result = fuse(window(1.5), None, GOOD)
    assert result.logit == pytest.approx(1.5)
    assert result.fake_prob == pytest.approx(1 / (1 + math.exp(-1.5)))


@given(
    st.floats(-20, 20),
    st.floats(-0.4, 2.0),
    st.floats(40, 400),
    st.floats(-60, 60),
    st.floats(0.01, 0.99),
)
def test_the_reasons_add_up_to_the_score(logit, llr, side_px, yaw_deg, prior):
    quality = replace(GOOD, side_px=side_px, yaw_deg=yaw_deg)
    result = fuse(window(logit), blinks(llr), quality, FuseSettings(prior_prob=prior))
    assert result.logit is not None
    assert result.fake_prob is not None
    assert sum(reason.llr for reason in result.reasons) == pytest.approx(result.logit, abs=1e-9)
    assert 0 < result.fake_prob < 1


@given(st.floats(0, 20), st.floats(-0.4, 0.0))
def test_normal_blinking_never_lowers_a_suspicious_score(logit, llr):
    alone, both = fuse(window(logit), None, GOOD), fuse(window(logit), blinks(llr), GOOD)
    assert both.logit is not None
    assert alone.logit is not None
    assert both.logit >= alone.logit


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(-0.4, 2.0))
def test_more_suspicion_of_the_classifier_never_lowers_the_score(a, b, llr):
    low, high = (fuse(window(x), blinks(llr), GOOD).logit for x in sorted((a, b)))
    assert low is not None
    assert high is not None
    assert low <= high + 1e-12


def test_the_oddest_blinking_alone_stays_under_an_alert():
    result = fuse(window(0.0), blinks(2.0), GOOD)
    assert result.fake_prob is not None
    assert result.fake_prob < 0.75


def test_blinks_seen_too_briefly_say_nothing():
    result = fuse(window(1.0), blinks(2.0, sufficient=False), GOOD)
    assert [reason.cue for reason in result.reasons] == ["classifier"]


def test_a_small_or_turned_face_is_believed_less_but_keeps_its_sign():
    for poor in (replace(GOOD, side_px=64.0), replace(GOOD, yaw_deg=-48.0)):
        for logit in (-3.0, 3.0):
            weak = fuse(window(logit), None, poor).logit
            assert weak is not None
            assert 0 < weak / logit < 0.8


def test_no_classifier_is_surer_than_its_cap():
    result = fuse(window(500.0), None, GOOD)
    assert result.logit == pytest.approx(FuseSettings().classifier_cap)


terms = st.lists(
    st.builds(Reason, st.sampled_from(["loop", "still", "lids"]), st.floats(0, 1.5), st.just("")),
    max_size=3,
)


@given(st.floats(-20, 20), st.floats(-0.4, 2.0), terms, st.floats(40, 400))
def test_with_all_cues_the_reasons_add_up_and_each_keeps_its_cap(logit, llr, cues, side_px):
    settings = FuseSettings()
    result = fuse(window(logit), blinks(llr), replace(GOOD, side_px=side_px), settings, cues)
    assert result.logit == pytest.approx(math.fsum(reason.llr for reason in result.reasons))
    by_cue = {reason.cue: reason.llr for reason in result.reasons}
    assert abs(by_cue["classifier"]) <= settings.classifier_cap
    assert ("blink" in by_cue) != ("loop" in by_cue), "the same seconds count only once"
    assert settings.blink_low <= by_cue.get("blink", 0.0) <= settings.blink_high
    assert [reason for reason in result.reasons if reason in cues] == cues
    assert result.low_prob <= result.fake_prob + 1e-9
    assert result.fake_prob <= result.high_prob + 1e-9


@given(st.floats(0, 20), st.floats(-0.4, 2.0), terms, st.floats(0.5, 0.99))
def test_no_cue_lowers_a_suspicious_classifiers_own_probability(logit, llr, cues, prior):
    settings = FuseSettings(prior_prob=prior)
    alone = fuse(window(logit), None, GOOD, settings)
    with_cues = fuse(window(logit), blinks(llr), GOOD, settings, cues)
    assert with_cues.fake_prob >= alone.fake_prob


def test_minutes_of_blinks_speak_instead_of_the_last_one():
    minutes = LongBlinks(
        window_s=300.0,
        observed_s=240.0,
        blinks=3,
        rate_per_min=0.75,
        rate_low_per_min=None,
        rate_high_per_min=None,
        interval_cv=None,
        incomplete_share=None,
        llr=1.5,
        sufficient=True,
    )
    said = fuse(window(0.0), replace(blinks(-0.3), long=minutes), GOOD).reasons[1]
    assert said.llr == pytest.approx(0.75)
    assert "unusually seldom (3 blinks in 240 s" in said.text
    early = replace(minutes, sufficient=False)
    said = fuse(window(0.0), replace(blinks(1.5, rate=2.0), long=early), GOOD).reasons[1]
    assert "have blinked seldom so far (2 blinks in 60 s" in said.text


def test_the_sentences_say_how_much_was_seen_and_never_call_a_face_fake_or_real():
    for logit, llr, rate in (
        (2.0, 1.5, 2.0),
        (0.5, 0.1, 12.0),
        (-2.0, -0.3, 15.0),
        (2.0, 0.6, 50.0),
    ):
        reasons = fuse(window(logit, suspicious=14), blinks(llr, rate=rate), GOOD).reasons
        text = " ".join(reason.text for reason in reasons)
        assert "14 of 16 looks within 4 s" in text
        assert "blinks in 60 s" in text
        words = text.lower().replace(".", " ").split()
        assert "fake" not in words
        assert "real" not in words
