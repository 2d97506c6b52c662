"""Makes an exported graph the shipped model: `python -m export.ship export/runs/fast-card.toml`.

Fits temperature, bias and thresholds on held-out scores, measures what a crop costs, and writes
ONNX and card side by side. `--variant int8` then ships what export/quantise.py left beside the
graph, by the card of the shipped model.
"""

import argparse
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.calibrate import Calibration, Windows, balanced, calibrate, windows
from export.card import CardTexts, write_card
from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import by_video, summary
from export.evaluation.scorer import thresholds_of
from export.metrics import auc, brier, calibration_error, clustered, sigmoid
from export.variant import cost_ms, notes
from pipeline.model_card import ModelCard, Thresholds, read_card

Floats = NDArray[np.float64]


def calibrated(
    facts: list[dict[str, Any]], logits: Floats, recall: float
) -> tuple[Calibration, Thresholds]:
    """Calibration and thresholds from the windows of all videos."""
    found, (raise_at, clear_at) = calibrate(facts, logits, recall)
    return found, Thresholds(round(raise_at, 4), round(clear_at, 4))


def figures(
    facts: list[dict[str, Any]], logits: Floats, found: Calibration, limits: Thresholds
) -> dict[str, Any]:
    """The card's [metrics]; lists are [value, low, high] of a 95 % interval by group."""
    table = summary(facts, logits)
    raw = windows(facts, logits)
    chosen = [facts[int(row)] for row in raw.rows]
    labels = np.array([fact["label"] for fact in chosen])
    groups = [fact["group"] for fact in chosen]
    probs = sigmoid(found(raw.means))
    metrics: dict[str, Any] = {"pooled_video_auc": table["pooled_video_auc"]}
    for source in ("ffpp_c23", "deepfacelive"):
        metrics[f"{source}_video_auc"] = table[source]["video_auc"]
        metrics[f"{source}_frame_auc"] = table[source]["frame_auc"]
        metrics[f"{source}_eer"] = table[source]["eer"]
        metrics[f"{source}_within_group_auc"] = table[source]["within_group_auc"]
    metrics["genuine_video_recall"] = _recall(facts, logits, found, limits, 0)
    metrics["fake_video_recall"] = _recall(facts, logits, found, limits, 1)
    metrics["genuine_window_recall"] = _window_recall(raw, found, limits, labels, groups)
    weights = balanced(labels, groups)
    rows = np.random.default_rng(0).choice(len(labels), 4000, p=weights / weights.sum())
    metrics["window_ece_balanced"] = round(calibration_error(probs[rows], labels[rows]), 3)
    metrics["window_brier_balanced"] = round(brier(probs[rows], labels[rows]), 3)
    metrics["window_auc_balanced"] = round(auc(probs[rows], labels[rows]), 3)
    return metrics


def _recall(
    facts: list[dict[str, Any]],
    logits: Floats,
    found: Calibration,
    limits: Thresholds,
    label: int,
) -> list[float]:
    videos = by_video(facts, found(logits))
    chosen = videos.only(videos.labels == label)
    over = sigmoid(chosen.scores) >= limits.raise_at
    right = over if label == 1 else ~over
    return _rounded(lambda rows: float(right[rows].mean()), chosen.groups)


def _window_recall(
    raw: Windows,
    found: Calibration,
    limits: Thresholds,
    labels: NDArray[np.int64],
    groups: list[str],
) -> list[float]:
    genuine = labels == 0
    right = sigmoid(found(raw.means[genuine])) < limits.raise_at
    names = [name for name, yes in zip(groups, genuine, strict=True) if yes]
    return _rounded(lambda rows: float(right[rows].mean()), names)


def _rounded(statistic: Callable[[NDArray[np.int64]], float], groups: list[str]) -> list[float]:
    interval = clustered(statistic, groups)
    return [round(value, 3) for value in (interval.value, interval.low, interval.high)]


def ship(config: dict[str, Any], store: Path, out: Path) -> ModelCard:
    """Put ONNX and card into `out`.

    Raises:
        FileNotFoundError: the model or the scores are not there.
    """
    model, texts = Path(config["model"]), CardTexts(**config["texts"])
    metrics = dict(config.get("metrics", {}))
    logits = np.load(config["scores"])["logits"]
    size_px = int(config["size_px"])
    metrics["cost_ms"] = cost_ms(model, size_px)
    target = _placed(model, out / f"{texts.name}.onnx")
    facts = CropStore(store).facts
    found, limits = calibrated(facts, logits, float(config["genuine_recall"]))
    metrics |= figures(facts, logits, found, limits)
    return write_card(
        target, texts, (size_px, SERVE_MARGIN), found, limits, metrics,
        frames=int(config.get("frames", 1)),
    )  # fmt: skip


def ship_variant(config: dict[str, Any], variant: str, out: Path) -> ModelCard:
    """Put the file int8.onnx or fp16.onnx beside the config's model into `out`, with a card.

    The card is the shipped model's, but for the bias, which makes good the mean gap between the
    two, and for what the variant costs in time and AUC.

    Raises:
        FileNotFoundError: the variant, or what is noted of it, is not there.
        ModelCardError: its model was not shipped.
    """
    texts = CardTexts(**config["texts"])
    model = Path(config["model"]).with_name(f"{variant}.onnx")
    whole = read_card(out / f"{texts.name}.toml")
    noted = json.loads(notes(model).read_text(encoding="utf-8"))
    size_px = int(config["size_px"])
    metrics = dict(whole.metrics)
    metrics["note"] = f"{_price(noted)} {metrics.get('note', '')}".strip()
    metrics["cost_ms"] = cost_ms(model, size_px)
    texts = replace(
        texts, name=f"{texts.name}-{variant}", source=f"{texts.source}; {variant} of that"
    )
    bias = whole.bias - noted["logit_shift"] / whole.temperature
    return write_card(
        _placed(model, out / f"{texts.name}.onnx"), texts, (size_px, SERVE_MARGIN),
        Calibration(whole.temperature, bias), thresholds_of(whole), metrics,
        frames=whole.frames, precision=variant, reference=whole.reference,
    )  # fmt: skip


def _placed(model: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, target)
    return target


def _price(noted: dict[str, Any]) -> str:
    costs = ", ".join(
        f"{max(0.0, before - after):.4f} on {name}"
        for name, (before, after) in noted["auc"].items()
    )
    return (
        f"All figures are the fp32 model's; {noted['precision']} costs in video AUC {costs} "
        f"({noted['frames']} frames a video, in-sample)."
    )


def main() -> None:
    """Export, calibrate, card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="TOML with [texts] and the paths")
    parser.add_argument("--variant", choices=("int8", "fp16"), help="of the model, beside it")
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--out", type=Path, default=Path("onnx_models"))
    options = parser.parse_args()
    config = tomllib.loads(options.config.read_text(encoding="utf-8"))
    if options.variant:
        card = ship_variant(config, options.variant, options.out)
    else:
        card = ship(config, options.store, options.out)
    print(f"{card.path}: {card.fingerprint}")  # noqa: T201


if __name__ == "__main__":
    main()
