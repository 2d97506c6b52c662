"""A model is shipped with a calibrated card, and so is a smaller variant of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.crops import CropStore
from export.measure_reference import write_reference
from export.ship import ship, ship_variant
from export.variant import notes
from pipeline.load import adapter
from pipeline.model_card import ReferenceScale, read_card
from pipeline.onnx_session import Device
from tests.drawn_store import write_store
from tests.toy_models import write_classifier

SHIFT = -1.0
TEXTS = {"name": "mine", "version": "1", "licence": "none", "source": "a test"} | {
    "trained_on": "nothing", "limits": "knows nothing of faces",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two sets, held-out logits of its crops, a model and its int8 variant."""
    folder = tmp_path_factory.mktemp("ship")
    path = write_store(folder / "store") / "facts.json"
    text = path.read_text().replace("tool_a", "ffpp_c23").replace("tool_b", "deepfacelive")
    path.write_text(text)
    facts = CropStore(folder / "store").facts
    # Of one person it thinks the opposite: no threshold parts all genuine videos from all others.
    high = [fact["label"] == (fact["group"] != "person0") for fact in facts]
    np.savez(folder / "held.npz", logits=np.where(high, 2.0, -1.0))
    for name in ("fp32", "int8"):
        shutil.copy(write_classifier(folder, "toy").path, folder / f"{name}.onnx")
    costs = {"deepfacelive": [0.9, 0.91], "ffpp_c23": [0.9, 0.8976]}
    found = {"precision": "int8", "auc": costs, "frames": 8, "logit_shift": SHIFT}
    notes(folder / "int8.onnx").write_text(json.dumps(found))
    return folder


def config(place: Path) -> dict[str, Any]:
    return {
        "model": str(place / "fp32.onnx"), "scores": str(place / "held.npz"), "size_px": 32,
        "genuine_recall": 0.95, "texts": TEXTS, "metrics": {"note": "Held out."},
    }  # fmt: skip


def test_a_shipped_model_is_calibrated_measured_and_accepted_by_the_service(place: Path) -> None:
    card = ship(config(place), place / "store", place / "out")
    adapter(card)(card, Device.CPU)
    metrics = dict(card.metrics)
    assert card.path == place / "out/mine.onnx"
    assert (card.name, card.precision, metrics["note"]) == ("mine", "fp32", "Held out.")
    assert metrics["cost_ms"] >= 0
    assert metrics["ffpp_c23_video_auc"][0] == 0.5
    assert metrics["deepfacelive_video_auc"][0] == 1.0
    assert 0.5 < card.thresholds.raise_at < 1


def test_a_variant_is_calibrated_by_its_gap_and_says_what_it_costs(place: Path) -> None:
    card = ship(config(place), place / "store", place / "out")
    write_reference(place / "out/mine.toml", ReferenceScale(1.0, 2.0, 0.5))
    small = ship_variant(config(place), "int8", place / "out")
    assert (small.name, small.precision) == ("mine-int8", "int8")
    for logit in (-2.0, 0.0, 3.0):
        as_fp32 = logit / card.temperature + card.bias
        assert (logit + SHIFT) / small.temperature + small.bias == pytest.approx(as_fp32, abs=1e-3)
    assert small.thresholds == card.thresholds
    assert small.reference == read_card(place / "out/mine.toml").reference
    assert dict(small.metrics)["pooled_video_auc"] == dict(card.metrics)["pooled_video_auc"]
    note = dict(small.metrics)["note"]
    assert "0.0000 on deepfacelive" in note
    assert "0.0024 on ffpp_c23" in note
    assert note.endswith("Held out.")


def test_a_variant_that_was_refused_is_not_shipped(place: Path) -> None:
    ship(config(place), place / "store", place / "out")
    with pytest.raises(FileNotFoundError):
        ship_variant(config(place), "fp16", place / "out")
