"""Looks for shortcuts in the training pairs: `python -m export.audit`.

What carries no sign of a forgery must not tell the two pictures of a pair apart: the pixels outside
the forged region, the size of the file, and labels that were shuffled. AUC belongs in 0.45-0.55.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from export.augment import Look, place_of, seen
from export.crops import CropStore
from export.forgery import families
from export.metrics import auc
from export.pairs import Pair, PairMaker
from export.run_config import read_run
from pipeline.types import Image

Floats = NDArray[np.float64]
SIZE_PX = 160
BLOCK_REACH_PX = 33
"""A coded block and its deblocking filter carry a change this far, both sides together."""


def periphery(image: Image, changed: NDArray[np.bool_]) -> Floats:
    """(12,) statistics of fine texture outside `changed`: blocks, noise, sharpness."""
    grey = image.astype(np.float64).mean(2)
    outside = ~changed
    if int(outside.sum()) < 400:
        return np.zeros(12)
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    columns = [across[:, k::8][outside[:, 1:][:, k::8]] for k in (0, 3, 7)]
    rows = [down[k::8][outside[1:][k::8]] for k in (0, 3, 7)]
    values = [*columns, *rows, fine[outside], across[outside[:, 1:]], grey[outside]]
    means = [float(value.mean()) if value.size else 0.0 for value in values]
    spreads = [float(fine[outside].std()), float(grey[outside].std())]
    return np.array([*means, *spreads, float(np.percentile(fine[outside], 90))])


def file_facts(image: Image) -> Floats:
    """(2,): how large the picture is as JPEG at two qualities, with the face greyed out."""
    hidden = image.copy()
    edge = image.shape[0] // 8
    hidden[edge:-edge, edge:-edge] = 128
    coded = [cv2.imencode(".jpg", hidden, [cv2.IMWRITE_JPEG_QUALITY, q])[1] for q in (60, 90)]
    return np.array([float(len(value)) for value in coded])


def probe_auc(features: Floats, labels: NDArray[np.int64], pairs: NDArray[np.int64]) -> float:
    """AUC of a logistic regression, five-fold with whole pairs held out.

    Features are taken relative to the pair's mean, which makes the probe as sharp as it can be.
    """
    centred = features.copy()
    for pair in np.unique(pairs):
        centred[pairs == pair] -= centred[pairs == pair].mean(0)
    centred /= centred.std(0) + 1e-9
    scores = np.zeros(len(labels))
    for fold in range(5):
        held = pairs % 5 == fold
        weights = _logistic(centred[~held], labels[~held])
        scores[held] = centred[held] @ weights
    return auc(scores, labels)


def _logistic(features: Floats, labels: NDArray[np.int64]) -> Floats:
    signs = np.where(labels == 1, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = signs * (features @ weights)
        wrong = 1 / (1 + np.exp(np.clip(odds, -50, 50)))
        slope = -(features * (signs * wrong)[:, None]).mean(0) + 0.01 * weights
        return float(np.logaddexp(0, -odds).mean() + 0.005 * weights @ weights), slope

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def audit(pairs: list[Pair], rng: np.random.Generator) -> dict[str, float]:
    """The AUC of every probe over these pairs; all belong in 0.45-0.55 but the control.

    `control` looks at the forged region itself and shows that the probe can see at all.
    """
    rows: dict[str, list[Floats]] = {"periphery": [], "file": [], "control": []}
    for pair in pairs:
        look = Look.draw(rng)
        shown = [seen(image, pair.box, look, SIZE_PX) for image in (pair.real, pair.fake)]
        place = place_of(pair.reach, pair.box, look, SIZE_PX)[:, :, 0]
        reach = cv2.dilate(place, np.ones((BLOCK_REACH_PX,) * 2, np.uint8)) > 0
        for image in shown:
            rows["periphery"].append(periphery(image, reach))
            rows["file"].append(file_facts(image))
            rows["control"].append(periphery(image, ~reach))
    labels = np.tile(np.array([0, 1], np.int64), len(pairs))
    numbers = np.repeat(np.arange(len(pairs)), 2)
    probe: Callable[[str, NDArray[np.int64]], float] = lambda name, truth: round(  # noqa: E731
        probe_auc(np.stack(rows[name]), truth, numbers), 3
    )
    shuffled = labels.reshape(-1, 2).copy()
    turned = rng.random(len(pairs)) < 0.5
    shuffled[turned] = shuffled[turned][:, ::-1]
    result = {name: probe(name, labels) for name in rows}
    return {**result, "shuffled": probe("control", shuffled.ravel())}


def main() -> None:
    """Audit fresh pairs of a run's families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pairs", type=int, default=600)
    options = parser.parse_args()
    data = read_run(options.config).data
    store = CropStore(data.store)
    genuine = [index for index, fact in enumerate(store.facts) if fact["label"] == 0]
    maker = PairMaker(store, genuine, families(data.components), data.families)
    rng = np.random.default_rng(0)
    pairs = [maker.make(rng) for _ in range(options.pairs)]
    tqdm.write(json.dumps(audit(pairs, rng), indent=1))


if __name__ == "__main__":
    main()
