"""The report's tables: every set, the confusion, calibration, and what is left unjudged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.calibrate import LEAST_SAMPLES, Calibration, balanced, fit, thresholds
from export.evaluation import measures
from export.evaluation.bootstrap import estimates, exact_share, group_draws
from export.evaluation.figures import number, row
from export.evaluation.measures import Floats
from export.evaluation.rows import Mask, Rows, both_labels, paired, videos
from export.evaluation.scorer import odds_of, thresholds_of
from export.metrics import auc
from pipeline.model_card import ModelCard

GENUINE_RECALL = 0.95
"""Wanted of thresholds that are found anew, without a fold."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows with calibrated log-odds and who is raised."""

    rows: Rows
    odds: Floats
    raised: Mask

    def only(self, keep: Mask) -> "Judged":
        """The rows of a mask."""
        return Judged(self.rows.only(keep), self.odds[keep], self.raised[keep])

    @property
    def base(self) -> Floats:
        """Weights by which both labels count alike, and every group within its label."""
        weights = balanced(self.rows.labels, self.rows.groups.tolist())
        return weights * (len(weights) / weights.sum())


def judged(card: ModelCard, rows: Rows) -> Judged:
    """By the card's calibration and threshold."""
    odds = odds_of(card, rows.logits)
    return Judged(rows, odds, measures.probability(odds) >= thresholds_of(card).raise_at)


def sets_of(rows: Rows) -> dict[str, Mask]:
    """Every source with both labels, these together, and everything."""
    both = both_labels(rows)
    out: dict[str, Mask] = {str(name): rows.sources == name for name in both}
    if len(both) > 1:
        out["paired sets together"] = np.isin(rows.sources, both)
    out["everything"] = np.ones(len(rows), np.bool_)
    return out


def count(rows: Rows) -> dict[str, Any]:
    """How many rows, of which labels, of how many groups; the prevalence is what AP leans on."""
    fakes = int(rows.labels.sum())
    return {
        "rows": len(rows), "genuine": len(rows) - fakes, "manipulated": fakes,
        "groups": len(np.unique(rows.groups)), "prevalence": number(fakes / max(1, len(rows))),
    }  # fmt: skip


def full(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """All figures of one set, each [value, low, high]."""
    rows = found.rows

    def all_measures(weights: Floats) -> dict[str, Floats]:
        return {
            **measures.ranking(rows.logits, rows.labels, weights),
            **measures.deciding(found.raised, rows.labels, weights),
            **measures.judging(found.odds, rows.labels, weights),
        }

    weights = group_draws(rows.groups.tolist(), draws, seed)
    found_all = estimates(all_measures, weights)
    return {**count(rows), **{name: row(value) for name, value in found_all.items()}}


def methods(rows: Rows, raised: Mask, draws: int, seed: int) -> dict[str, dict[str, Any]]:
    """Each method against the genuine rows of its own source."""
    out: dict[str, dict[str, Any]] = {}
    for name in sorted(set(rows.methods[rows.labels == 1].tolist())):
        own = rows.methods == name
        keep = own | ((rows.labels == 0) & np.isin(rows.sources, rows.sources[own]))
        chosen = rows.only(keep)
        weights = group_draws(chosen.groups.tolist(), draws, seed)

        def ranked(weights: Floats, chosen: Rows = chosen) -> dict[str, Floats]:
            return {"auc": measures.auc(chosen.logits, chosen.labels, weights)}

        out[name] = {
            "videos": int(own.sum()), "groups": len(np.unique(rows.groups[own])),
            "auc": row(estimates(ranked, weights)["auc"]), "raised": int(raised[own].sum()),
        }  # fmt: skip
    return out


def confusion(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Counts at the card's threshold; rates by group and by exact binomial interval."""
    labels, raised = found.rows.labels, found.raised
    weights = group_draws(found.rows.groups.tolist(), draws, seed)
    rates = estimates(lambda part: measures.deciding(raised, labels, part), weights)
    out: dict[str, Any] = {}
    for name, label in (("genuine", 0), ("manipulated", 1)):
        rows = labels == label
        total, right = int(rows.sum()), int((raised[rows] == bool(label)).sum())
        share = rates["fake_recall" if label else "genuine_recall"]
        out[name] = {
            "videos": total, "raised": int(raised[rows].sum()),
            "right_share": row(share), "right_share_exact": row(exact_share(right, total)),
        }  # fmt: skip
    return out


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Calibration and threshold of every fold, found on the other folds only."""

    windows: Judged
    videos: Judged
    temperatures: list[float]
    raise_at: list[float]


def cross_fitted(
    windows: Rows, clips: Rows, parts: NDArray[np.int64], recall: float
) -> CrossFitted:
    """`parts`: the fold of each window. A video takes the fold of its own windows."""
    fold_of = dict(zip(windows.paths.tolist(), parts.tolist(), strict=True))
    clip_parts = np.array([fold_of[path] for path in clips.paths.tolist()])
    odds, raised = np.zeros(len(windows)), np.zeros(len(windows), np.bool_)
    clip_odds, clip_raised = np.zeros(len(clips)), np.zeros(len(clips), np.bool_)
    found: list[tuple[Calibration, float]] = []
    for part in sorted(set(parts.tolist())):
        rest, here, clip_here = parts != part, parts == part, clip_parts == part
        calibration, limit = _calibrate(windows.only(rest), recall)
        found.append((calibration, limit))
        odds[here] = calibration(windows.logits[here])
        clip_odds[clip_here] = calibration(clips.logits[clip_here])
        raised[here] = measures.probability(odds[here]) >= limit
        clip_raised[clip_here] = measures.probability(clip_odds[clip_here]) >= limit
    return CrossFitted(
        Judged(windows, odds, raised), Judged(clips, clip_odds, clip_raised),
        [round(calibration.temperature, 3) for calibration, _ in found],
        [round(limit, 3) for _, limit in found],
    )  # fmt: skip


def _calibrate(rows: Rows, recall: float) -> tuple[Calibration, float]:
    groups = rows.groups.tolist()
    found = fit(rows.logits, rows.labels, balanced(rows.labels, groups))
    genuine = rows.labels == 0
    names = rows.groups[genuine].tolist()
    return found, thresholds(found(rows.logits[genuine]), names, recall)[0]


def parts_of(rows: Rows, seed: int, wanted: int = 5) -> NDArray[np.int64]:
    """The folds that logits were held out in; without them, groups dealt out evenly.

    Where two groups or more hold a label, it is in more than one part: groups of genuine rows alone
    are dealt first, then those of both labels, then the rest.
    """
    if len(np.unique(rows.folds)) > 1:
        return rows.folds
    names, codes = np.unique(rows.groups, return_inverse=True)
    holds = [np.bincount(codes[rows.labels == label], minlength=len(names)) > 0 for label in (0, 1)]
    chance = np.random.default_rng(seed).random(len(names))
    order = np.lexsort((chance, holds[1].astype(int) - holds[0].astype(int)))
    dealt = np.empty(len(names), np.int64)
    dealt[order] = np.arange(len(names)) % wanted
    return np.asarray(dealt[codes], np.int64)


def believable(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Calibration figures, both labels and all groups counting alike, and the reliability bins."""
    rows, base = found.rows, found.base
    weights = group_draws(rows.groups.tolist(), draws, seed)

    def weighted(part: Floats) -> dict[str, Floats]:
        return measures.judging(found.odds, rows.labels, part * base)

    said, true, mass = measures.reliability(found.odds, rows.labels, base[None])
    bins = [
        {"said": number(a), "true": number(b), "share": number(c / mass.sum())}
        for a, b, c in zip(said[0], true[0], mass[0], strict=True)
    ]
    figures = {name: row(value) for name, value in estimates(weighted, weights).items()}
    return {**figures, "bins": bins}


def unjudged(
    rows: Rows, usable: Mask, reasons: Sequence[str | None], card: ModelCard
) -> dict[str, Any]:
    """What is left out as insufficient, and what the rest is worth."""
    named = [reason for reason in reasons if reason]
    looks = {path: int(usable[rows.paths == path].sum()) for path in set(rows.paths.tolist())}
    whole = videos(rows)
    enough = np.array([looks[path] >= LEAST_SAMPLES for path in whole.paths.tolist()])
    gated = videos(rows.only(usable))
    kept = gated.only(np.isin(gated.paths, whole.paths[enough]))
    both, both_kept = paired(whole), paired(kept)
    return {
        "least_looks": LEAST_SAMPLES,
        "frame_coverage": number(float(usable.mean())),
        "video_coverage": row(exact_share(int(enough.sum()), len(enough))),
        "reasons": {name: named.count(name) for name in sorted(set(named))},
        "video_auc_all": number(auc(both.logits, both.labels)),
        "video_auc_judged": number(auc(both_kept.logits, both_kept.labels)),
        "genuine_recall_all": number(_left_alone(card, whole)),
        "genuine_recall_judged": number(_left_alone(card, kept)),
    }


def _left_alone(card: ModelCard, rows: Rows) -> float:
    found = judged(card, rows)
    return float((~found.raised[rows.labels == 0]).mean()) if (rows.labels == 0).any() else np.nan
