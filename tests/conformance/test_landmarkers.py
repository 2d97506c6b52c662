"""Every landmarker of the folder keeps the promises of the Protocol, on drawn faces."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ModelLoadError
from pipeline.geometry import iou, shift
from pipeline.interfaces import Landmarker
from pipeline.landmarkers.regions import face_box, keypoints_of
from pipeline.load import adapter, adapters, list_cards, models_directory
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import Box, Face, Image, Landmarks
from tests.media import DrawnFace, plain_wall, scene

POINTS = {"mesh478": 478, "mesh468": 468, "300w68": 68}
CARDS = [card for card in list_cards(models_directory()) if card.task == "face_landmarks"]
ANNA = DrawnFace(300, 250, 260, seed=0)


def is_there(card: ModelCard) -> bool:
    """Say whether the user's own file is there; a card of ours must always load."""
    try:
        adapter(card)(card, Device.CPU)
    except ModelLoadError:
        if not card.opt_in:
            raise
        return False
    return True


@pytest.fixture(
    scope="module", params=[card for card in CARDS if is_there(card)], ids=lambda card: card.name
)
def landmarker(request: pytest.FixtureRequest) -> Landmarker:
    card: ModelCard = request.param
    made: Landmarker = adapter(card)(card, Device.CPU)
    return made


def face_of(drawn: DrawnFace) -> Face:
    """Give the face as a detector would, from how it was drawn."""
    eye_y, turn = drawn.y_px - 0.03 * drawn.height_px, np.deg2rad(drawn.roll_deg)
    across = np.array([np.cos(turn), np.sin(turn)]) * 0.15 * drawn.height_px
    middle = np.array([drawn.x_px, eye_y])
    keypoints = np.stack([middle - across, middle + across, *[middle] * 3]).astype(np.float32)
    return Face(drawn.box, 0.9, keypoints)


def see(landmarker: Landmarker, drawn: DrawnFace, image: Image | None = None) -> Landmarks:
    landmarks = landmarker(scene([drawn]) if image is None else image, face_of(drawn))
    assert landmarks is not None
    return landmarks


def eyes(landmarks: Landmarks) -> NDArray[np.float32]:
    return keypoints_of(landmarks)[:2]


def test_every_landmarker_of_the_folder_has_a_card() -> None:
    assert {card.adapter for card in CARDS} == set(adapters("face_landmarks"))


def test_the_points_are_as_many_as_their_scheme_says(landmarker: Landmarker) -> None:
    landmarks = see(landmarker, ANNA)
    assert landmarks.points.shape == (POINTS[landmarks.scheme], 2)
    assert landmarks.points.dtype == np.float32
    assert 0.5 <= landmarks.presence_prob <= 1


def test_the_eyes_lie_on_the_drawn_eyes(landmarker: Landmarker) -> None:
    right, left = eyes(see(landmarker, ANNA))
    eye_y = ANNA.y_px - 0.044 * ANNA.height_px
    offset = 0.151 * ANNA.height_px
    assert np.abs(right - (ANNA.x_px - offset, eye_y)).max() < 0.05 * ANNA.height_px
    assert np.abs(left - (ANNA.x_px + offset, eye_y)).max() < 0.05 * ANNA.height_px


def test_points_are_in_full_frame_pixels_and_move_with_the_face(landmarker: Landmarker) -> None:
    here = see(landmarker, ANNA)
    there = see(landmarker, replace(ANNA, x_px=ANNA.x_px + 40))
    moved = np.median(there.points - here.points, axis=0)
    assert moved == pytest.approx([40, 0], abs=3)


def test_it_works_without_keypoints(landmarker: Landmarker) -> None:
    face = replace(face_of(ANNA), keypoints=None)
    landmarks = landmarker(scene([ANNA]), face)
    assert landmarks is not None
    assert np.abs(eyes(landmarks) - eyes(see(landmarker, ANNA))).max() < 0.05 * ANNA.height_px


def test_the_implied_box_is_the_detector_s_box(landmarker: Landmarker) -> None:
    landmarks = see(landmarker, ANNA)
    assert iou(face_box(landmarks, ANNA.box), ANNA.box) > 0.75


def test_the_implied_box_catches_up_with_a_face_that_moved(landmarker: Landmarker) -> None:
    image = scene([ANNA])
    behind = Face(shift(ANNA.box, -0.12 * ANNA.height_px, 0.05 * ANNA.height_px), 0.9)
    for _ in range(3):
        landmarks = landmarker(image, behind)
        assert landmarks is not None
        behind = Face(face_box(landmarks, behind.box), 0.9, keypoints_of(landmarks))
    assert iou(behind.box, ANNA.box) > 0.7


def test_following_a_still_face_settles_and_does_not_drift(landmarker: Landmarker) -> None:
    image, face = scene([ANNA]), face_of(ANNA)
    boxes = []
    for _ in range(30):
        landmarks = landmarker(image, face)
        assert landmarks is not None
        face = Face(face_box(landmarks, face.box), 0.9, keypoints_of(landmarks))
        boxes.append(face.box)
    assert iou(boxes[9], boxes[29]) > 0.95
    assert iou(boxes[29], ANNA.box) > 0.7


def test_a_face_at_the_edge_of_the_frame_is_no_error(landmarker: Landmarker) -> None:
    drawn = replace(ANNA, x_px=90)
    landmarks = landmarker(scene([drawn]), face_of(drawn))
    assert landmarks is None or np.isfinite(landmarks.points).all()


@pytest.mark.parametrize(
    "box",
    [Box(10, 10, 10, 10), Box(50, 50, 40, 40), Box(-500, -500, -300, -300), Box(5, 5, 7, 7)],
    ids=["empty", "inverted", "outside", "tiny"],
)
def test_a_senseless_box_is_no_error(landmarker: Landmarker, box: Box) -> None:
    landmarks = landmarker(plain_wall(), Face(box, 0.9))
    assert landmarks is None or np.isfinite(landmarks.points).all()


def test_it_leaves_the_frame_alone_and_takes_a_read_only_one(landmarker: Landmarker) -> None:
    image = scene([ANNA])
    before = image.copy()
    image.setflags(write=False)
    see(landmarker, ANNA, image)
    assert np.array_equal(image, before)


def test_threads_may_share_it(landmarker: Landmarker) -> None:
    people = [replace(ANNA, seed=seed, x_px=200 + 40 * seed) for seed in range(4)]
    alone = [see(landmarker, person).points for person in people]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda person: see(landmarker, person).points, people * 3))
    assert all(np.array_equal(one, other) for one, other in zip(together, alone * 3, strict=True))
