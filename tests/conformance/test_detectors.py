"""Every detector of the folder keeps the promises of the Protocol, on drawn faces."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.geometry import area, center, iou, scale, shift
from pipeline.interfaces import Detector
from pipeline.load import adapter, adapters, list_cards, models_directory
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import Face
from tests.media import DrawnFace, plain_wall, scene

CARDS = [card for card in list_cards(models_directory()) if card.task == "face_detection"]
TWO = [
    DrawnFace(180, 240, 220, seed=1),
    DrawnFace(470, 230, 250, seed=3),
]


@pytest.fixture(scope="module", params=CARDS, ids=lambda card: card.name)
def detector(request: pytest.FixtureRequest) -> Detector:
    card: ModelCard = request.param
    made: Detector = adapter(card)(card, Device.CPU)
    return made


def values(faces: list[Face]) -> list[tuple[float, ...]]:
    return [(f.box.left, f.box.top, f.box.right, f.box.bottom, f.score_prob) for f in faces]


def test_every_detector_of_the_folder_has_a_card() -> None:
    assert {card.adapter for card in CARDS} == set(adapters("face_detection"))


def test_it_finds_every_drawn_face_where_it_was_drawn(detector: Detector) -> None:
    found = detector(scene(TWO))
    assert len(found) == len(TWO)
    for drawn in TWO:
        assert max(iou(face.box, drawn.box) for face in found) > 0.65


def test_boxes_follow_one_convention_so_that_crops_are_alike(detector: Detector) -> None:
    for drawn in TWO:
        box = min(
            (face.box for face in detector(scene(TWO))),
            key=lambda box: abs(center(box)[0] - drawn.x_px),
        )
        assert area(box) / area(drawn.box) == pytest.approx(1, abs=0.35)


def test_the_best_comes_first_and_scores_are_probabilities(detector: Detector) -> None:
    scores = [face.score_prob for face in detector(scene(TWO))]
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 < score <= 1 for score in scores)


def test_it_finds_nobody_on_a_wall_or_in_noise(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert len(detector(plain_wall())) == 0
    assert len(detector(noise)) == 0


def test_boxes_are_in_pixels_of_the_full_frame_whatever_its_size(detector: Detector) -> None:
    small = scene([DrawnFace(160, 120, 160)], 320, 240)
    large = np.kron(small, np.ones((4, 4, 1), np.uint8))
    (face,) = detector(small)
    (grown,) = detector(large)
    assert iou(scale(face.box, 4), grown.box) > 0.65


def test_the_box_moves_with_the_face(detector: Detector) -> None:
    (before,) = detector(scene([DrawnFace(240, 240, 220)]))
    (after,) = detector(scene([DrawnFace(400, 240, 220)]))
    assert iou(shift(before.box, 160, 0), after.box) > 0.65


def test_keypoints_are_right_eye_left_eye_nose_and_mouth_of_the_subject(
    detector: Detector,
) -> None:
    (face,) = detector(scene([DrawnFace(320, 240, 260)]))
    if face.keypoints is None:
        return
    assert face.keypoints.shape == (5, 2)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.keypoints
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < nose[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 300), (33, 500), (501, 31)])
def test_odd_sizes_are_no_error(detector: Detector, shape: tuple[int, int]) -> None:
    assert len(detector(np.full((*shape, 3), 128, np.uint8))) == 0


def test_it_leaves_the_frame_alone_and_takes_a_read_only_one(detector: Detector) -> None:
    image = scene(TWO)
    before = image.copy()
    image.setflags(write=False)
    detector(image)
    assert np.array_equal(image, before)


def test_it_remembers_nothing(detector: Detector) -> None:
    image = scene(TWO)
    first = values(list(detector(image)))
    detector(plain_wall())
    detector(scene([DrawnFace(100, 100, 180)], 320, 240))
    assert values(list(detector(image))) == first


def test_threads_may_share_it(detector: Detector) -> None:
    images = [scene([DrawnFace(140 + 60 * step, 240, 220, seed=step)]) for step in range(4)]
    alone = [values(list(detector(image))) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: values(list(detector(image))), images * 3))
    assert together == alone * 3
