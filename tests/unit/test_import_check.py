"""The four mistakes that run without an error are caught on a few labelled pictures."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.card import CardTexts
from export.importing.calibration import calibrate
from export.importing.contract import SCALES, Contract
from export.importing.foreign import form_of
from export.importing.importer import import_model
from export.importing.labelled import Labelled, Seen, labelled
from export.importing.onnx_model import read_onnx
from export.importing.variants import Reading, readings
from pipeline.errors import ModelError
from pipeline.load import adapter
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import Box
from stream_server.cli import main
from tests.media import draw_face

SIZE_PX = 16
FACE = Box(70.0, 70.0, 130.0, 130.0)
RIGHT = Contract("rgb", SCALES["unit"], ("fake", "genuine"), probability=True)


def detector(path: Path) -> Path:
    """P(genuine) of RGB in [0, 1]: high when red is far from a half, on either side."""
    weights = numpy_helper.from_array(np.array([[1.0], [0], [0]], np.float32), "red")
    constants = [
        weights,
        numpy_helper.from_array(np.array([0.5], np.float32), "half"),
        numpy_helper.from_array(np.array([40.0], np.float32), "gain"),
        numpy_helper.from_array(np.array([4.0], np.float32), "offset"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "red"], ["level"]),
        helper.make_node("Sub", ["level", "half"], ["off"]),
        helper.make_node("Abs", ["off"], ["far"]),
        helper.make_node("Mul", ["far", "gain"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "offset"], ["said"]),
        helper.make_node("Sigmoid", ["said"], ["end"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIZE_PX, SIZE_PX, 3])],
        [helper.make_tensor_value_info("end", TensorProto.FLOAT, ["n", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def pictures() -> Labelled:
    """Red of a half where manipulated, else well above or below; round the face, anything."""
    rng = np.random.default_rng(0)
    seen = []
    for index in range(48):
        label = index % 2
        level = 0.5 + rng.uniform(-0.03, 0.03) if label else rng.choice([0.3, 0.7])
        image = np.empty((200, 200, 3), np.uint8)
        image[:] = rng.integers(0, 256, 3)
        face = np.array([*rng.integers(0, 256, 2), round(255 * level)], np.uint8)
        image[60:140, 60:140] = face
        seen.append(Seen(image, FACE, label, f"{index}.png"))
    return Labelled(seen)


def card_of(folder: Path, contract: Contract, margin: float = 1.3) -> ModelCard:
    foreign = read_onnx(detector(folder / "foreign.onnx"))
    texts = CardTexts("mine", "1", "a test", "a test", "nothing", "all")
    form = form_of(foreign.model, None)
    return import_model(foreign, contract, texts, form, margin, folder / "models").card


def suspicious(found: list[Reading]) -> list[str]:
    return [reading.what for reading in found if reading.suspicious]


def test_a_model_that_is_read_rightly_is_left_alone(tmp_path, pictures):
    found = readings(card_of(tmp_path, RIGHT), pictures)
    assert found[0].auc == 1.0
    assert suspicious(found) == []


def test_a_swapped_colour_order_is_caught(tmp_path, pictures):
    wrong = dataclasses.replace(RIGHT, color="bgr")
    assert suspicious(readings(card_of(tmp_path, wrong), pictures)) == [
        "colour order the other way round"
    ]


def test_a_swapped_label_order_is_caught(tmp_path, pictures):
    wrong = dataclasses.replace(RIGHT, labels=("genuine", "fake"))
    found = suspicious(readings(card_of(tmp_path, wrong), pictures))
    assert "labels the other way round" in found


@pytest.mark.parametrize("scale", ["signed", "raw", "imagenet"])
def test_a_wrong_scale_is_caught(tmp_path, pictures, scale):
    wrong = dataclasses.replace(RIGHT, scale=SCALES[scale])
    found = readings(card_of(tmp_path, wrong), pictures)
    best = max(found, key=lambda reading: reading.auc)
    assert best.what == "--scale unit"
    assert best.suspicious


def test_a_wrong_crop_is_caught(tmp_path, pictures):
    found = suspicious(readings(card_of(tmp_path, RIGHT, margin=2.4), pictures))
    assert "--margin 1.3" in found


def test_pictures_of_one_video_are_no_more_evidence_than_one(tmp_path, pictures):
    wrong = card_of(tmp_path, dataclasses.replace(RIGHT, color="bgr"))
    videos = [
        dataclasses.replace(one, file=f"{one.label}-{index // 2 % 2}.mp4")
        for index, one in enumerate(pictures.seen)
    ]
    apart = readings(wrong, pictures)[1]
    together = readings(wrong, Labelled(videos))[1]
    assert together.gain == pytest.approx(apart.gain)


def test_calibrating_leaves_genuine_files_below_the_alert(tmp_path, pictures):
    before = card_of(tmp_path, RIGHT)
    after = calibrate(before, pictures, 0.95)
    assert after.golden == before.golden
    assert after.thresholds != before.thresholds
    assert dict(after.metrics)["own_files_auc"] == 1.0
    classify = adapter(after)(after, Device.CPU)
    probs = [score.fake_prob for score in classify(list(pictures.crops(SIZE_PX, 1.3)))]
    genuine = np.array(probs)[pictures.labels == 0]
    assert (genuine < after.thresholds.raise_at).mean() >= 0.95


def test_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(ModelError, match="There is no folder"):
        labelled(tmp_path / "fakes", tmp_path)
    with pytest.raises(ModelError, match="fewer than 4 files"):
        labelled(tmp_path, tmp_path)


def test_the_command_finds_faces_and_says_what_fits_better(tmp_path, capsys):
    card_of(tmp_path, dataclasses.replace(RIGHT, labels=("genuine", "fake")))
    for folder, red in (("fakes", 128), ("genuine", 70)):
        (tmp_path / folder).mkdir()
        for seed in range(5):
            face = draw_face(240, seed=seed)
            face[..., 2] = np.clip(face[..., 2] - face[..., 2].mean() + red, 0, 255)
            cv2.imwrite(str(tmp_path / folder / f"{seed}.png"), face)
        (tmp_path / folder / "notes.txt").write_text("no picture")
    code = main(
        ["models", "check", "mine", "--directory", str(tmp_path / "models")]
        + [f"--{name}={tmp_path / name}" for name in ("fakes", "genuine")]
    )
    said = capsys.readouterr().out
    assert code == 1
    assert "10 files, 5 manipulated and 5 genuine pictures" in said
    assert "with labels the other way round: import it again with --labels in the other" in said
