"""Tools that are given a model cut crops of its own size."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export import evaluate  # noqa: E402
from export.crops import SERVE_MARGIN, CropStore  # noqa: E402
from export.evaluation.scorer import served_crops  # noqa: E402
from export.onnx import load_checkpoint, size_of_checkpoint, write_onnx  # noqa: E402
from export.reference_seen import seen_by_folds  # noqa: E402
from export.train import train  # noqa: E402
from pipeline.preprocess import crop_face  # noqa: E402
from pipeline.types import Box  # noqa: E402
from tests.unit.test_export_train import a_run, write_store  # noqa: E402

SIZE_PX = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of larger crops, and a run that was trained at 64 px, as that of fold 0."""
    folder = tmp_path_factory.mktemp("sizes")
    store = write_store(folder / "store", videos=2)
    run = a_run(store, name="toy-0", architecture="efficientnet-lite0", size_px=SIZE_PX, steps=2)
    train(run, folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    path = folder / "toy.onnx"
    write_onnx(load_checkpoint(folder / "toy-0" / "last.pt"), SIZE_PX, path)
    return path


def test_a_checkpoint_and_a_graph_say_their_size(folder: Path, model: Path) -> None:
    assert size_of_checkpoint(folder / "toy-0" / "last.pt") == SIZE_PX
    assert evaluate.size_of(model) == SIZE_PX


def test_crops_of_any_size_are_cut_as_the_service_cuts(folder: Path) -> None:
    store = CropStore(folder / "store")
    crops = served_crops(store, [3, 1], SIZE_PX)
    assert crops.shape == (2, SIZE_PX, SIZE_PX, 3)
    for crop, row in zip(crops, (3, 1), strict=True):
        one = store[row]
        box = Box(*map(float, one.box))
        assert np.array_equal(crop, crop_face(one.image, box, SIZE_PX, SERVE_MARGIN))


def test_held_out_crops_are_seen_at_the_size_of_their_fold(folder: Path, model: Path) -> None:
    store = CropStore(folder / "store")
    numbers = np.zeros(len(store), np.int64)
    logits, vectors = seen_by_folds(store, numbers, str(folder / "toy"), lambda crop: crop)
    wanted = evaluate.onnx_logits(model, served_crops(store, range(len(store)), SIZE_PX))
    assert logits == pytest.approx(wanted, abs=1e-5)
    assert vectors.shape == (len(store), 128)


def test_a_store_is_scored_at_the_size_of_the_model(
    folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "scores.npz"
    words = ("--model", str(model), "--store", str(folder / "store"), "--out", str(out))
    monkeypatch.setattr(sys, "argv", ["evaluate", *words])
    monkeypatch.setattr(evaluate, "summary", lambda *_: {})
    evaluate.main()
    store = CropStore(folder / "store")
    wanted = evaluate.onnx_logits(model, served_crops(store, range(len(store)), SIZE_PX))
    assert np.load(out)["logits"] == pytest.approx(wanted)
