"""How a network sees pseudo-fakes of a family that it was not trained on.

One run with all families and one without each, all equally long, on the training store alone; then
genuine faces of the evaluated store against forgeries of each family made from them, and the
store's own videos, which tell what a family is worth against forgeries that nobody drew.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import onnx_logits
from export.evaluation import measures
from export.evaluation.bootstrap import Measure, difference, estimate, group_draws
from export.evaluation.figures import row
from export.evaluation.measured_part import MeasuredPart
from export.evaluation.measures import Floats
from export.evaluation.rows import Rows, frames, paired, videos
from export.evaluation.scorer import served_crops
from export.forgery import families
from export.onnx import load_checkpoint, write_onnx
from export.pairs import PairMaker
from export.run_config import RunConfig, read_run
from export.train import train
from pipeline.errors import SettingsError
from pipeline.preprocess import crop_face
from pipeline.types import Box

PAIRS = 150
DRAWS = 2000


def leave_one_out(config: Path, data: Path, minutes: float, seed: int, out: Path) -> None:
    """Train, measure and write the figures to `out`; finished runs are not trained again.

    Raises:
        SettingsError: the run has fewer than two families, or trains on clips alone.
    """
    run = _plain(read_run(config), minutes, seed)
    names = [name for name, share in run.data.families.items() if share > 0]
    if len(names) < 2 or run.frames > 1 or run.data.pairs == 0:
        raise SettingsError(f"{config} does not train on two or more families of pseudo-fakes.")
    store = MeasuredPart(data, whole=data.resolve() != run.data.store.resolve())
    tests = {name: _pairs(run, store, name, seed) for name in tqdm(names, desc="pairs")}
    whole = _train_and_score(replace(run, name=f"{run.name}-all"), out.parent, store, tests)
    without = {}
    for name in names:
        rest = {key: share for key, share in run.data.families.items() if key != name}
        left = replace(run, name=f"{run.name}-no-{name}", data=replace(run.data, families=rest))
        without[name] = _train_and_score(left, out.parent, store, tests)
    found = _figures(whole, without, seed)
    found = {"run": run.name, "minutes": minutes, "pairs": PAIRS, "draws": DRAWS, **found}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Scored:
    """What one network says."""

    pairs: dict[str, Floats]
    """Raw logits (2 N,) of each family's pairs: genuine and forged in turn."""
    clips: Rows
    """The videos of the sources that hold both labels."""
    images: int
    """Seen in training, by all workers."""


def _plain(run: RunConfig, minutes: float, seed: int) -> RunConfig:
    """Without the evaluated clips, and not from a checkpoint, which may have seen the family."""
    start = run.start if run.start == Path("scratch") else None
    data = replace(run.data, extra=None)
    return replace(run, minutes=minutes, seed=seed, start=start, data=data)


def _pairs(
    run: RunConfig, store: CropStore, family: str, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Crops (2 N, size, size, 3) and labels: genuine and forged in turn."""
    genuine = [index for index, facts in enumerate(store.facts) if facts["label"] == 0]
    maker = PairMaker(store, genuine, families(run.data.generator), {family: 1.0})
    rng = np.random.default_rng(seed)
    crops = []
    for _ in range(PAIRS):
        pair = maker.make(rng)
        box = Box(*(float(edge) for edge in pair.box))
        crops += [
            crop_face(image, box, run.size_px, SERVE_MARGIN) for image in (pair.real, pair.fake)
        ]
    return np.stack(crops), np.tile([0, 1], PAIRS)


def _train_and_score(
    run: RunConfig,
    folder: Path,
    store: CropStore,
    tests: dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]],
) -> Scored:
    train(run, folder)
    model = folder / run.name / "model.onnx"
    # The moving average of so short a run still holds the weights that it began with.
    write_onnx(load_checkpoint(model.with_name("last.pt"), "net"), run.size_px, model)
    seen = served_crops(store, range(len(store)), run.size_px)
    curve = (folder / run.name / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    return Scored(
        {name: onnx_logits(model, crops) for name, (crops, _) in tests.items()},
        paired(videos(frames(store.facts, onnx_logits(model, seen)))),
        int(json.loads(curve[-1])["images"]),
    )


def _figures(whole: Scored, without: dict[str, Scored], seed: int) -> dict[str, Any]:
    """[value, low, high] each: AUC of pairs, drawn pair by pair, and of videos, drawn by group."""
    labels = np.tile([0, 1], PAIRS)
    draws = group_draws([str(number // 2) for number in range(2 * PAIRS)], DRAWS, seed)
    groups = group_draws(whole.clips.groups.tolist(), DRAWS, seed)
    families = {}
    for name, left in without.items():
        known, unknown = (_auc(scored.pairs[name], labels) for scored in (whole, left))
        families[name] = {
            "trained": row(estimate(known, draws)),
            "left_out": row(estimate(unknown, draws)),
            "loss": row(difference(known, unknown, draws).interval),
        }
    return {
        "images": {"all": whole.images} | {name: left.images for name, left in without.items()},
        "families": families,
        "video_auc": {
            name: row(estimate(_auc(scored.clips.logits, scored.clips.labels), groups))
            for name, scored in {"all": whole, **without}.items()
        },
        "worth": {name: _worth(whole.clips, left.clips, seed) for name, left in without.items()},
        "videos": {name: _counts(whole.clips.only(keep)) for name, keep in _sets(whole.clips)},
    }


def _sets(clips: Rows) -> list[tuple[str, NDArray[np.bool_]]]:
    """Every source, and all of them together."""
    names = np.unique(clips.sources).tolist()
    sets = [(str(name), clips.sources == name) for name in names]
    return [*sets, ("pooled", np.ones(len(clips), np.bool_))]


def _worth(whole: Rows, left: Rows, seed: int) -> dict[str, Any]:
    """Video AUC of the network that knew the family less that of the one that did not, by set."""
    table = {}
    for name, keep in _sets(whole):
        labels = whole.labels[keep]
        draws = group_draws(whole.groups[keep].tolist(), DRAWS, seed)
        known, unknown = (_auc(clips.logits[keep], labels) for clips in (whole, left))
        table[name] = row(difference(known, unknown, draws).interval)
    return table


def _counts(clips: Rows) -> dict[str, int]:
    manipulated = int(clips.labels.sum())
    return {
        "genuine": len(clips) - manipulated,
        "manipulated": manipulated,
        "groups": len(np.unique(clips.groups)),
    }


def _auc(scores: Floats, labels: NDArray[np.int64]) -> Measure:
    return lambda weights: measures.auc(scores, labels, weights)
