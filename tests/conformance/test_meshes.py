"""What the mesh landmarkers promise beyond the Protocol: absence, leaning heads, eyelids."""

import numpy as np
import pytest

from pipeline.interfaces import Landmarker
from pipeline.landmarkers.regions import LEFT_EYE, RIGHT_EYE, keypoints_of
from pipeline.load import DEFAULT_DETECTOR, DEFAULT_LANDMARKER, adapter, models_directory
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from pipeline.types import Box, Face, Image, Landmarks
from tests.media import DrawnFace, draw_face, plain_wall, scene


def load(name: str) -> Landmarker:
    card = read_card(models_directory() / f"{name}.toml")
    made: Landmarker = adapter(card)(card, Device.CPU)
    return made


def detect(image: Image) -> Face:
    card = read_card(models_directory() / f"{DEFAULT_DETECTOR}.toml")
    (face,) = adapter(card)(card, Device.CPU)(image)
    found: Face = face
    return found


@pytest.fixture(scope="module", params=["mesh478", "mesh468"])
def mesh(request: pytest.FixtureRequest) -> Landmarker:
    return load(request.param)


@pytest.fixture(scope="module")
def mesh478() -> Landmarker:
    return load("mesh478")


def drawn_face(size: int) -> Face:
    return Face(DrawnFace(size / 2, size / 2, size * 0.6).box, 0.9)


def ear(landmarks: Landmarks, eye: tuple[int, ...]) -> float:
    """Eye aspect ratio (Soukupova and Cech 2016)."""
    p = landmarks.points[list(eye)]
    upright = np.linalg.norm(p[1] - p[5]) + np.linalg.norm(p[2] - p[4])
    return float(upright / (2 * np.linalg.norm(p[0] - p[3])))


def seen(mesh: Landmarker, image: Image, face: Face) -> Landmarks:
    landmarks = mesh(image, face)
    assert landmarks is not None
    return landmarks


@pytest.mark.parametrize("left", [60, 200, 340])
def test_there_are_no_landmarks_on_a_wall(mesh: Landmarker, left: int) -> None:
    assert mesh(plain_wall(), Face(Box(left, 120, left + 120, 270), 0.9)) is None


@pytest.mark.parametrize("roll_deg", [-25.0, -15.0, 15.0, 25.0])
def test_points_lean_with_the_head(mesh: Landmarker, roll_deg: float) -> None:
    image = scene([DrawnFace(320, 240, 240, roll_deg=roll_deg)])
    right, left = keypoints_of(seen(mesh, image, detect(image)))[:2]
    angle = np.rad2deg(np.arctan2(left[1] - right[1], left[0] - right[0]))
    assert angle == pytest.approx(roll_deg, abs=5)


@pytest.mark.parametrize("seed", range(4))
def test_the_default_landmarker_sees_eyes_close(seed: int) -> None:
    landmarker = load(DEFAULT_LANDMARKER)
    ears = [
        ear(seen(landmarker, draw_face(400, blink=blink, seed=seed), drawn_face(400)), RIGHT_EYE)
        for blink in (0.0, 0.5, 1.0)
    ]
    assert ears[0] > 1.2 * ears[1] > 1.2 * 1.5 * ears[2]


@pytest.mark.parametrize("seed", range(4))
def test_blink_blendshapes_rise_when_the_eyes_close(mesh478: Landmarker, seed: int) -> None:
    face = drawn_face(400)
    opened = seen(mesh478, draw_face(400, seed=seed), face).eye_blink
    closed = seen(mesh478, draw_face(400, seed=seed, blink=1.0), face).eye_blink
    assert opened is not None
    assert closed is not None
    assert max(opened) < 0.2 < 0.5 < min(closed)


def test_right_and_left_are_the_subject_s_own(mesh478: Landmarker) -> None:
    winking = draw_face(400)
    winking[:, :200] = draw_face(400, blink=1.0)[:, :200]  # the right eye is on the left
    landmarks = seen(mesh478, winking, drawn_face(400))
    assert landmarks.eye_blink is not None
    right, left = landmarks.eye_blink
    assert right > 2 * left
    assert ear(landmarks, RIGHT_EYE) < 0.5 * ear(landmarks, LEFT_EYE)


def test_small_and_large_faces_give_the_same_shape(mesh478: Landmarker) -> None:
    ears = {
        size: ear(seen(mesh478, draw_face(size), drawn_face(size)), RIGHT_EYE)
        for size in (120, 400, 1200)
    }
    assert ears[120] == pytest.approx(ears[400], abs=0.06)
    assert ears[1200] == pytest.approx(ears[400], abs=0.04)
