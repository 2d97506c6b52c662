"""Refits only the last layer: `python -m export.refit --run runs/fast2`.

The backbone stays; a logistic regression that is pulled towards the trained head learns from the
pooled features of training pictures, fresh pairs and the development clips outside one fold. Every
figure comes from the fold that was left out; the shipped head learns from all.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from export.augment import Look, seen
from export.crops import CropStore
from export.evaluate import summary
from export.folds import FOLDS, folds
from export.forgery import families
from export.nets import Lite0
from export.onnx import load_checkpoint
from export.pairs import PairMaker
from export.run_config import RunConfig, read_run

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Pooled features with labels and weights."""

    features: Floats
    """(N, 1280)."""
    labels: NDArray[np.int64]
    weights: Floats

    def plus(self, other: "Sample") -> "Sample":
        """Both together."""
        return Sample(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.weights, other.weights]),
        )


def pooled(net: Lite0, crops: NDArray[np.uint8], batch: int = 32) -> Floats:
    """(N, 1280) mean of the feature map of every crop."""
    parts = []
    with torch.no_grad():
        for start in tqdm(range(0, len(crops), batch), unit="batch", leave=False):
            picked = torch.from_numpy(np.array(crops[start : start + batch]))
            parts.append(net.features(picked).mean((2, 3)).numpy())
    return np.concatenate(parts).astype(np.float64)


def refit(sample: Sample, head: Floats, pull: float) -> Floats:
    """(1281,) weights and bias of least weighted log loss.

    `pull` punishes the squared way from `head`, measured in units of each feature's spread.
    """
    spread = sample.features.std(0) + 1e-3
    rows = np.hstack([sample.features, np.ones((len(sample.features), 1))])
    scale = np.append(spread, 1.0)
    signs = np.where(sample.labels == 1, 1.0, -1.0)
    share = sample.weights / sample.weights.sum()

    def loss(way: Floats) -> tuple[float, Floats]:
        odds = signs * (rows @ (head + way / scale))
        wrong = 1 / (1 + np.exp(np.clip(odds, -50, 50)))
        slope = -(rows.T @ (share * signs * wrong)) / scale + 2 * pull * way
        return float(share @ np.logaddexp(0, -odds) + pull * way @ way), slope

    found = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(head + found.x / scale, np.float64)


def clip_weights(facts: list[dict[str, Any]], rows: NDArray[np.int64]) -> Floats:
    """Weights by which every set counts alike within a label, and every group within its set.

    The genuine-only collections together are one set.
    """
    keys = [(_part(facts[int(i)]), facts[int(i)]["label"], facts[int(i)]["group"]) for i in rows]
    parts: dict[tuple[str, int], dict[str, int]] = {}
    for part, label, group in keys:
        counts = parts.setdefault((part, label), {})
        counts[group] = counts.get(group, 0) + 1
    return np.array(
        [1 / (len(parts[part, label]) * parts[part, label][group]) for part, label, group in keys]
    )


def _part(fact: dict[str, Any]) -> str:
    return str(fact["source"]) if fact["source"] in ("deepfacelive", "ffpp_c23") else "genuine"


def training_sample(net: Lite0, config: RunConfig, pairs: int, stills: int) -> Sample:
    """Fresh pairs and labelled pictures of the training store, each part weighing 1."""
    data, rng = config.data, np.random.default_rng(11)
    store = CropStore(data.store)
    barred = set(json.loads(data.exclude.read_text())) if data.exclude else set()
    allowed = [i for i in range(len(store)) if i not in barred]
    genuine = [i for i in allowed if store.facts[i]["label"] == 0]
    maker = PairMaker(store, genuine, families(data.components), data.families)
    crops, labels = [], []
    for _ in tqdm(range(pairs), unit="pair", leave=False):
        pair, look = maker.make(rng), Look.draw(rng)
        crops += [seen(image, pair.box, look, config.size_px) for image in (pair.real, pair.fake)]
        labels += [0, 1]
    made = Sample(pooled(net, np.stack(crops)), np.array(labels), np.full(len(labels), 1 / pairs))
    picked = rng.permutation([i for i in allowed if store.facts[i]["source"] in data.weights])
    picked = np.sort(picked[:stills])
    truth = np.array([store.facts[int(i)]["label"] for i in picked])
    count = np.where(truth == 1, (truth == 1).sum(), (truth == 0).sum())
    known = Sample(pooled(net, store.serve[picked]), truth, 1 / count)
    return made.plus(known)


def main() -> None:
    """Held-out figures for several pulls, and a checkpoint with the head refitted on all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--clips", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--pull", type=float, nargs="+", default=[0.01, 0.001, 0.0001])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--stills", type=int, default=1200)
    parser.add_argument("--out", type=Path, help="write a checkpoint with the first pull's head")
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = load_checkpoint(options.run / "last.pt")
    clips = CropStore(options.clips)
    base = training_sample(net, read_run(options.config), options.pairs, options.stills)
    features = pooled(net, clips.serve)
    weight, bias = net.head.weight.detach().numpy(), net.head.bias.detach().numpy()
    head = np.append(weight.ravel(), bias).astype(np.float64)
    np.savez(options.run / "zeroshot.npz", logits=features @ head[:-1] + head[-1])
    for pull in options.pull:
        logits = cross_fitted(base, features, clips.facts, head, pull)
        np.savez(options.run / f"refit-{pull:g}.npz", logits=logits)
        tqdm.write(f"pull {pull:g}: {json.dumps(summary(clips.facts, logits))}")
    if options.out is not None:
        rows = np.arange(len(clips))
        final = refit(base.plus(_clips(features, clips.facts, rows)), head, options.pull[0])
        with torch.no_grad():
            net.head.weight.copy_(torch.from_numpy(final[None, :-1]))
            net.head.bias.copy_(torch.from_numpy(final[-1:]))
        torch.save({"ema": net.state_dict()}, options.out)


def _clips(features: Floats, facts: list[dict[str, Any]], rows: NDArray[np.int64]) -> Sample:
    labels = np.array([facts[int(i)]["label"] for i in rows])
    return Sample(features[rows], labels, clip_weights(facts, rows))


def cross_fitted(
    base: Sample, features: Floats, facts: list[dict[str, Any]], head: Floats, pull: float
) -> Floats:
    """Logits (N,) of every clip's crops by the head that never saw their fold."""
    numbers = np.array(folds(facts))
    logits = np.zeros(len(features))
    for fold in range(FOLDS):
        sample = base.plus(_clips(features, facts, np.flatnonzero(numbers != fold)))
        found = refit(sample, head, pull)
        held = numbers == fold
        logits[held] = features[held] @ found[:-1] + found[-1]
    return logits


if __name__ == "__main__":
    main()
