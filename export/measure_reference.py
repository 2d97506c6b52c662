"""Measures what a genuine reference adds: `python -m export.measure_reference`.

Scores every development clip by the fold model that never saw it, once as it is and once for each
disturbance; enrols half of each genuine clip, judges the other half and the swaps' (see
reference_cases.py); writes benchmarks/results/reference.json, and with --cards the figures that
the service needs into the cards' [reference].
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from export.crops import CropStore
from export.evaluation.bootstrap import group_draws
from export.evaluation.measures import ladder, ratio
from export.order_statistics import order_statistics
from export.reference_arms import (
    Answers,
    Vectors,
    cusum,
    learnt,
    mahalanobis,
    scale_of,
    scales,
    terms,
)
from export.reference_cases import Case, Floats, cases
from export.reference_seen import DISTURBANCES, cached
from export.ship import calibrated
from pipeline.model_card import ReferenceScale, read_card

GENUINE_RECALL = 0.95
DRAWS = 2000


class Table:
    """Figures of one set of cases, each with its interval and its gain over the plain score."""

    def __init__(self, found: list[Case], base: Floats, raise_at: float) -> None:
        self.labels = np.array([case.label for case in found])
        self.groups = [case.group for case in found]
        self.raise_odds = float(np.log(raise_at / (1 - raise_at)))
        sources = np.array([case.source for case in found])
        self._sets = {
            "pooled": np.full(len(found), fill_value=True),
            "paired_sets": np.isin(sources, ("deepfacelive", "ffpp_c23")),
            "deepfacelive": sources == "deepfacelive", "ffpp_c23": sources == "ffpp_c23",
        }  # fmt: skip
        plain = np.ones((1, len(found)))
        # The first draw is the cases as they are.
        self._draws = np.concatenate([plain, group_draws(self.groups, DRAWS)])
        self._base = self._figures(base)

    def row(self, scores: Floats, *, served: bool) -> dict[str, Any]:
        """AUC, recall at 5 % false alarms, and at the shipped threshold where `served` log-odds."""
        return {
            name: {"value": _interval(values), "gain": _interval(values - self._base[name])}
            for name, values in self._figures(scores).items()
            if served or not name.endswith("at_raise")
        }

    def _figures(self, scores: Floats) -> dict[str, Floats]:
        figures: dict[str, Floats] = {}
        for name, keep in self._sets.items():
            found = ladder(scores[keep], self.labels[keep], self._draws[:, keep])
            recall, alarms = found.recall, found.alarms
            figures[f"{name}_auc"] = np.asarray(np.trapezoid(recall, alarms, axis=1))
            figures[f"{name}_recall_at_5"] = np.where(alarms <= 0.05, recall, 0).max(1)
        over = scores >= self.raise_odds
        for name, label in (("false_alarms", 0), ("recall", 1)):
            weights = self._draws * (self.labels == label)
            figures[f"{name}_at_raise"] = ratio((weights * over).sum(1), weights.sum(1))
        return figures


def _interval(draws: Floats) -> list[float]:
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return [round(float(value), 3) for value in (draws[0], low, high)]


def measure(
    store: CropStore, numbers: np.ndarray[Any, Any], seen: dict[str, tuple[Floats, Vectors]]
) -> tuple[dict[str, Any], ReferenceScale]:
    """All tables, and the scale of the raw logits, from which each card gets its own."""
    raw, vectors = seen["plain"]
    calibration, limits = calibrated(store.facts, raw, GENUINE_RECALL)
    plain, found = Answers(calibration(raw), vectors), cases(store.facts)
    base = np.array([plain.level(case) for case in found])
    by_fold, table = scales(found, plain), Table(found, base, limits.raise_at)
    both = terms(found, plain, by_fold, limits.clear_at)
    served = {"plain": base, "shift": base + both[:, 0], "distance": base + both[:, 1]}
    served["shift_and_distance"] = base + both.sum(1)
    apart = np.log(np.array([plain.distance(case) for case in found]) + 1e-3)
    far = mahalanobis(found, plain)
    learnt_rows = {
        "distance_alone": apart, "mahalanobis_alone": far,
        "cusum_k1.5": cusum(found, plain, by_fold),
        "logistic_level_shift_distance": learnt(
            np.column_stack([base, both[:, 0], apart]), found
        ),
        "logistic_level_shift_mahalanobis": learnt(
            np.column_stack([base, both[:, 0], far]), found
        ),
    }  # fmt: skip
    arms = {name: table.row(scores, served=True) for name, scores in served.items()}
    arms |= {name: table.row(scores, served=False) for name, scores in learnt_rows.items()}
    bar = float(np.quantile(served["shift_and_distance"][table.labels == 0], 0.95))
    bars = (float(np.quantile(base[table.labels == 0], 0.95)), bar, limits.raise_at)
    refused = [_share(~both[table.labels == label].any(1)) for label in (0, 1)]
    report = {
        "cases": {"genuine": int((table.labels == 0).sum()), "fake": int(table.labels.sum()),
                  "groups": len(set(table.groups))},
        "raise_at": limits.raise_at, "refused_share": refused, "arms": arms,
        "drift": _drift(found, plain, seen, calibration, by_fold, limits.clear_at, bars),
        "strangers": _strangers(found, plain, by_fold, limits.clear_at, limits.raise_at),
        "attacker_from_the_start": _attacker(store, plain, by_fold, limits.clear_at, table),
        "order_statistics": order_statistics(store.facts, calibration(raw), numbers),
    }  # fmt: skip
    return report, scale_of(found, Answers(raw, vectors))


def _drift(
    found: list[Case],
    plain: Answers,
    seen: dict[str, tuple[Floats, Vectors]],
    calibration: Callable[[Floats], Floats],
    by_fold: dict[int, ReferenceScale],
    clear_at: float,
    bars: tuple[float, float, float],
) -> dict[str, dict[str, list[float]]]:
    """False alarms of genuine clips whose conditions change after enrolment: [without, with]."""
    genuine = [case for case in found if case.label == 0]
    raise_odds = float(np.log(bars[2] / (1 - bars[2])))
    result = {}
    for name in seen:
        raw, vectors = seen[name]
        answers = Answers(calibration(raw), vectors, plain)
        base = np.array([answers.level(case) for case in genuine])
        with_it = base + terms(genuine, answers, by_fold, clear_at).sum(1)
        result[name] = {
            "at_5_percent": [_share(base > bars[0]), _share(with_it > bars[1])],
            "at_raise": [_share(base > raise_odds), _share(with_it > raise_odds)],
        }
    return result


def _strangers(
    found: list[Case],
    plain: Answers,
    by_fold: dict[int, ReferenceScale],
    clear_at: float,
    raise_at: float,
) -> dict[str, float]:
    """Another genuine person before another camera, held against somebody's enrolment."""
    genuine = [case for case in found if case.label == 0]
    mixed = [
        replace(one, reference=other.reference)
        for index, one in enumerate(genuine)
        for other in genuine[index + 1 :]
        if one.fold == other.fold and one.group != other.group
    ]
    base = np.array([plain.level(case) for case in mixed])
    added = terms(mixed, plain, by_fold, clear_at)
    bar = float(np.log(raise_at / (1 - raise_at)))
    return {
        "couples": len(mixed), "false_alarms_without": _share(base >= bar),
        "false_alarms_with": _share(base + added.sum(1) >= bar),
        "told_apart": _share(added[:, 1] > 0),
    }  # fmt: skip


def _attacker(
    store: CropStore,
    plain: Answers,
    by_fold: dict[int, ReferenceScale],
    clear_at: float,
    table: Table,
) -> dict[str, float]:
    """Swaps that were enrolled themselves: how many are refused, and the recall that is left."""
    swaps = [case for case in cases(store.facts, self_enrolled=True) if case.label == 1]
    base = np.array([plain.level(case) for case in swaps])
    added = terms(swaps, plain, by_fold, clear_at)
    return {
        "cases": len(swaps), "refused": _share(~added.any(1)),
        "recall_without": _share(base >= table.raise_odds),
        "recall_with": _share(base + added.sum(1) >= table.raise_odds),
        "largest_gift": round(float(added.sum(1).min()), 3),
    }  # fmt: skip


def _share(hits: Any) -> float:
    return round(float(np.mean(hits)), 3)


def write_reference(path: Path, raw: ReferenceScale) -> None:
    """Put [reference], calibrated as the card says, before its [metrics]; an older one goes."""
    card = read_card(path)
    mean = raw.logit_mean / card.temperature + card.bias
    scale = ReferenceScale(mean, raw.logit_sd / card.temperature, raw.distance)
    text = path.read_text(encoding="utf-8")
    if "[reference]" in text:
        start = text.index("[reference]")
        end = text.find("\n[", start)
        text = text[:start] + (text[end + 1 :] if end >= 0 else "")
    lines = "".join(f"{name} = {value:.4f}\n" for name, value in asdict(scale).items())
    section = f"[reference]\n{lines}\n"
    place = text.find("[metrics]")
    if place < 0:
        text, place = text + "\n", len(text) + 1
    path.write_text(text[:place] + section + text[place:], encoding="utf-8")
    read_card(path)


def main() -> None:
    """Measure, write, print the main rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--logits", type=Path, default=Path("runs/tune-heldout.npz"))
    parser.add_argument("--models", default="runs/tune", help="fold models are NAME-0, -1, -2")
    parser.add_argument("--cache", type=Path, default=Path("runs/reference-seen.npz"))
    parser.add_argument("--drift", nargs="*", choices=list(DISTURBANCES), default=["jpeg_60"])
    parser.add_argument("--cards", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reference.json"))
    options = parser.parse_args()
    store, held = CropStore(options.store), np.load(options.logits)
    names = ["plain", *options.drift]
    seen = cached(options.cache, store, held["folds"], options.models, names)
    gap = float(np.abs(seen["plain"][0] - held["logits"]).max())
    if gap > 1e-2:
        parser.error(
            f"{options.models} are not the models of {options.logits} ({gap:.2f} apart),"
            f" or {options.cache} is of older ones: delete it."
        )
    report, scale = measure(store, held["folds"], seen)
    report["reference_raw"] = {name: round(value, 4) for name, value in asdict(scale).items()}
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for card in options.cards:
        write_reference(card, scale)
    for name, row in report["arms"].items():
        tqdm.write(f"{name}: {row['pooled_auc']}")


if __name__ == "__main__":
    main()
