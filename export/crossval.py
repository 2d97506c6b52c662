"""Held-out figures on the development clips: `python -m export.crossval export/runs/tune.toml`.

Trains once a fold with its clips left out, scores exactly those, and writes all held-out logits to
one file; `--all` then trains the model that ships, on every clip.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from export.crops import CropStore
from export.evaluate import summary
from export.evaluation.scorer import served_crops
from export.folds import FOLDS, folds
from export.onnx import load_checkpoint
from export.run_config import RunConfig, read_run
from export.train import train


def logits_of(net: nn.Module, crops: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float64]:
    """Raw logits (N,) of served crops."""
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(np.array(crops[start : start + batch]))).numpy()
            for start in range(0, len(crops), batch)
        ]
    return np.concatenate(parts).astype(np.float64)


def held_out(config: RunConfig, fold: int) -> RunConfig:
    """The run with one fold left out."""
    if config.data.extra is None:
        raise ValueError("Cross-validation needs [data.extra].")
    extra = dataclasses.replace(config.data.extra, hold_out=fold)
    data = dataclasses.replace(config.data, extra=extra)
    return dataclasses.replace(config, data=data, name=f"{config.name}-{fold}")


def main() -> None:
    """All folds one after the other; finished ones are not trained again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--all", action="store_true", help="then train on every clip")
    options = parser.parse_args()
    config = read_run(options.config)
    if config.data.extra is None:
        parser.error("The run needs [data.extra].")
    clips = CropStore(config.data.extra.store)
    numbers = np.array(folds(clips.facts))
    logits = np.full(len(clips), np.nan)
    for fold in range(FOLDS):
        run = held_out(config, fold)
        train(run, options.out)
        rows = np.flatnonzero(numbers == fold)
        net = load_checkpoint(options.out / run.name / "last.pt")
        logits[rows] = logits_of(net, served_crops(clips, rows, config.size_px))
        np.savez(options.out / f"{config.name}-heldout.npz", logits=logits, folds=numbers)
    tqdm.write(json.dumps(summary(clips.facts, logits), indent=1))
    if options.all:
        train(config, options.out)


if __name__ == "__main__":
    main()
