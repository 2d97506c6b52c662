"""Cues beside the classifier, from drawn heads: silent on what lives, heard on what repeats."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.cues import STANDING_OUT, CueSettings, HeadMotion, HeadWatch, cues_of
from pipeline.fuse import fuse
from pipeline.loop import Repeat
from pipeline.types import HeadPose, Reason
from tests.unit.test_fuse import GOOD, blinks, window

SETTINGS = CueSettings()


def wandering(seconds: float, seed: int = 1, fps: float = 15.0) -> np.ndarray:
    """A head that sways as heads do: (N, 4) in pixels, pixels, pixels and degrees."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(round(0.8 * fps))
    sway = np.stack(
        [np.convolve(c, kernel, "same") for c in rng.normal(size=(4, int(seconds * fps)))]
    )
    return sway.T * [8, 5, 2, 4] + [300, 200, 100, 0]


def said(rows: np.ndarray, fps: float = 15.0, tremble_px: float = 0.2) -> set[str]:
    """The cues that spoke while the head moved so."""
    watch, rng, spoke = HeadWatch(), np.random.default_rng(9), set()
    for index, row in enumerate(rows):
        x, y, apart, yaw = (row + tremble_px * rng.normal(size=4)).tolist()
        motion = watch.update(HeadPose(x, y, apart, yaw, 0.0), index / fps)
        spoke |= {reason.cue for reason in cues_of(motion, None)}
    return spoke


@pytest.mark.parametrize("seed", range(5))
def test_a_living_head_says_nothing(seed):
    assert said(wandering(40.0, seed)) == set()


@pytest.mark.parametrize("period_s", [4.0, 7.5, 15.0])
def test_a_recording_that_repeats_is_noticed(period_s):
    once = wandering(period_s)
    assert said(np.tile(once, (4, 1))) == {"loop"}


def test_a_gesture_made_twice_is_no_recording():
    rows = wandering(40.0)
    nod = 10 * np.hanning(15)[:, None] * [0, 1, 0, 0]
    for start in (100, 300, 450):
        rows[start : start + 15] += nod
    assert said(rows) == set()


def test_a_face_that_does_not_move_at_all_is_noticed_after_ten_seconds():
    still = np.tile([300.0, 200.0, 100.0, 0.0], (200, 1))
    assert said(still, tremble_px=0.0) == {"still"}
    assert said(still[:140], tremble_px=0.0) == set()
    assert said(still, tremble_px=0.3) == set()


def test_a_loop_counts_through_its_still_moments_and_is_forgotten_after():
    watch = HeadWatch()
    rows = np.vstack([np.tile(wandering(5.0), (4, 1)), wandering(30.0, seed=7)])
    found = []
    for index, (x, y, apart, yaw) in enumerate(rows.tolist()):
        motion = watch.update(HeadPose(x, y, apart, yaw, None), index / 15)
        found.append(motion.repeat is not None)
    assert found[19 * 15]
    assert found[25 * 15]
    assert not found[-1]


def test_lids_that_close_apart_speak_from_three_blinks_on_and_never_where_frames_are_few():
    apart = replace(blinks(0.0), lags=5, late_lids=3, lid_lag_s=0.12)
    assert [reason.cue for reason in cues_of(HeadMotion(), apart)] == ["lids"]
    for silent in (
        replace(apart, late_lids=2),
        replace(apart, lags=9),
        replace(apart, fps=12.0),
        None,
    ):
        assert cues_of(HeadMotion(), silent) == ()


def test_every_cue_keeps_its_weight_and_none_is_below_zero():
    apart = replace(blinks(0.0), lags=5, late_lids=5)
    still = cues_of(HeadMotion(None, 30.0), apart)
    assert [term.llr for term in still] == [SETTINGS.still_llr, SETTINGS.lids_llr]
    terms: tuple[Reason, ...] = cues_of(HeadMotion(Repeat(7.0, 0.99), 30.0), apart)
    assert [term.llr for term in terms] == [SETTINGS.loop_llr, SETTINGS.lids_llr]
    assert {term.cue for term in (*still, *terms)} == set(STANDING_OUT)
    assert all(0 < term.llr <= 1.5 for term in (*still, *terms))


def test_a_repeating_picture_alone_raises_no_alert():
    """A replayed clip is worth a look; how it was made, only the classifier can say."""
    repeating = cues_of(HeadMotion(Repeat(7.0, 0.99), 30.0), None)
    judged = fuse(window(0.0), blinks(2.0, rate=0.0), GOOD, cues=repeating)
    assert [reason.cue for reason in judged.reasons] == ["classifier", "loop"]
    assert judged.fake_prob is not None
    assert 0.7 < judged.fake_prob < 0.79
