"""Squares are cut where they should be, and points find their way back to the frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.landmarkers.regions import (
    BOX_OFFSETS,
    Region,
    cut,
    face_box,
    keypoints_of,
    region_of,
)
from pipeline.types import Box, Face, Landmarks

BOX = Box(100, 100, 180, 200)


def mesh_with(points: dict[int, tuple[float, float]]) -> Landmarks:
    array = np.full((478, 2), 150, np.float32)
    for index, point in points.items():
        array[index] = point
    return Landmarks(array, "mesh478", 1.0)


def test_without_keypoints_the_square_is_upright_and_a_little_below_the_middle() -> None:
    region = region_of(Face(BOX, 0.9))
    assert region.angle_rad == 0
    assert (region.x_px, region.y_px) == pytest.approx((140, 155.4))
    assert region.side_px == pytest.approx(135)


def test_the_square_turns_with_the_eyes() -> None:
    keypoints = np.array([(120, 120), (160, 160), (0, 0), (0, 0), (0, 0)], np.float32)
    region = region_of(Face(BOX, 0.9, keypoints))
    assert np.rad2deg(region.angle_rad) == pytest.approx(45)
    assert region.x_px < 140
    assert region.y_px > 150


@given(
    x=st.floats(60, 260),
    y=st.floats(60, 180),
    side=st.floats(40, 300),
    angle=st.floats(-3.1, 3.1),
)
def test_the_way_back_undoes_the_way_in(x: float, y: float, side: float, angle: float) -> None:
    _, to_frame = cut(np.zeros((240, 320, 3), np.uint8), Region(x, y, side, angle), 64)
    middle = to_frame @ np.array([32, 32, 1])
    assert middle == pytest.approx((x, y), abs=1e-6)
    right = to_frame @ np.array([64, 32, 1])
    assert right == pytest.approx(
        (x + np.cos(angle) * side / 2, y + np.sin(angle) * side / 2), abs=1e-6
    )


def test_an_unturned_unscaled_square_is_the_pixels_themselves() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    patch, _ = cut(image, Region(60, 50, 40, 0), 40)
    assert np.array_equal(patch, image[30:70, 40:80])


def test_beyond_the_edge_the_edge_repeats() -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    image[:, :25] = 200
    patch, _ = cut(image, Region(0, 25, 40, 0), 40)
    assert (patch[:, :18] == 200).all()


@pytest.mark.parametrize("scheme", BOX_OFFSETS)
def test_the_implied_box_surrounds_the_points(scheme: str) -> None:
    count = {"mesh478": 478, "mesh468": 468, "300w68": 68}[scheme]
    points = np.random.default_rng(0).uniform((100, 100), (200, 220), (count, 2))
    box = face_box(Landmarks(points.astype(np.float32), scheme, 1.0), BOX)
    assert box.left == pytest.approx(100, abs=6)
    assert box.right == pytest.approx(200, abs=6)
    assert box.top < 102
    assert box.bottom == pytest.approx(220, abs=6)


def test_irises_do_not_bound_a_face() -> None:
    inside = mesh_with({10: (150, 100), 152: (150, 200), 234: (110, 150), 454: (190, 150)})
    outside = mesh_with(
        {10: (150, 100), 152: (150, 200), 234: (110, 150), 454: (190, 150), 470: (900, 900)}
    )
    assert face_box(inside, BOX) == face_box(outside, BOX)


@pytest.mark.parametrize(
    "landmarks",
    [
        Landmarks(np.zeros((478, 2), np.float32), "mesh478", 1.0),
        Landmarks(np.ones((5, 2), np.float32), "unknown", 1.0),
    ],
    ids=["one spot", "unknown scheme"],
)
def test_points_that_say_nothing_of_a_box_leave_it_as_it_is(landmarks: Landmarks) -> None:
    assert face_box(landmarks, BOX) == BOX


def test_keypoints_come_from_the_68_points_by_their_numbering() -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    found = keypoints_of(Landmarks(points, "300w68", 1.0))
    assert found.shape == (5, 2)
    assert found[0] == pytest.approx(points[36:42].mean(axis=0))
    assert found[1] == pytest.approx(points[42:48].mean(axis=0))
    assert np.array_equal(found[2:], points[[30, 48, 54]])
