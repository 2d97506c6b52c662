"""What int8 and fp16 cost in accuracy, on clips that the model never saw.

`python -m benchmarks.variants runs/tune-0 runs/tune-1 runs/tune-2`: each fold's run of
`export.crossval` is exported, quantised and halved like the model that ships, and scores the clips
of its fold. With `--unseen` the runs (of `--leave-one-out`) were trained on no clip at all: each
scores all of them by its last weights, and the figures are means over the runs. The shipped weights
have seen all clips, and would show no cost.
"""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import record
from export.crops import CropStore
from export.evaluate import Videos, by_video, onnx_logits
from export.evaluation.bootstrap import Measure, difference, group_draws
from export.evaluation.measures import auc
from export.evaluation.scorer import served_crops
from export.folds import folds
from export.half import halve
from export.onnx import load_checkpoint, size_of_checkpoint, write_onnx
from export.quantise import quantise
from export.variant import LARGEST_LOSS, training_rows

SETS = {
    "ffpp_c23": ("ffpp_c23",),
    "deepfacelive": ("deepfacelive",),
    "pooled": ("ffpp_c23", "deepfacelive"),
}
Floats = NDArray[np.float64]
Facts = list[dict[str, Any]]


def main() -> None:
    """Score all clips by all variants and record what each costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="of the folds, in their order")
    parser.add_argument("--unseen", action="store_true", help="the runs saw no clip: no folds")
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    parser.add_argument("--record", default="variants", help="name of the result")
    args = parser.parse_args()
    clips, train = CropStore(args.crops / "dev"), CropStore(args.crops / "train")
    numbers = np.zeros(len(clips), np.int64) if args.unseen else np.array(folds(clips.facts))
    if not args.unseen and len(args.runs) != len(np.unique(numbers)):
        parser.error(f"There are {len(np.unique(numbers))} folds.")
    size_px = size_of_checkpoint(args.runs[0] / "last.pt")
    samples = served_crops(train, training_rows(train)[0], size_px)
    logging.disable(logging.WARNING)  # the quantiser's advice
    parts = [[run] for run in args.runs] if args.unseen else [args.runs]
    weights = "net" if args.unseen else "ema"
    logits = [scored(runs, weights, clips, numbers, samples) for runs in parts]
    runs = " ".join(run.name for run in args.runs)
    who = f"mean of {len(args.runs)} models that saw no clip" if args.unseen else "fold models"
    figures = {
        "what": f"{who} ({runs}), clips held out, FaceForensics++ c23 and DeepFaceLive pooled",
        "largest_loss": LARGEST_LOSS,
        "videos": {name: counts(clips.facts, sources) for name, sources in SETS.items()},
        "variants": {
            name: costs(clips.facts, *([one[kind] for one in logits] for kind in ("fp32", name)))
            for name in ("int8", "fp16")
        },
    }
    command = f"python -m benchmarks.variants {'--unseen ' * args.unseen}{runs}"
    if args.record != "variants":
        command += f" --record {args.record}"
    print(record(args.record, command, figures), figures)  # noqa: T201


def scored(
    runs: Sequence[Path],
    weights: str,
    clips: CropStore,
    numbers: NDArray[np.int64],
    samples: NDArray[np.uint8],
) -> dict[str, Floats]:
    """Raw logits of every crop by the model of its fold, by precision."""
    found = {name: np.full(len(clips), np.nan) for name in ("fp32", "int8", "fp16")}
    for fold, run in enumerate(runs):
        rows = np.flatnonzero(numbers == fold)
        crops = served_crops(clips, rows, samples.shape[1])
        with tempfile.TemporaryDirectory() as folder:
            paths = {name: Path(folder) / f"{name}.onnx" for name in found}
            write_onnx(load_checkpoint(run / "last.pt", weights), crops.shape[1], paths["fp32"])
            quantise(paths["fp32"], paths["int8"], samples)
            halve(paths["fp32"], paths["fp16"])
            for name, path in paths.items():
                found[name][rows] = onnx_logits(path, crops)
    return found


def counts(facts: Facts, sources: Sequence[str]) -> dict[str, int]:
    """Videos of a set by label, and the groups that are drawn."""
    videos = {fact["path"]: fact for fact in facts if fact["source"] in sources}.values()
    return {
        "genuine": sum(fact["label"] == 0 for fact in videos),
        "manipulated": sum(fact["label"] == 1 for fact in videos),
        "groups": len({fact["group"] for fact in videos}),
    }


def costs(facts: Facts, whole: Sequence[Floats], small: Sequence[Floats]) -> dict[str, Any]:
    """Video AUC of both and the variant's less the whole one's, by set, paired by group.

    `whole` and `small` hold the logits of one model each, or of several: their mean AUC counts.
    """
    table: dict[str, Any] = {}
    for name, sources in SETS.items():
        pairs = [[_of(facts, logits, sources) for logits in models] for models in (whole, small)]
        before, after = (_mean_auc(videos) for videos in pairs)
        ones = np.ones((1, len(pairs[0][0].labels)))
        gap = difference(after, before, group_draws(pairs[0][0].groups)).interval
        table[name] = {
            "fp32": round(float(before(ones)[0]), 4),
            "variant": round(float(after(ones)[0]), 4),
            "difference": [round(value, 4) for value in (gap.value, gap.low, gap.high)],
        }
    moved = np.array(small) - np.array(whole)
    of_each = moved.std(axis=1)
    table["logit"] = {
        "largest_mean_gap": round(float(np.abs(moved.mean(axis=1)).max()), 4),
        "sd": round(float(np.sqrt((of_each**2).mean())), 4),
        "sd_of_fp32": round(float(np.array(whole).std(axis=1).mean()), 4),
    }
    return table


def _of(facts: Facts, logits: Floats, sources: Sequence[str]) -> Videos:
    videos = by_video(facts, logits)
    return videos.only(np.isin(np.array(videos.sources), sources))


def _mean_auc(models: Sequence[Videos]) -> Measure:
    def measure(weights: Floats) -> Floats:
        each = [auc(videos.scores, videos.labels, weights) for videos in models]
        return np.asarray(np.mean(each, axis=0), np.float64)

    return measure


if __name__ == "__main__":
    main()
