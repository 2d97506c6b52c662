"""Disturbances do what they say, the same every time; bad lines repeat looks and invent none."""

import numpy as np
import pytest

from export.calibrate import calibrate
from export.crops import Crop
from export.evaluation.disturb import FURTHER, SEVEN
from export.evaluation.faces import LEFT_CHEEK, RIGHT_CHEEK, fairness, tone, typology_angle
from export.evaluation.line import at_rate, frozen
from export.evaluation.rows import frames, spread, videos
from export.evaluation.tables import Judged, cross_fitted
from tests.media import draw_face

KINDS = {**SEVEN, **FURTHER}
PICTURE = draw_face(120, seed=3)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disturbance_changes_the_picture_and_its_hardest_level_most(kind):
    found = KINDS[kind]
    out = [found.apply(PICTURE, level, rng()) for level in found.levels]
    again = found.apply(PICTURE, found.levels[-1], rng())
    assert np.array_equal(out[-1], again)
    assert all(image.dtype == np.uint8 for image in out)
    if kind == "face_size":
        assert [image.shape[0] for image in out] == [120, 120, 120, 102, 77]
        return
    assert all(image.shape == PICTURE.shape for image in out)
    gaps = [np.abs(image.astype(int) - PICTURE).mean() for image in out]
    assert gaps[-1] > 0.3
    assert gaps[-1] > gaps[0]


def test_there_are_seven_kinds_of_five_levels():
    assert len(SEVEN) == 7
    assert {len(found.levels) for found in SEVEN.values()} == {5}


def test_a_fast_line_shows_every_look_and_a_slow_one_fewer():
    times_s = np.arange(40) / 4
    logits = np.arange(40.0)
    assert len(at_rate(times_s, logits, 30.0, rng())) == 40
    slow = at_rate(times_s, logits, 1.0, rng())
    assert 9 <= len(slow) <= 11
    assert set(slow) <= set(logits)


def test_a_frozen_line_repeats_what_was_shown_before():
    logits = np.arange(200.0)
    shown = frozen(logits, 0.3, rng())
    assert shown[0] == 0
    assert (shown <= logits).all()
    assert (np.diff(shown) >= 0).all()
    assert 0.2 < (shown != logits).mean() < 0.7
    assert np.array_equal(frozen(logits, 0.0, rng()), logits)


def test_the_typology_angle_falls_from_light_to_dark_skin():
    points = np.full((478, 2), 60, np.float32)
    for left, cheek in ((20, RIGHT_CHEEK), (70, LEFT_CHEEK)):
        corners = [(0, 0), (20, 0), (20, 20), (0, 20), (0, 10), (10, 20), (20, 10)]
        points[list(cheek)] = [(left + x, 50 + y) for x, y in corners]
    angles = []
    for blue, green, red in ((190, 210, 235), (130, 165, 205), (60, 85, 130), (25, 35, 60)):
        image = np.full((120, 120, 3), (blue, green, red), np.uint8)
        angles.append(typology_angle(Crop(image, np.zeros(4, np.float32), points, {})))
    assert angles == sorted(angles, reverse=True)
    assert tone(angles[0]) == "very light"
    assert tone(angles[-1]) == "dark"


def facts_of(persons, looks=24):
    """Genuine and manipulated clips of each person; a person's scores are shifted together."""
    facts, logits = [], []
    draw = np.random.default_rng(4)
    for person in range(persons):
        shift = draw.normal(0, 0.5)
        for label in (0, 1):
            for look in range(looks):
                facts.append(
                    {
                        "path": f"{person}-{label}", "label": label, "source": "set",
                        "group": f"p{person}", "method": "x -> A" if label else "none",
                        "time_s": look / 4,
                    }
                )  # fmt: skip
                logits.append(6 * (label - 0.5) + shift + draw.normal(0, 2))
    return facts, np.array(logits)


def test_false_alarms_are_counted_by_tone_among_genuine_videos_only():
    facts, logits = facts_of(8)
    clips = videos(frames(facts, logits))
    raised = clips.labels == 1
    raised[np.flatnonzero(clips.labels == 0)[0]] = True
    angles = np.where(np.arange(len(facts)) < len(facts) // 2, 60.0, -40.0)
    found = fairness(Judged(clips, clips.logits, raised), [f["path"] for f in facts], angles)
    counted = {row["tone"]: (row["videos"], row["raised"]) for row in found["bins"]}
    assert counted == {"very light": (4, 1), "dark": (4, 0)}
    assert all(row["few"] for row in found["bins"])


def test_looks_are_spread_evenly_over_each_video():
    facts, logits = facts_of(1)
    assert spread(frames(facts, logits), 3).tolist() == [0, 12, 23, 24, 36, 47]


def test_thresholds_of_a_fold_come_from_the_other_folds():
    facts, logits = facts_of(12)
    rows = frames(facts, logits, np.array([int(fact["group"][1:]) % 3 for fact in facts]))
    clips = videos(rows)
    first = cross_fitted(rows, clips, rows.folds, 0.95)
    moved = rows.scored(np.where(rows.folds == 0, rows.logits * 10, rows.logits))
    second = cross_fitted(moved, clips, rows.folds, 0.95)
    assert first.temperatures[0] == second.temperatures[0]
    assert first.temperatures[1] != second.temperatures[1]
    assert first.raise_at[0] == second.raise_at[0]


def test_calibration_finds_the_temperature_that_scores_were_made_with():
    draw = np.random.default_rng(9)
    odds = draw.normal(0, 2, 800)
    labels = (draw.random(800) < 1 / (1 + np.exp(-odds))).astype(int)
    facts = [
        {"path": str(n), "label": int(label), "group": str(n), "time_s": 0.0}
        for n, label in enumerate(labels)
    ]
    found, (raise_at, clear_at) = calibrate(facts, odds * 3, 0.95)
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert abs(found.bias) < 0.3
    assert 0.5 < clear_at < raise_at < 1
