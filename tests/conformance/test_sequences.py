"""Classifiers of several crops: the adapter, and what the data path hands it, by a toy."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.clip import Clip
from pipeline.errors import ModelCardError, ModelError
from pipeline.load import adapter, load_models
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import AlertId, Analysis, Frame, Image, StreamId
from tests.media import DrawnFace, scene
from tests.toy_models import toy_directory, write_model

FRAMES, SIDE = 4, 32


def write_sequence(directory: Path, name: str = "toy-sequence", **facts: object) -> ModelCard:
    """Logit = brightness of the newest crop minus that of the oldest, in [-1, 1], blue channel."""
    weights = np.zeros((FRAMES, 1), np.float32)
    weights[0], weights[-1] = -1 / 255, 1 / 255
    shape = ["batch", FRAMES, SIDE, SIDE, 3]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["clips"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("Gather", ["means", "blue"], ["levels"], axis=2),
            helper.make_node("MatMul", ["levels", "weights"], ["logit"]),
        ],
        "toy",
        [helper.make_tensor_value_info("clips", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array(0, np.int64), "blue"),
        ],
    )
    facts = {"frames": FRAMES, "color": "bgr", **facts}
    crop = {"size_px": SIDE, "margin": 1.3}
    thresholds = {"raise_at": 0.8, "clear_at": 0.55}
    return write_model(
        directory, name, graph, task="deepfake", adapter="sequence", **facts,
        crop=crop, thresholds=thresholds,
    )  # fmt: skip


def clip(*levels: int) -> Image:
    pictures = [np.full((SIDE, SIDE, 3), level, np.uint8) for level in levels]
    return np.stack(pictures)


def logits(card: ModelCard, *clips: Image) -> list[float | None]:
    scores = adapter(card)(card, Device.CPU)(clips)
    return [None if score is None else score.logit for score in scores]


def test_a_clip_is_judged_in_the_order_of_time(tmp_path: Path) -> None:
    card = write_sequence(tmp_path)
    rising, falling = clip(0, 9, 99, 255), clip(255, 9, 99, 0)
    assert logits(card, rising, falling) == pytest.approx([1, -1], abs=1e-5)


def test_a_single_picture_stands_still(tmp_path: Path) -> None:
    assert logits(write_sequence(tmp_path), clip(80)[0]) == pytest.approx([0], abs=1e-6)


def test_temperature_bias_and_colour_are_the_cards(tmp_path: Path) -> None:
    card = write_sequence(tmp_path, color="rgb", temperature=2.0, bias=0.25)
    red = clip(0, 0, 0, 0)
    red[-1, ..., 2] = 255
    assert logits(card, red) == pytest.approx([0.75], abs=1e-5)


def test_too_few_frames_and_a_wrong_size_are_refused(tmp_path: Path) -> None:
    card = write_sequence(tmp_path)
    with pytest.raises(ModelError, match="4 frames"):
        logits(card, clip(1, 2, 3))
    with pytest.raises(ModelError, match=card.name):
        logits(card, np.zeros((FRAMES, 19, 19, 3), np.uint8))


@pytest.mark.parametrize(("frames", "words"), [(1, "two or more"), (5, "says")])
def test_a_card_that_does_not_fit_its_graph_is_refused(
    tmp_path: Path, frames: int, words: str
) -> None:
    card = write_sequence(tmp_path, frames=frames)
    with pytest.raises(ModelCardError, match=words):
        adapter(card)(card, Device.CPU)


def test_an_answer_that_is_no_number_is_no_score(tmp_path: Path) -> None:
    card = write_sequence(tmp_path)
    assert card.path is not None
    graph = onnx.load(str(card.path))
    graph.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.full((FRAMES, 1), math.nan, np.float32), "weights")
    )
    altered = write_model(
        tmp_path, "toy-nan", graph.graph, task="deepfake", adapter="sequence", frames=FRAMES,
        crop={"size_px": SIDE, "margin": 1.3}, thresholds={"raise_at": 0.8, "clear_at": 0.55},
    )  # fmt: skip
    assert logits(altered, clip(1, 2, 3, 4)) == [None]


def test_a_clip_holds_the_newest_crops_and_a_gap_empties_it() -> None:
    kept = Clip(frames=3, gap_s=1.0)
    crops = clip(*range(10))
    assert [kept.add(crops[index], index / 4) is None for index in (0, 1)] == [True, True]
    found = [kept.add(crops[index], index / 4) for index in range(2, 6)]
    assert [None if c is None else c[:, 0, 0, 0].tolist() for c in found] == [
        [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5],
    ]  # fmt: skip
    assert kept.add(crops[9], 9.0) is None


def analyses(directory: Path, seconds: float) -> list[Analysis]:
    """A face that is seen eight times a second, through the whole data path."""
    models = load_models(directory, classifier="toy-sequence", device=Device.CPU)
    settings = AnalyzerSettings(window_min_samples=2)
    analyzer = StreamAnalyzer(StreamId("toy"), models, lambda: AlertId("one"), settings)
    picture = scene([DrawnFace(320, 240, 220)])
    return [
        analyzer(Frame(StreamId("toy"), index, index / 8, 0, picture))
        for index in range(round(seconds * 8))
    ]


def test_the_data_path_judges_a_face_once_its_clip_is_full(tmp_path: Path) -> None:
    card = write_sequence(tmp_path)
    found = analyses(toy_directory(tmp_path, card), 3.0)
    scored = [one.time_s for one in found for reading in one.readings if reading.scored]
    assert scored[0] == pytest.approx(0.75)  # the fourth look of a beat of 0.25 s
    assert len(scored) == 9
    early = [one.readings[0].fused_prob for one in found if one.time_s < 0.75]
    assert set(early) == {None}
    assert found[-1].readings[0].fused_prob is not None
