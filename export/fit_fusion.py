"""Fusion weights from data: `python -m export.fit_fusion`; hand-set ones stay unless beaten.

Joins the classifier's held-out log-odds of every development clip with the cues measured on the
same clip. The model is the service's own: a sum of terms, each shrunk by the quality, no weight
below zero. It is fitted without each fold in turn and compared with the hand-set weights by log
loss, with an interval by group.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from export.calibrate import balanced
from export.clip_cues import ClipCues, measure
from export.crops import CropStore
from export.metrics import auc, clustered
from export.traces import load_trace, trace_name
from pipeline.fuse import FuseSettings, trust
from pipeline.load import DEFAULT_CLASSIFIER, models_directory
from pipeline.model_card import read_card
from pipeline.quality import yaw_of
from pipeline.types import Box, Face, Landmarks, Quality

OUT = Path(__file__).parent.parent / "benchmarks" / "results" / "fusion.json"
TERMS = ("classifier", "blink", "jitter")
HAND_SET = np.array([1.0, FuseSettings().blink_weight, 0.0, 0.0])
"""Weights of the terms, then the constant."""
PULL = 0.05
"""Strength of the pull towards the hand-set weights: few clips must not overrule them."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of the fit."""

    path: str
    label: int
    group: str
    source: str
    fold: int
    odds: float
    """The classifier's calibrated log-odds, shrunk by quality."""
    cues: ClipCues


def clips(store: CropStore, held_out: Path, traces: Path) -> list[Clip]:
    """Every clip that has a trace."""
    scores = np.load(held_out)
    card = read_card(models_directory() / f"{DEFAULT_CLASSIFIER}.toml")
    rows: dict[str, list[int]] = {}
    for index, fact in enumerate(store.facts):
        rows.setdefault(fact["path"], []).append(index)
    found = []
    for path, indices in tqdm(rows.items(), unit="clip"):
        file = traces / trace_name(path)
        if not file.exists():
            continue
        odds = scores["logits"][indices] / card.temperature + card.bias
        shrunk = float(odds.mean()) * float(np.mean([_trust(store, i) for i in indices]))
        fact = store.facts[indices[0]]
        found.append(
            Clip(
                path, fact["label"], fact["group"], fact["source"],
                int(scores["folds"][indices[0]]), shrunk, measure(load_trace(file)),
            )
        )  # fmt: skip
    return found


def _trust(store: CropStore, index: int) -> float:
    left, top, right, bottom = store.boxes[index].tolist()
    points = Landmarks(store.landmarks[index], "mesh478", 1.0)
    yaw = yaw_of(Face(Box(left, top, right, bottom), 1.0), points)
    side = float(np.sqrt((right - left) * (bottom - top)))
    quality = Quality(side, 100.0, 0.5, yaw, damaged=False, usable=True, reason=None)
    return trust(quality, FuseSettings())


def columns(rows: list[Clip]) -> Floats:
    """(N, 3): classifier, blink, jitter, the last as a standard score of its logarithm."""
    trembles = np.log([row.cues.jitter for row in rows])
    center, spread = np.nanmedian(trembles), np.nanstd(trembles)
    jitter = np.nan_to_num((trembles - center) / spread)
    return np.column_stack([[r.odds for r in rows], [r.cues.blink_llr for r in rows], jitter])


def fit(terms: Floats, labels: NDArray[np.int64], weights: Floats) -> Floats:
    """Weights of the terms, none below zero, and the constant."""

    def cost(free: Floats) -> float:
        pull = PULL * float(np.square(free - HAND_SET).sum())
        return float(weights @ losses(terms, labels, free)) + pull

    bounds = [(0.0, None)] * terms.shape[1] + [(None, None)]
    return np.asarray(minimize(cost, HAND_SET, bounds=bounds, method="L-BFGS-B").x, np.float64)


def losses(terms: Floats, labels: NDArray[np.int64], weights: Floats) -> Floats:
    """Log loss of every row, in nats."""
    odds = terms @ weights[:-1] + weights[-1]
    return np.asarray(np.logaddexp(0, np.where(labels == 1, -odds, odds)), np.float64)


def report(rows: list[Clip]) -> dict[str, Any]:
    """What the fit gives on clips it has not seen, beside the hand-set weights."""
    terms = columns(rows)
    labels = np.array([row.label for row in rows])
    groups, numbers = [row.group for row in rows], np.array([row.fold for row in rows])
    weights = balanced(labels, groups)
    unseen = np.zeros(len(rows))
    for fold in sorted(set(numbers.tolist())):
        rest = numbers != fold
        fitted = fit(terms[rest], labels[rest], weights[rest] / weights[rest].sum())
        unseen[~rest] = losses(terms[~rest], labels[~rest], fitted)
    saved = losses(terms, labels, HAND_SET) - unseen
    gain = clustered(lambda at: float(np.average(saved[at], weights=weights[at])), groups)
    final = fit(terms, labels, weights / weights.sum())
    return {
        "clips": {"genuine": int((labels == 0).sum()), "manipulated": int(labels.sum())},
        "groups": len(set(groups)),
        "terms": [*TERMS, "constant"],
        "hand_set": HAND_SET.tolist(),
        "fitted": final.round(3).tolist(),
        "log_loss_saved": [round(v, 4) for v in (gain.value, gain.low, gain.high)],
        "adopted": bool(gain.low > 0),
        "alone": {name: _alone(terms[:, i], rows) for i, name in enumerate(TERMS)},
        "spoke": {
            cue: sum(cue in row.cues.standing_out for row in rows)
            for cue in ("loop", "still", "lids")
        },
    }


def _alone(term: Floats, rows: list[Clip]) -> dict[str, list[float]]:
    """AUC of one term by set, with its interval by group."""
    table = {}
    for source in ("deepfacelive", "ffpp_c23"):
        keep = np.array([row.source == source for row in rows])
        chosen, labels = term[keep], np.array([r.label for r in rows])[keep]
        found = clustered(
            lambda at, s=chosen, y=labels: auc(s[at], y[at]),  # type: ignore[misc]
            [row.group for row in rows if row.source == source],
        )
        table[source] = [round(v, 3) for v in (found.value, found.low, found.high)]
    return table


def main() -> None:
    """Measure, fit, compare and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--traces", type=Path, default=Path("data/traces"))
    parser.add_argument("--held-out", type=Path, default=Path("runs/tune-heldout.npz"))
    options = parser.parse_args()
    rows = clips(CropStore(options.store), options.held_out, options.traces)
    figures = report(rows)
    document = {"name": "fusion", "command": "python -m export.fit_fusion", "figures": figures}
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    kept = options.traces / "cues.json"
    kept.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    tqdm.write(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
