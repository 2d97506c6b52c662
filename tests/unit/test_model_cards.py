"""Cards are read strictly, and the models directory is loaded by them alone."""

from pathlib import Path

import pytest

from pipeline.errors import ModelCardError, ModelError, ModelLoadError
from pipeline.load import (
    DEFAULT_DETECTOR,
    DEFAULT_LANDMARKER,
    adapter,
    adapters,
    list_cards,
    load_models,
    models_directory,
)
from pipeline.model_card import ModelCard, read_card, sha256_of
from pipeline.onnx_session import Device
from tests.toy_models import toy_directory, write_card, write_classifier

CARDS = list_cards(models_directory())
DETECTOR_CARD = {
    "name": "mine",
    "version": "1",
    "task": "face_detection",
    "adapter": "dlib_hog",
    "licence": "MIT",
    "source": "here",
    "trained_on": "faces",
    "limits": "many",
}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_shipped_card_says_all_that_must_be_known(card: ModelCard) -> None:
    assert (models_directory() / f"{card.name}.toml").is_file()
    for fact in (card.licence, card.source, card.trained_on, card.limits):
        assert len(fact) >= 3
    assert card.adapter in adapters(card.task)
    metrics = dict(card.metrics)
    assert metrics
    if card.task != "deepfake":  # what a classifier measures is tested with its training
        assert metrics["cost_ms"] > 0
        assert "measured_on" in metrics


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_shipped_file_is_the_one_of_its_card(card: ModelCard) -> None:
    if card.path is None:
        assert card.name.startswith("dlib")
    else:
        assert sha256_of(card.path) == card.sha256


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_shipped_model_loads_or_says_what_the_user_must_bring(card: ModelCard) -> None:
    try:
        adapter(card)(card, Device.CPU)
    except ModelLoadError as error:
        if not card.opt_in:
            raise
        assert "libdlib-data" in str(error)  # noqa: PT017 - either outcome is right, each checked


def test_every_onnx_file_has_a_card_and_every_licence_is_in_the_notice() -> None:
    named = {card.path for card in CARDS if card.path}
    assert set(models_directory().glob("*.onnx")) == named
    notice = (models_directory() / "NOTICE").read_text(encoding="utf-8")
    for card in CARDS:
        assert card.name in notice
    assert "Apache License" in notice
    assert "MIT" in notice


def test_the_defaults_need_no_permission() -> None:
    for name in (DEFAULT_DETECTOR, DEFAULT_LANDMARKER):
        card = read_card(models_directory() / f"{name}.toml")
        assert not card.opt_in
        assert card.licence in ("MIT", "Apache-2.0")


def test_models_load_by_name(tmp_path: Path) -> None:
    models = load_models(toy_directory(tmp_path), classifier="toy", device=Device.CPU)
    assert models.provider == "cpu"
    assert [card.name for card in models.cards] == [DEFAULT_DETECTOR, DEFAULT_LANDMARKER, "toy"]
    assert models.classifier.card.fingerprint.startswith("toy@1@")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"classifier": "nothing"}, "no model 'nothing'"),
        ({"classifier": "../toy"}, "no model name"),
        ({"classifier": ""}, "no model name"),
        ({"classifier": "yunet"}, "face_detection, not for deepfake"),
        ({"detector": "toy", "classifier": "toy"}, "deepfake, not for face_detection"),
        ({"landmarker": "yunet", "classifier": "toy"}, "not for face_landmarks"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(
    tmp_path: Path, names: dict[str, str], words: str
) -> None:
    with pytest.raises(ModelCardError, match=words):
        load_models(toy_directory(tmp_path), **names)  # type: ignore[arg-type]


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no models directory"):
        load_models(tmp_path / "nowhere", classifier="toy")


def test_an_adapter_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    card = write_card(tmp_path, DETECTOR_CARD | {"adapter": "os"})
    with pytest.raises(ModelCardError, match="dlib_hog, yunet"):
        adapter(card)


@pytest.mark.parametrize("adapter_name", ["../load", "yunet.py", "__init__", "regions"])
@pytest.mark.parametrize("task", ["face_detection", "face_landmarks"])
def test_an_adapter_name_cannot_reach_other_modules(
    tmp_path: Path, adapter_name: str, task: str
) -> None:
    card = write_card(tmp_path, DETECTOR_CARD | {"task": task, "adapter": adapter_name})
    with pytest.raises(ModelCardError, match="asks for the adapter"):
        adapter(card)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "singing"}, "singing"),
        ({"licence": None}, "licence"),
        ({"colour": "bgr"}, "colour"),
        ({"file": "mine.onnx"}, "sha256"),
        ({"file": "../mine.onnx", "sha256": "0" * 64}, "bare file name"),
        ({"task": "deepfake"}, "crop"),
    ],
)
def test_a_card_that_lacks_or_misstates_a_fact_is_refused(
    tmp_path: Path, change: dict[str, str | None], words: str
) -> None:
    facts = {key: fact for key, fact in (DETECTOR_CARD | change).items() if fact is not None}
    with pytest.raises(ModelCardError, match=words):
        write_card(tmp_path, facts)


@pytest.mark.parametrize(("raise_at", "clear_at"), [(0.5, 0.5), (0.4, 0.6), (1.0, 0.5), (0.5, 0.0)])
def test_thresholds_must_leave_room_between_them(
    tmp_path: Path, raise_at: float, clear_at: float
) -> None:
    with pytest.raises(ModelCardError, match="clear_at < raise_at"):
        write_classifier(tmp_path, raise_at=raise_at, clear_at=clear_at)


def test_a_card_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = = 3")
    with pytest.raises(ModelCardError, match="not valid TOML"):
        read_card(tmp_path / "bad.toml")
    with pytest.raises(ModelCardError, match="no model card"):
        read_card(tmp_path / "none.toml")
