"""Writes a classifier's card: facts, calibration, thresholds and measured figures."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.calibrate import Calibration
from pipeline.model_card import Golden, ModelCard, ReferenceScale, Thresholds, read_card, sha256_of


@dataclass(frozen=True, slots=True)
class CardTexts:
    """What only a person can write about a model."""

    name: str
    version: str
    licence: str
    source: str
    trained_on: str
    limits: str


def write_card(
    model: Path,
    texts: CardTexts,
    crop: tuple[int, float],
    calibration: Calibration,
    thresholds: Thresholds,
    metrics: dict[str, Any],
    golden: Golden | None = None,
    *,
    frames: int = 1,
    precision: str = "fp32",
    reference: ReferenceScale | None = None,
) -> ModelCard:
    """Write `NAME.toml` beside the ONNX file and read it back as the service would.

    `crop` is (size_px, margin). Raises ModelCardError if the service would refuse the card.
    """
    words = ("licence", "source", "trained_on", "limits")
    lines = [
        f"name = {_toml(texts.name)}",
        f"version = {_toml(texts.version)}",
        'task = "deepfake"',
        f"adapter = {_toml('logit' if frames == 1 else 'sequence')}",
        *((f"frames = {frames}",) if frames > 1 else ()),
        f"precision = {_toml(precision)}",
        f"file = {_toml(model.name)}",
        f"sha256 = {_toml(sha256_of(model))}",
        *(f"{word} = {_toml(getattr(texts, word))}" for word in words),
        'color = "bgr"',
        'labels = ["genuine", "fake"]',
        f"temperature = {calibration.temperature:.4f}",
        f"bias = {calibration.bias:.4f}",
        *_tables(crop, thresholds, reference, metrics),
        *(_golden(golden) if golden else ()),
    ]
    path = model.with_suffix(".toml")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_card(path)


def _tables(
    crop: tuple[int, float],
    thresholds: Thresholds,
    reference: ReferenceScale | None,
    metrics: dict[str, Any],
) -> list[str]:
    scale = asdict(reference) if reference else {}
    return [
        "",
        "[crop]",
        f"size_px = {crop[0]}",
        f"margin = {crop[1]}",
        "",
        "[thresholds]",
        f"raise_at = {thresholds.raise_at:.4f}",
        f"clear_at = {thresholds.clear_at:.4f}",
        *(["", "[reference]"] if scale else []),
        *(f"{name} = {value:.4f}" for name, value in scale.items()),
        "",
        "[metrics]",
        *(f"{name} = {_toml(value)}" for name, value in metrics.items()),
    ]


def _golden(golden: Golden) -> list[str]:
    return [
        "",
        "[golden]",
        f"crops_sha256 = {_toml(golden.crops_sha256)}",
        f"logits = {_toml(list(golden.logits))}",
        f"framework = {_toml(golden.framework)}",
    ]


def _toml(value: str | float | list[float]) -> str:
    """A TOML value; JSON's strings, numbers and lists are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
