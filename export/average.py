"""Averages the weights of two runs that share an ancestor: `python -m export.average A B OUT`.

A fine-tuned network and a sibling often lie in one valley of the loss: the point between them keeps
what either knows at the cost of one (Wortsman et al. 2022, Model soups). Cross-validated runs are
averaged fold by fold, so that held-out figures of the average are held out too.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from export.crops import CropStore
from export.crossval import logits_of
from export.evaluation.scorer import served_crops
from export.folds import FOLDS, folds
from export.onnx import load_checkpoint, size_of_checkpoint


def averaged(
    first: dict[str, Tensor], second: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """`share` of the first and the rest of the second; what is no float comes from the first.

    Raises:
        ValueError: the two are not of one architecture.
    """
    if first.keys() != second.keys():
        raise ValueError("The two runs are not of one architecture.")
    return {
        name: value * share + second[name] * (1 - share) if value.is_floating_point() else value
        for name, value in first.items()
    }


def _checkpoint(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "last.pt", map_location="cpu", weights_only=True)
    return state


def average(first: Path, second: Path, out: Path, share: float) -> None:
    """Write `out/last.pt`, which holds the averaged moving averages only."""
    one, other = _checkpoint(first), _checkpoint(second)
    kept: dict[str, Any] = {
        name: one[name] for name in ("architecture", "size_px", "frames") if name in one
    }
    out.mkdir(parents=True, exist_ok=True)
    torch.save({**kept, "ema": averaged(one["ema"], other["ema"], share)}, out / "last.pt")


def main() -> None:
    """Average the runs of all clips and of each fold, and score each clip by its own fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the first")
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    options = parser.parse_args()
    average(options.first, options.second, options.out, options.share)
    size_px = size_of_checkpoint(options.first / "last.pt")
    clips = CropStore(options.store)
    numbers = np.array(folds(clips.facts))
    logits = np.full(len(clips), np.nan)
    for fold in range(FOLDS):
        one, other, mean = (
            path.with_name(f"{path.name}-{fold}")
            for path in (options.first, options.second, options.out)
        )
        average(one, other, mean, options.share)
        rows = np.flatnonzero(numbers == fold)
        crops = served_crops(clips, rows, size_px)
        logits[rows] = logits_of(load_checkpoint(mean / "last.pt"), crops)
    held_out = options.out.with_name(f"{options.out.name}-heldout.npz")
    np.savez(held_out, logits=logits, folds=numbers)


if __name__ == "__main__":
    main()
