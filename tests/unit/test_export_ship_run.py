"""`fakewatch export` makes any kind of run a model that is served, and says how little it knows."""

from argparse import Namespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the `train` extra")

from export.calibrate import Calibration
from export.crops import CropStore
from export.evaluation.scorer import served
from export.run_config import read_run
from export.ship_run import figures, samples, ship_run
from export.train import train
from pipeline.load import adapter
from pipeline.model_card import CropRule, Thresholds, read_card
from pipeline.onnx_session import Device
from tests.drawn_store import write_store
from tests.small_run import write_run

SPLIT = ("train", "train", "train", "val", "test", "test")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "drawn", split=SPLIT)


def exported(folder, run, **options):
    """Trains it, exports it, and gives the folder of the models."""
    train(read_run(run), folder)
    (folder / run.stem / "run.toml").write_text(run.read_text())
    models = folder / "models"
    asked = {"name": None, "genuine_recall": 0.9, "fp16": False, **options}
    assert ship_run(Namespace(folder=folder / run.stem, out=models, **asked)) == 0
    return models


def test_a_sequence_network_is_exported_calibrated_and_served_by_its_card(store, tmp_path, capsys):
    run = write_run(
        tmp_path / "seen.toml", store, "tool_a", architecture='"sface+light"', frames="3",
        pairs="0",
    )  # fmt: skip
    models = exported(tmp_path, run)
    card = read_card(models / "seen.toml")
    assert (card.adapter, card.frames, card.precision) == ("sequence", 3, "fp32")
    clip = samples(CropStore(store), read_run(run))[0]
    assert clip.shape == (3, 48, 48, 3)
    (score,) = adapter(card)(card, Device.CPU)([clip])
    assert score is not None
    said = capsys.readouterr().out
    assert "On 3 files of 2 people or sources" in said
    assert "int8" in said


def test_variants_say_what_they_compute_in_and_few_people_get_no_interval(store, tmp_path, capsys):
    run = write_run(tmp_path / "toy.toml", store, "tool_a", pairs="0", steps="40")
    models = exported(tmp_path, run, fp16=True)
    half = read_card(models / "toy-fp16.toml")
    assert half.precision == "fp16"
    assert adapter(half)(half, Device.CPU)([np.zeros((48, 48, 3), np.uint8)])[0] is not None
    assert len(dict(read_card(models / "toy.toml").metrics)["test_video_auc"]) == 1
    said = capsys.readouterr().out
    assert "say next to nothing about others" in said
    assert "interval" not in said
    int8 = models / "toy-int8.toml"
    assert int8.exists() == int8.with_suffix(".onnx").exists() == ("int8, costs" in said)
    if int8.exists():
        assert read_card(int8).precision == "int8"


def test_five_people_get_an_interval():
    facts = [
        {"path": f"{person}{label}", "label": label, "group": str(person), "source": "s",
         "method": "none", "time_s": 0.0}
        for person in range(5) for label in (0, 1)
    ]  # fmt: skip
    logits = np.array([fact["label"] * 2.0 - 1 for fact in facts])
    logits[1] = -3.0
    found = figures(facts, logits, Calibration(1.0, 0.0), Thresholds(0.6, 0.5))
    assert found["test_groups"] == 5
    value, low, high = found["test_fake_recall"]
    assert low < value == 0.8 < high == 1.0


def test_crops_of_another_size_are_cut_from_the_picture_and_not_from_the_served_crop(store):
    opened = CropStore(store)
    large = served(opened, 0, CropRule(224, 1.3))
    assert large.shape == (224, 224, 3)
    assert not np.array_equal(large, np.asarray(opened.serve[0]))
