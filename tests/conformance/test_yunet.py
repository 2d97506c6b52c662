"""Our decoding of YuNet agrees with OpenCV's, and it sees what the service promises."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from pipeline.detectors.yunet import YuNet
from pipeline.geometry import iou
from pipeline.load import adapter, models_directory
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from pipeline.types import Box
from tests.media import DrawnFace, crowd, draw_face, scene


@pytest.fixture(scope="module")
def detector() -> YuNet:
    card = read_card(models_directory() / "yunet.toml")
    made: YuNet = adapter(card)(card, Device.CPU)
    return made


def as_opencv_wants_it(path: Path, height: int, width: int) -> Path:
    """Take our front end off again: a float32 NCHW input of fixed size."""
    model = onnx.load(models_directory() / "yunet.onnx")
    graph = model.graph
    del graph.node[:2]  # Cast and Transpose
    del graph.input[:]
    graph.input.append(
        onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, height, width])
    )
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].Clear()
    onnx.save(model, path)
    return path


def test_boxes_and_points_equal_opencv_s_own_decoder(detector: YuNet, tmp_path: Path) -> None:
    image = scene(
        [DrawnFace(90, 120, 120), DrawnFace(230, 130, 110, seed=2, roll_deg=12)], 320, 256
    )
    path = as_opencv_wants_it(tmp_path / "yunet.onnx", 256, 320)
    reference = cv2.FaceDetectorYN.create(str(path), "", (320, 256), 0.6)
    _, rows = reference.detect(image)
    found = detector(image)
    assert len(found) == len(rows) == 2
    for face, row in zip(found, rows, strict=True):
        box = (face.box.left, face.box.top, face.box.right, face.box.bottom)
        expected = (row[0], row[1], row[0] + row[2], row[1] + row[3])
        assert np.abs(np.subtract(box, expected)).max() < 0.1
        assert face.keypoints is not None
        assert np.abs(face.keypoints.ravel() - row[4:14]).max() < 0.1
        assert face.score_prob == pytest.approx(float(row[14]), abs=1e-3)


@pytest.mark.parametrize(("count", "width", "height"), [(10, 640, 480), (50, 1280, 720)])
def test_it_finds_everybody_in_a_crowd(
    detector: YuNet, count: int, width: int, height: int
) -> None:
    people = crowd(count, width, height)
    found = detector(scene(people, width, height))
    assert len(found) == count
    for person in people:
        assert max(iou(face.box, person.box) for face in found) > 0.5


@pytest.mark.parametrize("yaw", [-30, -15, 0, 15, 30])
@pytest.mark.parametrize("blink", [0.0, 1.0])
def test_it_finds_turned_and_blinking_faces(detector: YuNet, yaw: float, blink: float) -> None:
    (face,) = detector(draw_face(256, yaw=yaw, blink=blink))
    assert face.score_prob > 0.7


def test_a_face_half_out_of_the_picture_keeps_its_place(detector: YuNet) -> None:
    faces = detector(scene([DrawnFace(40, 240, 240)]))
    assert len(faces) == 1
    assert iou(faces[0].box, Box(-40, 148, 120, 356)) > 0.5
