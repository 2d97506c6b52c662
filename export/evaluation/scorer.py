"""Which model is measured, and its raw logits of crops, by the adapter that serves."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import SERVE_MARGIN, SERVE_SIZE_PX, Crop, CropStore
from export.evaluation.rows import Floats
from pipeline.errors import ModelError
from pipeline.interfaces import Classifier, Localizer
from pipeline.load import models_directory
from pipeline.model_card import CropRule, ModelCard, Thresholds, read_card, sha256_of
from pipeline.onnx_session import Device
from pipeline.preprocess import crop_face
from pipeline.types import Box, Image

BATCH = 16
UNCARDED = Thresholds(0.5, 0.4)
Change = Callable[[Image], Image]
"""A disturbance of a stored crop; it may come out smaller."""


def find_card(model: str) -> ModelCard:
    """The card of a name, a card's path or an ONNX path; one without a card gets a plain one.

    Raises:
        ModelError: there is no such model, or its card cannot be read.
    """
    path = Path(model)
    if path.suffix == ".toml":
        return read_card(path)
    if path.suffix != ".onnx":
        return read_card(models_directory() / f"{model}.toml")
    if path.with_suffix(".toml").exists():
        return read_card(path.with_suffix(".toml"))
    if not path.exists():
        raise ModelError(f"There is no model {path}.")
    return plain_card(path)


def plain_card(path: Path, size_px: int = SERVE_SIZE_PX, frames: int = 1) -> ModelCard:
    """The card of a graph that has none yet: its scores are its raw logits."""
    return ModelCard(
        path.stem, "no card", "deepfake", "logit" if frames == 1 else "sequence", path,
        sha256_of(path), "unknown", "unknown", "unknown",
        "It has no card: temperature 1, bias 0 and threshold .5 are assumed.",
        crop=CropRule(size_px, SERVE_MARGIN), frames=frames, thresholds=UNCARDED,
    )  # fmt: skip


def thresholds_of(card: ModelCard) -> Thresholds:
    """The card's; every classifier's card has them."""
    return card.thresholds or UNCARDED


def odds_of(card: ModelCard, logits: Floats) -> Floats:
    """Calibrated log-odds."""
    return np.asarray(logits / card.temperature + card.bias, np.float64)


@dataclass(frozen=True, slots=True)
class Scorer:
    """One opened model, or one a fold."""

    card: ModelCard
    nets: tuple[Classifier, ...]
    """One; or as many as there are folds, the one of a fold never having seen it."""

    @property
    def rule(self) -> CropRule:
        """How its crops are cut."""
        return self.card.crop or CropRule(SERVE_SIZE_PX, SERVE_MARGIN)

    def __call__(self, crops: Sequence[Image], fold: int = 0) -> Floats:
        """Raw logits (N,); NaN where the model gives none."""
        net = self.nets[fold % len(self.nets)]
        found: list[float] = []
        for start in range(0, len(crops), BATCH):
            scores = net([np.asarray(crop) for crop in crops[start : start + BATCH]])
            found += [float("nan") if score is None else score.logit for score in scores]
        calibrated = np.array(found, dtype=np.float64)
        return np.asarray((calibrated - self.card.bias) * self.card.temperature, np.float64)

    def clips(self, crops: Sequence[Image], fold: int = 0) -> Floats:
        """Raw logits of consecutive crops of one video; a sequence model sees the newest ones."""
        return self(looks(crops, self.card.frames), fold)

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """What each cell of a crop adds to the raw logit; None where the model cannot say."""
        net = self.nets[0]
        if self.card.frames > 1 or not isinstance(net, Localizer):
            return None
        return net.heatmap(crop)


def open_scorer(card: ModelCard) -> Scorer:
    """Open the model as the service would, on the CPU.

    Raises:
        ModelError: it is no classifier, or cannot be opened.
    """
    if card.task != "deepfake":
        raise ModelError(f"{card.name} does not look for signs of manipulation.")
    build = import_module(f"pipeline.classifiers.{card.adapter}").build
    return Scorer(card, (build(card, Device.CPU),))


def open_folds(card: ModelCard, models: Sequence[Path]) -> Scorer:
    """The models that held out each fold, in the order of the folds; calibrated by `card`.

    A checkpoint (`last.pt`) is exported first.

    Raises:
        ModelError: one of them cannot be opened.
    """
    size_px = card.crop.size_px if card.crop else SERVE_SIZE_PX
    nets: list[Classifier] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(models):
            onnx = _as_onnx(path, Path(folder) / f"fold{number}.onnx", size_px)
            own = replace(card, path=onnx, sha256=sha256_of(onnx), golden=None)
            nets += open_scorer(own).nets
    return Scorer(card, tuple(nets))


def _as_onnx(path: Path, target: Path, size_px: int) -> Path:
    if not path.exists():
        raise ModelError(f"There is no model {path} of a fold.")
    if path.suffix == ".onnx":
        return path
    from export.onnx import load_checkpoint, write_onnx  # needs torch

    write_onnx(load_checkpoint(path), size_px, target)
    return target


def cut_again(crop: Crop, rule: CropRule, change: Change) -> Image:
    """The crop that the service would cut from the disturbed picture around the face."""
    disturbed = change(crop.image)
    scale = disturbed.shape[0] / crop.image.shape[0]
    box = Box(*(float(edge) * scale for edge in crop.box))
    return crop_face(disturbed, box, rule.size_px, rule.margin)


def served(store: CropStore, index: int, rule: CropRule) -> Image:
    """The crop as the service cuts it; for another size or margin, from the stored one."""
    if (rule.size_px, rule.margin) == (SERVE_SIZE_PX, SERVE_MARGIN):
        return np.asarray(store.serve[index])
    return cut_again(store[index], rule, lambda image: image)


def served_crops(store: CropStore, rows: Iterable[int], size_px: int) -> NDArray[np.uint8]:
    """(N, size, size, 3): these crops as the service cuts them for one of our networks."""
    rule = CropRule(size_px, SERVE_MARGIN)
    return np.stack([served(store, int(row), rule) for row in rows])


def looks(crops: Sequence[Image], frames: int) -> list[Image]:
    """What a model sees at each of a video's crops: that one, or (frames, ...) up to it.

    Before there are enough, the first one stands in for those that are missing.
    """
    if frames == 1:
        return list(crops)
    padded = [*[crops[0]] * (frames - 1), *crops]
    return [np.stack(padded[i : i + frames]) for i in range(len(crops))]


def by_path(store: CropStore, rows: Sequence[int]) -> list[list[int]]:
    """These rows by the file they are of, in order."""
    files: dict[str, list[int]] = {}
    for row in rows:
        files.setdefault(store.facts[row]["path"], []).append(row)
    return list(files.values())


def score_store(
    scorer: Scorer, store: CropStore, jobs: int, rows: Sequence[int] | None = None
) -> Floats:
    """Raw logits of all crops of a store, video by video; NaN where a row is not asked for."""
    videos = by_path(store, range(len(store)) if rows is None else rows)

    def score(indices: list[int]) -> Floats:
        return scorer.clips([served(store, index, scorer.rule) for index in indices])

    out = np.full(len(store), np.nan)
    with ThreadPoolExecutor(jobs) as pool:
        answers = pool.map(score, videos)
        for indices in tqdm(videos, desc=scorer.card.name, unit="video", leave=False):
            out[indices] = next(answers)
    return out
