"""Is a face good enough to judge: each reason, from drawn pictures."""

import math

import cv2
import numpy as np
import pytest

from pipeline.quality import QualityLimits, assess, yaw_of
from pipeline.types import Box, Face, Image, Landmarks

FRONTAL = np.array([[270, 200], [370, 200], [320, 260], [280, 300], [360, 300]], dtype=np.float32)


def textured(level: int = 128, contrast: int = 60) -> Image:
    rng = np.random.default_rng(7)
    noise = rng.integers(-contrast, contrast + 1, size=(480, 640, 3))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


def face(side: float = 200.0, keypoints: np.ndarray | None = FRONTAL) -> Face:
    return Face(Box(320 - side / 2, 240 - side / 2, 320 + side / 2, 240 + side / 2), 0.9, keypoints)


def turned(yaw_deg: float, depth: float = 0.64) -> np.ndarray:
    """Five points of a head turned by yaw: eyes 100 px apart, nose `depth` of that in front."""
    yaw = math.radians(yaw_deg)
    half, ahead = 50 * math.cos(yaw), 100 * depth * math.sin(yaw)
    points = [(320 - half, 200), (320 + half, 200), (320 + ahead, 260), (290, 300), (350, 300)]
    return np.array(points, dtype=np.float32)


def test_a_sharp_well_lit_frontal_face_is_usable():
    quality = assess(textured(), face(), None, damaged=False)
    assert quality.usable
    assert quality.reason is None
    assert quality.side_px == pytest.approx(200)
    assert quality.exposure == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("picture", "one", "reason"),
    [
        (textured(), face(40), "small"),
        (textured(), face(keypoints=turned(60)), "turned"),
        (textured(10, 5), face(), "dark"),
        (textured(250, 5), face(), "bright"),
        (cv2.GaussianBlur(textured(), (0, 0), 12), face(), "blurred"),
    ],
)
def test_each_defect_has_its_own_word(picture, one, reason):
    quality = assess(picture, one, None, damaged=False)
    assert not quality.usable
    assert quality.reason == reason


def test_a_damaged_frame_is_never_judged():
    quality = assess(textured(), face(), None, damaged=True)
    assert (quality.usable, quality.reason, quality.damaged) == (False, "damaged", True)


def test_a_burnt_out_half_is_too_bright_even_if_the_mean_is_fine():
    picture = textured(70, 30)
    picture[:, 320:] = 255
    assert assess(picture, face(), None, damaged=False).reason == "bright"


def test_a_face_beyond_the_frame_is_not_usable_and_no_error():
    outside = Face(Box(700, 500, 900, 700), 0.9)
    assert not assess(textured(), outside, None, damaged=False).usable


def test_a_face_at_the_edge_is_judged_by_what_is_visible():
    edge = Face(Box(-80, 100, 120, 300), 0.9)
    assert assess(textured(), edge, None, damaged=False).usable


def test_the_limits_can_be_moved():
    strict = QualityLimits(side_px=300)
    assert assess(textured(), face(), None, damaged=False, limits=strict).reason == "small"


@pytest.mark.parametrize("yaw_deg", [-70, -45, -20, 0, 15, 35, 60])
def test_the_yaw_of_the_five_points_is_that_of_the_head(yaw_deg):
    assert yaw_of(face(keypoints=turned(yaw_deg)), None) == pytest.approx(yaw_deg, abs=0.5)


@pytest.mark.parametrize("scheme", ["mesh468", "mesh478", "300w68"])
def test_landmarks_tell_the_yaw_before_the_five_points_do(scheme):
    right, left, nose = (36, 45, 30) if scheme == "300w68" else (33, 263, 1)
    points = np.zeros((478, 2), dtype=np.float32)
    head = turned(25, depth=0.48)
    points[[right, left, nose]] = head[:3]
    landmarks = Landmarks(points, scheme, 1.0)
    assert yaw_of(face(keypoints=turned(0)), landmarks) == pytest.approx(25, abs=0.5)


def test_a_tilted_head_is_not_a_turned_head():
    angle = math.radians(30)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    tilted = ((turned(20) - [320, 240]) @ rotation.T + [320, 240]).astype(np.float32)
    yaw_deg = yaw_of(face(keypoints=tilted), None)
    assert yaw_deg == pytest.approx(20, abs=0.5)


def test_without_points_the_yaw_is_unknown_and_does_not_disqualify():
    quality = assess(textured(), face(keypoints=None), None, damaged=False)
    assert quality.yaw_deg is None
    assert quality.usable


def test_points_on_one_spot_give_no_yaw():
    assert yaw_of(face(keypoints=np.zeros((5, 2), dtype=np.float32)), None) is None
