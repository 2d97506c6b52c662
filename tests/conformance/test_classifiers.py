"""Every classifier card, the shipped ones and toys with known answers, keeps the Protocol."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelCardError, ModelError
from pipeline.interfaces import Classifier, Localizer
from pipeline.load import adapter, adapters, list_cards, models_directory
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.preprocess import crop_face
from pipeline.types import Image
from tests.media import DrawnFace, scene
from tests.toy_models import constant_classifier, write_classifier

SHIPPED = [card for card in list_cards(models_directory()) if card.task == "deepfake"]


def load(card: ModelCard) -> Classifier:
    made: Classifier = adapter(card)(card, Device.CPU)
    return made


@pytest.fixture(scope="module", params=[*(card.name for card in SHIPPED), "toy", "toy-single"])
def classifier(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Classifier:
    for card in SHIPPED:
        if card.name == request.param:
            return load(card)
    batch = 1 if request.param == "toy-single" else "batch"
    return load(write_classifier(tmp_path_factory.mktemp("toy"), batch=batch))


def crops_for(classifier: Classifier, count: int) -> list[Image]:
    rule = classifier.card.crop
    assert rule is not None
    faces = [DrawnFace(320, 240, 220, seed=seed) for seed in range(count)]
    return [crop_face(scene([face]), face.box, rule.size_px, rule.margin) for face in faces]


def logits(classifier: Classifier, crops: Sequence[Image]) -> list[float]:
    scores = classifier(crops)
    return [score.logit for score in scores if score is not None]


def test_every_classifier_adapter_is_exercised() -> None:
    assert {card.adapter for card in SHIPPED} | {"logit", "sequence"} == set(adapters("deepfake"))


def test_one_finite_score_a_crop(classifier: Classifier) -> None:
    crops = crops_for(classifier, 3)
    scores = classifier(crops)
    assert len(scores) == 3
    for score in scores:
        assert score is not None
        assert math.isfinite(score.logit)
        assert score.fake_prob == pytest.approx(1 / (1 + math.exp(-score.logit)))


def test_no_crops_give_no_scores(classifier: Classifier) -> None:
    assert list(classifier([])) == []


def test_a_batch_scores_like_its_crops_one_by_one_and_in_order(classifier: Classifier) -> None:
    crops = crops_for(classifier, 4)
    alone = [logits(classifier, [crop])[0] for crop in crops]
    assert logits(classifier, crops) == pytest.approx(alone, abs=1e-4)
    assert logits(classifier, crops[::-1]) == pytest.approx(alone[::-1], abs=1e-4)


def test_the_card_says_how_to_crop_and_when_to_alert(classifier: Classifier) -> None:
    card = classifier.card
    assert card.crop is not None
    assert card.thresholds is not None
    assert 0 < card.thresholds.clear_at < card.thresholds.raise_at < 1


def test_crops_of_a_wrong_size_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ModelError, match=classifier.card.name):
        classifier([np.zeros((19, 19, 3), np.uint8)])


def test_it_leaves_the_crops_alone(classifier: Classifier) -> None:
    crops = crops_for(classifier, 2)
    before = [crop.copy() for crop in crops]
    classifier(crops)
    assert all(np.array_equal(one, other) for one, other in zip(crops, before, strict=True))


def test_threads_may_share_it(classifier: Classifier) -> None:
    crops = crops_for(classifier, 4)
    alone = [logits(classifier, [crop]) for crop in crops]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda crop: logits(classifier, [crop]), crops * 3))
    assert together == alone * 3


def test_the_answer_of_a_toy_is_what_its_arithmetic_says(tmp_path: Path) -> None:
    toy = load(write_classifier(tmp_path))
    pictures = [np.full((32, 32, 3), level, np.uint8) for level in (0, 51, 255)]
    assert logits(toy, pictures) == pytest.approx([-5, -3, 5], abs=1e-4)


def test_temperature_divides_and_bias_is_added(tmp_path: Path) -> None:
    toy = load(write_classifier(tmp_path, temperature=2.0, bias=0.25))
    assert logits(toy, [np.full((32, 32, 3), 255, np.uint8)]) == pytest.approx([2.75], abs=1e-4)


@pytest.mark.parametrize(("color", "blue_logit", "red_logit"), [("bgr", 1, 0), ("rgb", 0, 1)])
def test_channels_arrive_in_the_order_of_the_card(
    tmp_path: Path, color: str, blue_logit: float, red_logit: float
) -> None:
    toy = load(write_classifier(tmp_path, weights=(1, 0, 0), offset=0, color=color))
    blue, red = np.zeros((2, 32, 32, 3), np.uint8)
    blue[..., 0], red[..., 2] = 255, 255
    assert logits(toy, [blue, red]) == pytest.approx([blue_logit, red_logit], abs=1e-5)


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_an_answer_that_is_no_number_is_no_score(tmp_path: Path, logit: float) -> None:
    toy = load(constant_classifier(tmp_path, logit))
    assert list(toy([np.zeros((32, 32, 3), np.uint8)])) == [None]


@pytest.mark.parametrize(("logit", "fake_prob"), [(1e6, 1.0), (-1e6, 0.0)])
def test_huge_logits_saturate(tmp_path: Path, logit: float, fake_prob: float) -> None:
    (score,) = load(constant_classifier(tmp_path, logit))([np.zeros((32, 32, 3), np.uint8)])
    assert score is not None
    assert score.fake_prob == pytest.approx(fake_prob)


def test_a_card_that_crops_another_size_than_the_graph_is_refused(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    card = tmp_path / "toy.toml"
    card.write_text(card.read_text().replace("size_px = 32", "size_px = 64"))
    (changed,) = list_cards(tmp_path)
    with pytest.raises(ModelCardError, match="64 px"):
        load(changed)


def test_the_cells_of_a_heat_map_average_to_the_raw_logit(tmp_path: Path) -> None:
    made = load(write_classifier(tmp_path, "toy-cam", offset=-2.0, cells=4, color="rgb"))
    assert isinstance(made, Localizer)
    half_bright = np.zeros((32, 32, 3), np.uint8)
    half_bright[:, 16:] = 255
    cells = made.heatmap(half_bright)
    assert cells is not None
    assert cells.shape == (4, 4)
    assert cells[:, :2] == pytest.approx(0)
    assert cells[:, 2:] == pytest.approx(10, rel=1e-5)
    (score,) = made([half_bright])
    assert score is not None
    assert cells.mean() - 2.0 == pytest.approx(score.logit, abs=1e-4)


def test_a_model_without_cells_says_that_it_has_no_heat_map(tmp_path: Path) -> None:
    made = load(write_classifier(tmp_path, "toy-plain"))
    assert isinstance(made, Localizer)
    assert made.heatmap(np.zeros((32, 32, 3), np.uint8)) is None
