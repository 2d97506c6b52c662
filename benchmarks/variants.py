"""What int8 and fp16 cost in accuracy, on clips that the model never saw.

`python -m benchmarks.variants runs/tune-0 runs/tune-1 runs/tune-2`: each fold's run of
`export.crossval` is exported, quantised and halved like the model that ships, and scores the clips
of its fold. The shipped weights have seen all of those clips, and would show no cost.
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
from export.evaluate import by_video, onnx_logits
from export.evaluation.bootstrap import difference, group_draws
from export.evaluation.measures import auc
from export.folds import folds
from export.half import halve
from export.onnx import load_checkpoint, write_onnx
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
    """Score all folds by all variants and record what each costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="of the folds, in their order")
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    args = parser.parse_args()
    clips, train = CropStore(args.crops / "dev"), CropStore(args.crops / "train")
    numbers = np.array(folds(clips.facts))
    if len(args.runs) != len(np.unique(numbers)):
        parser.error(f"There are {len(np.unique(numbers))} folds.")
    samples = np.array(train.serve[training_rows(train)[0]])
    logging.disable(logging.WARNING)  # the quantiser's advice
    logits = scored(args.runs, clips, numbers, samples)
    runs = " ".join(run.name for run in args.runs)
    figures = {
        "what": f"fold models {runs}, clips held out, FaceForensics++ c23 and DeepFaceLive pooled",
        "largest_loss": LARGEST_LOSS,
        "variants": {
            name: costs(clips.facts, logits["fp32"], logits[name])
            for name in logits
            if name != "fp32"
        },
    }
    print(record("variants", f"python -m benchmarks.variants {runs}", figures), figures)  # noqa: T201


def scored(
    runs: Sequence[Path], clips: CropStore, numbers: NDArray[np.int64], samples: NDArray[np.uint8]
) -> dict[str, Floats]:
    """Raw logits of every crop by the model of its fold, by precision."""
    found = {name: np.full(len(clips), np.nan) for name in ("fp32", "int8", "fp16")}
    for fold, run in enumerate(runs):
        rows = np.flatnonzero(numbers == fold)
        crops = np.array(clips.serve[rows])
        with tempfile.TemporaryDirectory() as folder:
            paths = {name: Path(folder) / f"{name}.onnx" for name in found}
            write_onnx(load_checkpoint(run / "last.pt"), crops.shape[1], paths["fp32"])
            quantise(paths["fp32"], paths["int8"], samples)
            halve(paths["fp32"], paths["fp16"])
            for name, path in paths.items():
                found[name][rows] = onnx_logits(path, crops)
    return found


def costs(facts: Facts, whole: Floats, small: Floats) -> dict[str, Any]:
    """Video AUC of both and the variant's less the whole one's, by set, paired by group."""
    table: dict[str, Any] = {}
    for name, sources in SETS.items():
        pair = [by_video(facts, logits) for logits in (whole, small)]
        keep = np.isin(np.array(pair[0].sources), sources)
        before, after = (videos.only(keep) for videos in pair)
        ones = np.ones((1, len(before.labels)))
        gap = difference(
            lambda weights, v=after: auc(v.scores, v.labels, weights),  # type: ignore[misc]
            lambda weights, v=before: auc(v.scores, v.labels, weights),  # type: ignore[misc]
            group_draws(before.groups),
        ).interval
        table[name] = {
            "fp32": round(float(auc(before.scores, before.labels, ones)[0]), 4),
            "variant": round(float(auc(after.scores, after.labels, ones)[0]), 4),
            "difference": [round(value, 4) for value in (gap.value, gap.low, gap.high)],
        }
    moved = small - whole
    table["logit"] = {"mean_gap": round(float(moved.mean()), 4), "sd": round(float(moved.std()), 4)}
    return table


if __name__ == "__main__":
    main()
