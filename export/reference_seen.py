"""What held-out models see of the development crops, as they are and disturbed, kept in a file."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import opened
from export.evaluation.scorer import served
from export.reference_arms import Vectors
from export.reference_cases import Floats
from pipeline.model_card import CropRule
from pipeline.types import Image


def _jpeg(crop: Image) -> Image:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", crop, [1, 60])[1], 1), np.uint8)


def _dim(crop: Image) -> Image:
    return np.asarray(255 * (crop / 255.0) ** 1.5, np.uint8)


def _coarse(crop: Image) -> Image:
    side = crop.shape[0]
    small = cv2.resize(crop, None, fx=0.65, fy=0.65, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


DISTURBANCES: dict[str, Callable[[Image], Image]] = {
    "jpeg_60": _jpeg, "gamma_1.5": _dim, "two_thirds_resolution": _coarse,
}  # fmt: skip


def seen_by_folds(
    store: CropStore, numbers: np.ndarray[Any, Any], models: str, change: Callable[[Image], Image]
) -> tuple[Floats, Vectors]:
    """Raw logits (N,) and embeddings (N, 128) of every crop, by the model that left it out."""
    # Torch is only needed where nothing is kept yet.
    from export.onnx import load_checkpoint, size_of_checkpoint, write_onnx

    logits, vectors = np.zeros(len(store)), np.zeros((len(store), 128), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for fold in np.unique(numbers):
            path = Path(folder) / f"{fold}.onnx"
            checkpoint = Path(f"{models}-{fold}") / "last.pt"
            rule = CropRule(size_of_checkpoint(checkpoint), SERVE_MARGIN)
            write_onnx(load_checkpoint(checkpoint), rule.size_px, path)
            session = opened(path)
            for row in tqdm(np.flatnonzero(numbers == fold), leave=False):
                crop = change(np.array(served(store, int(row), rule)))[None]
                answer = session.run(["logit", "embedding"], {"crops": crop})
                logits[row], vectors[row] = answer[0].item(), answer[1][0]
    return logits, vectors


def cached(
    cache: Path, store: CropStore, numbers: np.ndarray[Any, Any], models: str, names: list[str]
) -> dict[str, tuple[Floats, Vectors]]:
    """What the folds see of the crops as they are ("plain") and disturbed; kept in `cache`."""
    have = dict(np.load(cache)) if cache.is_file() else {}
    for name in names:
        if f"{name}_logits" not in have:
            change = DISTURBANCES.get(name, lambda crop: crop)
            have[f"{name}_logits"], have[f"{name}_vectors"] = seen_by_folds(
                store, numbers, models, change
            )
            np.savez(cache, **have)
    return {name: (have[f"{name}_logits"], have[f"{name}_vectors"]) for name in names}
