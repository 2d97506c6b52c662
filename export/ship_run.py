"""Makes a run on one's own store a model: ONNX, calibration, figures, card, int8 and fp16."""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.calibrate import Calibration
from export.card import CardTexts, write_card
from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import by_video
from export.evaluation.scorer import (
    by_path,
    looks,
    open_scorer,
    plain_card,
    score_store,
    served_crops,
)
from export.half import halve
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
LEAST_GROUPS = 5
"""Of fewer people and sources no interval is given: drawing one person again and again has none."""
SAID = {
    "test_video_auc": "video AUC",
    "test_genuine_recall": "genuine files left alone at the threshold",
    "test_fake_recall": "manipulated files raised at the threshold",
}
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
    print_(f"{target}: differs from torch by {gap:.1e} in logit\n{shipped.said()}\n")
    for precision in ("int8", "fp16") if args.fp16 else ("int8",):
        print_(f"{_variant(shipped, precision, args.genuine_recall)}\n")
    print_(f"Next: fakewatch serve --open --classifier {name}\n")
    return 0


class Shipped:
    """An exported graph with what calibration and test parts of the store say of it."""

    def __init__(self, store: CropStore, config: RunConfig, model: Path, recall: float) -> None:
        self.model, self.config, self.store = model, config, store
        rows = {side: store.rows(side) for side in (VAL, TEST)}
        self._facts = {side: [store.facts[row] for row in rows[side]] for side in rows}
        scorer = open_scorer(plain_card(model, config.size_px, config.frames))
        logits = score_store(scorer, store, 1, [*rows[VAL], *rows[TEST]])
        self.logits = {side: logits[rows[side]] for side in rows}
        self.found, self.limits = calibrated(self._facts[VAL], self.logits[VAL], recall)
        self.figures = figures(self._facts[TEST], self.logits[TEST], self.found, self.limits)

    def write(self, texts: CardTexts, precision: str = "fp32") -> None:
        """Write the card beside the model."""
        note = (
            f"measured on the test part of {self.store.folder.name}, by file; people and sources "
            f"of it were not trained on; [value, low, high] of a 95 % bootstrap by group, of fewer "
            f"than {LEAST_GROUPS} groups the value alone"
        )
        write_card(
            self.model, texts, (self.config.size_px, SERVE_MARGIN), self.found, self.limits,
            {"note": note, **self.figures}, frames=self.config.frames, precision=precision,
        )  # fmt: skip

    def said(self) -> str:
        """The figures for a person at a terminal."""
        found = self.figures
        lines = [f"On {found['test_files']} files of {found['test_groups']} people or sources that "
                 "it was not trained on:"]  # fmt: skip
        lines += [
            f"  {words}: {found[key][0]}"
            + (" (95 % interval {} to {})".format(*found[key][1:]) if found[key][1:] else "")
            for key, words in SAID.items()
            if key in found
        ]
        if found["test_groups"] < LEAST_GROUPS:
            lines.append(
                f"Fewer than {LEAST_GROUPS} people or sources say next to nothing about others: "
                "prepare more."
            )
        return "\n".join(lines)

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
    groups = len({fact["group"] for fact in facts})
    videos = by_video(facts, found(logits)) if facts else None
    rows: dict[str, Any] = {"test_files": len(videos.paths) if videos else 0, "test_groups": groups}
    if videos is None or len(set(videos.labels.tolist())) < 2:
        return rows
    raised = sigmoid(videos.scores) >= limits.raise_at
    rows["test_video_auc"] = _row(videos.auc(), groups)
    for label, word in ((0, "genuine"), (1, "fake")):
        chosen = videos.only(videos.labels == label)
        right = (raised == bool(label))[videos.labels == label]
        own = len(set(chosen.groups))
        rows[f"test_{word}_recall"] = _row(_share(right, chosen.groups), own)
    return rows


def _share(right: NDArray[np.bool_], groups: Sequence[str]) -> Interval:
    return clustered(lambda rows: float(right[rows].mean()), groups)


def _row(interval: Interval, groups: int) -> list[float]:
    """[value, low, high]; the value alone where too few groups would give a false interval."""
    row = [round(value, 3) for value in (interval.value, interval.low, interval.high)]
    return row if groups >= LEAST_GROUPS else row[:1]


def _variant(shipped: Shipped, precision: str, recall: float) -> str:
    """Write the int8 or fp16 variant, unless it is less right; returns a sentence."""
    config, store = shipped.config, shipped.store
    texts = _texts(f"{shipped.model.stem}-{precision}", config, store)
    target = _free_place(shipped.model.parent, texts.name)
    if precision == "int8":
        logging.disable(logging.WARNING)  # the quantiser's advice is not for the user
        quantise(shipped.model, target, samples(store, config))
    else:
        halve(shipped.model, target)
    small = Shipped(store, config, target, recall)
    lost = shipped.video_auc() - small.video_auc()
    if lost > LARGEST_LOSS:
        target.unlink()
        target.with_suffix(".toml").unlink(missing_ok=True)
        return f"No {precision} variant: it would cost {lost:.4f} video AUC."
    small.write(texts, precision)
    return f"{target}: {precision}, costs {max(0.0, lost):.4f} video AUC"


def samples(store: CropStore, config: RunConfig) -> NDArray[np.uint8]:
    """Training crops to calibrate a quantiser on, as the service cuts them, or clips of them."""
    rows = np.random.default_rng(0).permutation(store.rows(TRAIN))[:CALIBRATION_CROPS]
    if config.frames == 1:
        return served_crops(store, np.sort(rows), config.size_px)
    chosen = {store.facts[int(row)]["path"] for row in rows}
    files = [part for part in by_path(store, store.rows(TRAIN))
             if store.facts[part[0]]["path"] in chosen]  # fmt: skip
    clips = [
        looks(list(served_crops(store, part[: config.frames], config.size_px)), config.frames)[-1]
        for part in files[: max(1, CALIBRATION_CROPS // config.frames)]
    ]
    return np.stack(clips)


def _run_of(folder: Path) -> tuple[RunConfig, Path]:
    path = folder / "run.toml"
    checkpoint = next((p for p in (folder / "best.pt", folder / "last.pt") if p.is_file()), None)
    if not path.is_file() or checkpoint is None:
        raise SettingsError(f"{folder} is no trained run; fakewatch train makes one.")
    return replace(read_run(path), name=folder.resolve().name), checkpoint


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
