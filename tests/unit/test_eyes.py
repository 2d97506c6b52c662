"""Eye aspect ratios from drawn landmarks."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.eyes import measure_eyes
from pipeline.types import Landmarks


def landmarks(scheme: str, right: float, left: float, **facts: object) -> Landmarks:
    """Eyes 40 px wide, opened by the given ratios."""
    eyes = {
        "mesh478": ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)),
        "300w68": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)),
    }[scheme]
    points = np.zeros((478, 2), dtype=np.float32)
    for indices, ratio, x in zip(eyes, (right, left), (100, 200), strict=True):
        half = 20 * ratio
        shape = [(0, 0), (13, -half), (27, -half), (40, 0), (27, half), (13, half)]
        points[list(indices)] = [(x + dx, 150 + dy) for dx, dy in shape]
    return replace(Landmarks(points, scheme, 1.0), **facts)


@pytest.mark.parametrize("scheme", ["mesh478", "300w68"])
def test_the_eye_aspect_ratio_is_the_published_one(scheme):
    eyes = measure_eyes(landmarks(scheme, 0.3, 0.2), 0.0)
    assert eyes.right_ear == pytest.approx(0.3)
    assert eyes.left_ear == pytest.approx(0.2)
    assert eyes.ear == pytest.approx(0.25)
    assert eyes.eye_blink is None


def test_the_far_eye_of_a_turned_head_counts_less_then_not_at_all():
    face = landmarks("mesh478", 0.3, 0.2)
    slight, far = measure_eyes(face, 20.0).ear, measure_eyes(face, 35.0)
    assert slight is not None
    assert 0.25 < slight < 0.3
    assert (far.ear, far.left_ear) == (pytest.approx(0.3), None)
    assert measure_eyes(face, -35.0).ear == pytest.approx(0.2)
    assert measure_eyes(face, 50.0).ear is None
    assert measure_eyes(face, None).ear == pytest.approx(0.25)


def test_the_models_own_opinion_of_the_lids_is_passed_on():
    face = landmarks("mesh478", 0.3, 0.3, eye_blink=(0.2, 0.4))
    assert measure_eyes(face, 0.0).eye_blink == pytest.approx(0.3)


def test_unknown_points_and_degenerate_eyes_are_not_measured():
    assert measure_eyes(replace(landmarks("mesh478", 0.3, 0.3), scheme="other"), 0.0).ear is None
    flat = Landmarks(np.zeros((478, 2), dtype=np.float32), "mesh478", 1.0)
    assert measure_eyes(flat, 0.0).ear is None
