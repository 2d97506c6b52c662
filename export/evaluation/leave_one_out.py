"""How a network sees pseudo-fakes of a family that it was not trained on.

One run with all families and one without each, all equally long, on the training store alone; then
genuine faces of the evaluated store against forgeries of each family made from them, and the
store's own videos, which tell what a family is worth against forgeries that nobody drew.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import SERVE_MARGIN, CropStore
from export.evaluate import onnx_logits
from export.evaluation import measures
from export.evaluation.bootstrap import estimate, group_draws
from export.evaluation.figures import row
from export.evaluation.measured_part import MeasuredPart
from export.evaluation.measures import Floats
from export.evaluation.rows import frames, paired, videos
from export.evaluation.scorer import served
from export.forgery import families
from export.onnx import load_checkpoint, write_onnx
from export.pairs import PairMaker
from export.run_config import RunConfig, read_run
from export.train import train
from pipeline.errors import SettingsError
from pipeline.model_card import CropRule
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
    store = MeasuredPart(data)
    tests = {name: _pairs(run, store, name, seed) for name in tqdm(names, desc="pairs")}
    scored = {
        "all": _train_and_score(replace(run, name=f"{run.name}-all"), out.parent, store, tests)
    }
    for name in names:
        rest = {key: share for key, share in run.data.families.items() if key != name}
        left = replace(run, name=f"{run.name}-no-{name}", data=replace(run.data, families=rest))
        scored[name] = _train_and_score(left, out.parent, store, tests)
    found = {
        "run": run.name, "minutes": minutes, "pairs": PAIRS,
        "families": {
            name: {"trained": scored["all"][name], "left_out": scored[name][name]}
            for name in names
        },
        "video_auc": {name: figures["video_auc"] for name, figures in scored.items()},
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


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
) -> dict[str, Any]:
    """AUC of each family's pairs, drawn pair by pair, and of the store's own videos."""
    train(run, folder)
    model = folder / run.name / "model.onnx"
    write_onnx(load_checkpoint(model.with_name("last.pt")), run.size_px, model)
    draws = group_draws([str(number // 2) for number in range(2 * PAIRS)], DRAWS, run.seed)
    out: dict[str, Any] = {}
    for name, (crops, labels) in tests.items():
        out[name] = row(estimate(_auc(onnx_logits(model, crops), labels), draws))
    rule = CropRule(run.size_px, SERVE_MARGIN)
    seen = np.stack([served(store, index, rule) for index in range(len(store))])
    own = onnx_logits(model, seen)
    clips = paired(videos(frames(store.facts, own)))
    groups = group_draws(clips.groups.tolist(), DRAWS, run.seed)
    out["video_auc"] = row(estimate(_auc(clips.logits, clips.labels), groups))
    return out


def _auc(scores: Floats, labels: NDArray[np.int64]) -> Any:
    return lambda weights: measures.auc(scores, labels, weights)
