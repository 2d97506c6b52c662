"""Is a smaller variant as right as its model? It is compared, kept or deleted, and noted down."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from export.crops import CropStore
from export.evaluate import by_video, onnx_logits, opened, size_of
from export.evaluation.scorer import served_crops
from export.metrics import auc

LARGEST_LOSS = 0.005
"""Video AUC of a set that a variant may cost."""
CALIBRATION_CROPS = 256
SHIFT_CROPS = 256
TIMED = 60


def asked(about: str | None) -> argparse.Namespace:
    """The command line of every variant."""
    ort.set_default_logger_severity(3)  # it warns of every constant that it folds away
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    parser.add_argument("--frames", type=int, default=8, help="crops a video for the comparison")
    return parser.parse_args()


def training_rows(store: CropStore) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows to calibrate a quantiser on, and others to measure how far its logits moved."""
    order = np.random.default_rng(0).permutation(len(store))
    end = CALIBRATION_CROPS + SHIFT_CROPS
    return np.sort(order[:CALIBRATION_CROPS]), np.sort(order[CALIBRATION_CROPS:end])


def settle(options: argparse.Namespace, precision: str) -> None:
    """Keep or delete the variant at `options.out`; what it costs goes beside it as JSON."""
    store = CropStore(options.crops / "train")
    crops = served_crops(store, training_rows(store)[1], size_of(options.model))
    table = losses(CropStore(options.crops / "dev"), options.model, options.out, options.frames)
    worst = max(before - after for before, after in table.values())
    moved = onnx_logits(options.out, crops) - onnx_logits(options.model, crops)
    found = {
        "precision": precision,
        "auc": table,
        "frames": options.frames,
        "worst_loss": worst,
        "logit_shift": float(moved.mean()),
        "verdict": "kept" if worst <= LARGEST_LOSS else "refused",
    }
    if worst > LARGEST_LOSS:
        options.out.unlink()
    else:
        notes(options.out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))  # noqa: T201


def notes(model: Path) -> Path:
    """Where `settle` writes what a variant costs."""
    return model.with_suffix(".json")


def losses(store: CropStore, model: Path, small: Path, most: int) -> dict[str, list[float]]:
    """Video AUC of both on at most `most` crops a video: set to [fp32, variant]."""
    seen: dict[str, int] = {}
    rows = []
    for index, fact in enumerate(store.facts):
        seen[fact["path"]] = seen.get(fact["path"], 0) + 1
        if seen[fact["path"]] <= most and fact["source"] in ("deepfacelive", "ffpp_c23"):
            rows.append(index)
    facts = [store.facts[index] for index in rows]
    table: dict[str, list[float]] = {}
    for path in (model, small):
        videos = by_video(facts, onnx_logits(path, served_crops(store, rows, size_of(path))))
        for source in sorted(set(videos.sources)):
            chosen = videos.only(np.array(videos.sources) == source)
            table.setdefault(source, []).append(auc(chosen.scores, chosen.labels))
    return table


def cost_ms(model: Path, size_px: int) -> float:
    """Processor time of one crop on one thread, the tenth percentile: others' load adds to it."""
    session = opened(model)
    name = session.get_inputs()[0].name
    crop = np.zeros((1, size_px, size_px, 3), np.uint8)
    spent_s = []
    for _ in range(TIMED):
        started_s = time.thread_time()
        session.run(["logit"], {name: crop})
        spent_s.append(time.thread_time() - started_s)
    return round(1000 * float(np.quantile(spent_s, 0.1)), 2)
