"""Makes a run on one's own store a model: ONNX, calibration, thresholds, figures, card, int8."""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.calibrate import Calibration
from export.card import CardTexts, write_card
from export.crops import SERVE_MARGIN, SERVE_SIZE_PX, CropStore
from export.evaluate import by_video, onnx_logits
from export.metrics import Interval, auc, clustered, sigmoid
from export.onnx import load_checkpoint, write_onnx
from export.quantise import quantise
from export.run_config import RunConfig, read_run
from export.ship import calibrated
from export.splits import TEST, TRAIN, VAL
from export.variant import CALIBRATION_CROPS, LARGEST_LOSS
from pipeline.errors import ModelCardError, SettingsError
from pipeline.load import models_directory
from pipeline.model_card import Thresholds, read_card

SOURCE = "fakewatch export"
"""Begins the card's `source`; only such models are written over."""
WORDS = ("genuine", "manipulated")
Floats = NDArray[np.float64]


def ship_run(args: argparse.Namespace) -> int:
    """Export as the command line asks.

    Raises:
        SettingsError: the run or its store cannot be used, or another model has the name.
    """
    ort.set_default_logger_severity(3)  # it warns of every constant that it folds away
    config, checkpoint = _run_of(args.folder)
    name = args.name or args.folder.resolve().name
    out: Path = args.out or models_directory()
    target = _free_place(out, name)
    store = CropStore(config.data.store)
    _check_labels(store)
    try:
        net = load_checkpoint(checkpoint)
        gap = write_onnx(net, config.size_px, target, config.frames)
    except (ValueError, RuntimeError) as error:
        target.unlink(missing_ok=True)
        raise SettingsError(f"{checkpoint} cannot be exported: {error}") from error
    shipped = Shipped(store, config, target, args.genuine_recall)
    shipped.write(_texts(name, config, store))
    print_ = sys.stdout.write
    print_(f"{target}: differs from torch by {gap:.1e} in logit\n")
    for key, value in shipped.metrics.items():
        print_(f"  {key}: {value}\n")
    print_(f"{_int8(shipped, config, store, _texts(f'{name}-int8', config, store))}\n")
    print_(f"Next: fakewatch serve --open --classifier {name}\n")
    return 0


class Shipped:
    """An exported graph with what calibration and test parts of the store say of it."""

    def __init__(self, store: CropStore, config: RunConfig, model: Path, recall: float) -> None:
        self.model, self.size_px, self._store = model, config.size_px, store
        rows = {side: store.rows(side) for side in (VAL, TEST)}
        self._facts = {side: [store.facts[row] for row in rows[side]] for side in rows}
        self.logits = {
            side: onnx_logits(model, served(store, rows[side], config.size_px))
            if rows[side]
            else np.zeros(0)
            for side in rows
        }
        self.found, self.limits = calibrated(self._facts[VAL], self.logits[VAL], recall)
        self.metrics: dict[str, Any] = {
            "note": f"measured on the test part of {store.folder.name}, by file; people and "
            "sources of it were not trained on; [value, low, high] of a 95 % bootstrap by group",
            **figures(self._facts[TEST], self.logits[TEST], self.found, self.limits),
        }

    def write(self, texts: CardTexts) -> None:
        """Write the card beside the model."""
        rule = (self.size_px, SERVE_MARGIN)
        write_card(self.model, texts, rule, self.found, self.limits, self.metrics)

    def video_auc(self) -> float:
        """Of val and test together, to compare variants."""
        facts = [fact for side in self._facts.values() for fact in side]
        videos = by_video(facts, np.concatenate(list(self.logits.values())))
        return auc(videos.scores, videos.labels)


def _check_labels(store: CropStore) -> None:
    for label, word in enumerate(WORDS):
        if not any(store.facts[row]["label"] == label for row in store.rows(VAL)):
            raise SettingsError(
                f"The store's val part has no {word} crop to calibrate on: "
                "prepare files of at least three people, genuine and manipulated."
            )


def figures(
    facts: list[dict[str, Any]], logits: Floats, found: Calibration, limits: Thresholds
) -> dict[str, Any]:
    """Video AUC and the recall of either label at the threshold, with intervals by group."""
    videos = by_video(facts, found(logits)) if facts else None
    if videos is None or len(set(videos.labels.tolist())) < 2:
        return {"test_files": len(videos.paths) if videos else 0}
    raised = sigmoid(videos.scores) >= limits.raise_at
    rows: dict[str, Any] = {"test_files": len(videos.paths), "test_video_auc": _row(videos.auc())}
    for label, word in ((0, "genuine"), (1, "fake")):
        chosen = videos.only(videos.labels == label)
        right = (raised == bool(label))[videos.labels == label]
        rows[f"test_{word}_recall"] = _row(_share(right, chosen.groups))
    return rows


def _share(right: NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    return clustered(lambda rows: float(right[rows].mean()), groups)


def served(store: CropStore, rows: Sequence[int], size_px: int) -> NDArray[np.uint8]:
    """(N, size, size, 3): the crops that the service would cut, at the run's size."""
    crops = np.asarray(store.serve[list(rows)])
    if size_px == SERVE_SIZE_PX:
        return crops
    way = cv2.INTER_AREA if size_px < SERVE_SIZE_PX else cv2.INTER_LINEAR
    return np.stack([cv2.resize(c, (size_px, size_px), interpolation=way) for c in crops])


def _int8(shipped: Shipped, config: RunConfig, store: CropStore, texts: CardTexts) -> str:
    """Write the int8 variant, unless it is less right; returns a sentence."""
    target = _free_place(shipped.model.parent, texts.name)
    rows = np.random.default_rng(0).permutation(store.rows(TRAIN))[:CALIBRATION_CROPS]
    logging.disable(logging.WARNING)  # the quantiser's advice is not for the user
    quantise(shipped.model, target, served(store, np.sort(rows).tolist(), config.size_px))
    small = Shipped(store, config, target, 0.96)
    lost = shipped.video_auc() - small.video_auc()
    if lost > LARGEST_LOSS:
        target.unlink()
        return f"No int8 variant: it would cost {lost:.4f} video AUC."
    small.write(texts)
    return f"{target}: int8, costs {max(0.0, lost):.4f} video AUC"


def _run_of(folder: Path) -> tuple[RunConfig, Path]:
    path = folder / "run.toml"
    checkpoint = next((p for p in (folder / "best.pt", folder / "last.pt") if p.is_file()), None)
    if not path.is_file() or checkpoint is None:
        raise SettingsError(f"{folder} is no trained run; fakewatch train makes one.")
    config = replace(read_run(path), name=folder.resolve().name)
    if config.frames > 1:
        raise SettingsError("A sequence network is exported by python -m export.onnx for now.")
    return config, checkpoint


def _free_place(out: Path, name: str) -> Path:
    if Path(name).name != name:
        raise SettingsError(f"{name!r} is no model name.")
    card = out / f"{name}.toml"
    try:
        if card.exists() and not read_card(card).source.startswith(SOURCE):
            raise SettingsError(f"{out} has another model {name}; choose another --name.")
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ModelCardError) as error:
        raise SettingsError(f"{out} cannot be used: {error}; choose another --out.") from error
    if not os.access(out, os.W_OK):
        raise SettingsError(f"{out} cannot be written to; choose another --out.")
    return out / f"{name}.onnx"


def _texts(name: str, config: RunConfig, store: CropStore) -> CardTexts:
    chosen = [store.facts[row] for row in store.rows(TRAIN)]
    counts = Counter(f"{fact['source']} ({WORDS[fact['label']]})" for fact in chosen)
    listed = ", ".join(f"{count} crops of {source}" for source, count in sorted(counts.items()))
    return CardTexts(
        name=name,
        version="0.1.0",
        licence="Apache-2.0 for the weights that it went on from; your own for what it learned",
        source=f"{SOURCE} of the run {config.name}, {config.architecture}",
        trained_on=f"{listed}, and pseudo-fakes made of the genuine ones; began from "
        f"{config.start or 'ImageNet'}",
        limits="Known for faces like those it was trained on only. Scores are signs of "
        "manipulation, never proof.",
    )


def _row(interval: Interval) -> list[float]:
    return [round(value, 3) for value in (interval.value, interval.low, interval.high)]
