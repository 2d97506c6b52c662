"""How a head is held, from points of a face that is turned in space and drawn flat."""

from math import radians

import numpy as np
import pytest

from pipeline.eyes import measure_eyes
from pipeline.head_pose import pose_of
from pipeline.types import Landmarks

CORNERS_NOSE_MOUTH = {33: (-4.45, 0, 0), 263: (4.45, 0, 0), 1: (0, 3.79, 4.30)} | {
    61: (-2.5, 7.0, 1.11),
    291: (2.5, 7.0, 1.11),
}
"""The subject's right is the picture's left; down and towards the camera are positive."""
LIDS = {160: (-3.5, -0.4, 0), 158: (-2.5, -0.4, 0), 133: (-1.5, 0, 0), 153: (-2.5, 0.4, 0)} | {
    144: (-3.5, 0.4, 0),
    362: (1.5, 0, 0),
    385: (2.5, -0.4, 0),
    387: (3.5, -0.4, 0),
    373: (3.5, 0.4, 0),
    380: (2.5, 0.4, 0),
}
NEUTRAL_DEG = 10.0


def face(pitch_deg: float, roll_deg: float = 0.0, scale: float = 12.0) -> Landmarks:
    """A face that looks down by `pitch_deg` and leans, seen from far away."""
    p, r = radians(pitch_deg + NEUTRAL_DEG), radians(roll_deg)
    points = np.zeros((478, 2), np.float32)
    for index, (x, y, z) in (CORNERS_NOSE_MOUTH | LIDS).items():
        down = y * np.cos(p) + z * np.sin(p)
        points[index] = (
            300 + scale * (x * np.cos(r) - down * np.sin(r)),
            200 + scale * (x * np.sin(r) + down * np.cos(r)),
        )
    return Landmarks(points, "mesh478", 1.0)


@pytest.mark.parametrize("pitch_deg", [-30.0, -10.0, 0.0, 15.0, 30.0])
@pytest.mark.parametrize("roll_deg", [-25.0, 0.0, 40.0])
def test_the_pitch_is_found_whichever_way_the_head_leans(pitch_deg, roll_deg):
    head = pose_of(face(pitch_deg, roll_deg), 3.0)
    assert head is not None
    assert head.pitch_deg == pytest.approx(pitch_deg, abs=0.5)
    assert (head.x_px, head.y_px) == pytest.approx((300, 200), abs=1e-3)
    assert head.eyes_px == pytest.approx(8.9 * 12)
    assert head.yaw_deg == 3.0


def test_eyes_are_not_measured_while_the_head_is_low_or_high():
    assert measure_eyes(face(10.0), 0.0).ear == pytest.approx(0.267, abs=0.02)
    for pitch_deg in (-28.0, 28.0):
        sample = measure_eyes(face(pitch_deg), 0.0)
        assert sample.ear is None
        assert sample.head is not None


def test_points_that_are_no_face_have_no_pose():
    nothing = np.zeros((478, 2), np.float32)
    assert pose_of(Landmarks(nothing, "mesh478", 1.0), 0.0) is None
    assert pose_of(Landmarks(nothing, "unheard-of", 1.0), 0.0) is None
    upside_down = face(0.0)
    upside_down.points[[61, 291]] -= 300
    head = pose_of(upside_down, 0.0)
    assert head is not None
    assert head.pitch_deg is None
