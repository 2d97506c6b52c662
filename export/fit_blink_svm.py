"""Fits the blink SVM's 14 numbers: `python -m export.fit_blink_svm TRACES`.

Only the recordings that benchmarks/blink.py calls development are used; the constant is moved to
where the found blinks match best on them. What it gives is measured on the held-out ones, there.
"""

import argparse
import csv
import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.blink_events import SegmentSettings
from pipeline.blink_svm import HALF_S, MOMENTS, WEIGHTS, SvmSegmenter

DEVELOPMENT = ("26122013_223310", "26122013_230103", "26122013_230654")
SOURCE_FPS = 30.0
EVERY = (1, 2, 3)
"""Every frame, every other, every third: 30, 15 and 10 a second."""
SOFT = 1e-3
"""Weight of the squared norm beside the mean squared hinge."""
UNSURE_S = 0.07
"""So close to a labelled edge a moment is neither inside nor outside."""
Floats = NDArray[np.float64]


def read(path: Path) -> tuple[Floats, NDArray[np.bool_]]:
    """Eye aspect ratios (NaN: no eyes) and whether a blink is labelled there, by frame."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ear = np.array([float(row["ear_mediapipe"] or "nan") for row in rows])
    return ear, np.array([int(row["blink_id"]) > 0 for row in rows])


def examples(ear: Floats, inside: NDArray[np.bool_], every: int) -> tuple[Floats, Floats]:
    """Windows (N, 13) as the service would see them, and +1 inside of a blink, -1 outside."""
    blind = SvmSegmenter(SegmentSettings(), ([0.0] * MOMENTS, -1.0))
    rows, signs = [], []
    unsure = round(UNSURE_S * SOURCE_FPS)
    last_s: float | None = None
    for index in range(0, len(ear), every):
        if math.isnan(ear[index]):
            blind.break_off()
            last_s = None
            continue
        time_s = index / SOURCE_FPS
        window = blind.window(ear[index], time_s, 0.0 if last_s is None else time_s - last_s)
        last_s = time_s
        center = index - round(HALF_S * SOURCE_FPS)
        near = inside[max(0, center - unsure) : center + unsure + 1]
        if window is None or near.all() != near.any():
            continue
        rows.append(window)
        signs.append(1.0 if near.all() else -1.0)
    return np.array(rows).reshape(-1, MOMENTS), np.array(signs)


def svm(windows: Floats, signs: Floats) -> tuple[Floats, float]:
    """A linear SVM with squared hinge loss, both classes of equal weight (Fan et al. 2008)."""
    share = np.where(signs > 0, 0.5 / (signs > 0).sum(), 0.5 / (signs < 0).sum())

    def cost(free: Floats) -> tuple[float, Floats]:
        slack = np.maximum(0.0, 1 - signs * (windows @ free[:-1] + free[-1]))
        pull = -2 * share * signs * slack
        slope = np.append(windows.T @ pull + 2 * SOFT * free[:-1], pull.sum())
        return float(share @ slack**2 + SOFT * free[:-1] @ free[:-1]), slope

    found = minimize(cost, np.zeros(MOMENTS + 1), jac=True, method="L-BFGS-B").x
    return found[:-1], float(found[-1])


def best_constant(windows: Floats, signs: Floats, weights: Floats, constant: float) -> float:
    """Move the constant to the best F1 of moments: blinks are rare, the loss was balanced."""
    sums = windows @ weights + constant
    cuts = np.quantile(sums[signs > 0], np.linspace(0.02, 0.6, 59))
    hits = np.array([((sums > cut) & (signs > 0)).sum() for cut in cuts])
    calls = np.array([(sums > cut).sum() for cut in cuts])
    f1 = 2 * hits / (calls + (signs > 0).sum())
    return constant - float(cuts[int(f1.argmax())])


def main() -> None:
    """Fit and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", type=Path, help="folder of CSV files, see benchmarks/blink.py")
    folder = parser.parse_args().traces
    parts = [
        examples(*read(folder / f"{name}.csv"), every) for name in DEVELOPMENT for every in EVERY
    ]
    windows, signs = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    weights, constant = svm(windows, signs)
    constant = best_constant(windows, signs, weights, constant)
    facts = {
        "made_by": "python -m export.fit_blink_svm",
        "recordings": list(DEVELOPMENT),
        "examples": len(signs),
        "weights": weights.round(4).tolist(),
        "constant": round(constant, 4),
    }
    WEIGHTS.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
