"""The card that training writes is the card that the service reads."""

from pathlib import Path

import pytest

from export.calibrate import Calibration
from export.card import CardTexts, write_card
from pipeline.errors import ModelCardError
from pipeline.model_card import Thresholds, read_card, sha256_of

TEXTS = CardTexts("probe", "1", "Apache-2.0", "a test", "nothing", 'cannot "see"')


def test_the_service_accepts_a_written_card(tmp_path: Path) -> None:
    model = tmp_path / "probe.onnx"
    model.write_bytes(b"weights")
    figures = {"video_auc": [0.8, 0.7, 0.9], "clips": 12}
    write_card(model, TEXTS, (160, 1.3), Calibration(1.7, -0.4), Thresholds(0.8, 0.5), figures)
    card = read_card(tmp_path / "probe.toml")
    assert card.sha256 == sha256_of(model)
    assert card.adapter == "logit"
    assert (card.temperature, card.bias) == (1.7, -0.4)
    assert card.crop is not None
    assert (card.crop.size_px, card.crop.margin) == (160, 1.3)
    assert card.limits == 'cannot "see"'
    assert dict(card.metrics) == figures


def test_thresholds_that_cross_are_refused(tmp_path: Path) -> None:
    model = tmp_path / "probe.onnx"
    model.write_bytes(b"weights")
    with pytest.raises(ModelCardError):
        write_card(model, TEXTS, (160, 1.3), Calibration(1, 0), Thresholds(0.4, 0.5), {})
