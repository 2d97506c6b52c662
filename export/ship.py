"""Makes a run the shipped model: `python -m export.ship export/runs/fast-card.toml`.

Exports the run with a parity check, fits temperature, bias and thresholds on calibration scores
(held-out ones where there are any), and writes ONNX and card side by side.
"""

import argparse
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.calibrate import Calibration, Windows, balanced, fit, thresholds, windows
from export.card import CardTexts, write_card
from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import by_video, summary
from export.metrics import auc, brier, calibration_error, clustered, sigmoid
from pipeline.model_card import Thresholds

Floats = NDArray[np.float64]


def calibrated(
    facts: list[dict[str, Any]], logits: Floats, recall: float
) -> tuple[Calibration, Thresholds]:
    """Calibration and thresholds from the windows of all videos."""
    raw = windows(facts, logits)
    labels = np.array([facts[int(row)]["label"] for row in raw.rows])
    groups = [facts[int(row)]["group"] for row in raw.rows]
    found = fit(raw.means, labels, balanced(labels, groups))
    genuine = labels == 0
    names = [name for name, yes in zip(groups, genuine, strict=True) if yes]
    raise_at, clear_at = thresholds(found(raw.means[genuine]), names, recall)
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


def main() -> None:
    """Export, calibrate, card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="TOML with [texts] and the paths")
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--out", type=Path, default=Path("onnx_models"))
    options = parser.parse_args()
    config = tomllib.loads(options.config.read_text(encoding="utf-8"))
    texts = CardTexts(**config["texts"])
    target = options.out / f"{texts.name}.onnx"
    shutil.copyfile(config["model"], target)
    facts = CropStore(options.store).facts
    # An int8 variant is calibrated on the held-out scores of its fp32 model, moved by their gap.
    logits = np.load(config["scores"])["logits"] + float(config.get("logit_shift", 0.0))
    found, limits = calibrated(facts, logits, float(config["genuine_recall"]))
    metrics = {**config.get("metrics", {}), **figures(facts, logits, found, limits)}
    crop = (int(config["size_px"]), SERVE_MARGIN)
    card = write_card(target, texts, crop, found, limits, metrics)
    print(f"{target}: {card.fingerprint}")  # noqa: T201


if __name__ == "__main__":
    main()
