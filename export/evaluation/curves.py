"""The curves of the report as numbers with bands: ROC, precision and recall, risk, histograms."""

from typing import Any

import numpy as np

from export.evaluation import measures
from export.evaluation.bootstrap import drawn, group_draws
from export.evaluation.figures import number
from export.evaluation.measures import Floats
from export.evaluation.rows import both_labels
from export.evaluation.tables import Judged, sets_of

ALARMS = np.unique(np.concatenate([np.linspace(0, 1, 51), np.geomspace(0.005, 0.5, 30)]))
RECALLS = np.linspace(0.02, 1, 50)
COVERAGES = np.linspace(0.1, 1, 46)


def all_of(clips: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Of videos: ROC of every set that holds both labels, the others of all sets together."""
    sets = sets_of(clips.rows)
    pairs = [name for name in sets if name != "everything"] or ["everything"]
    together = clips.only(np.isin(clips.rows.sources, both_labels(clips.rows)))
    return {
        "roc": {name: roc(clips.only(sets[name]), draws, seed) for name in pairs},
        "precision": precision(together, draws, seed),
        "risk": risk(together, draws, seed),
        "scores": scores(clips),
    }


def roc(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Recall at each share of false alarms, with its band; both run from 0 to 1."""
    rows = found.rows

    def curve(weights: Floats) -> Floats:
        steps = measures.ladder(rows.logits, rows.labels, weights)
        return _interpolated(steps.alarms, steps.recall, ALARMS)

    return {"alarms": _list(ALARMS), **_band(curve, rows.groups.tolist(), draws, seed)}


def precision(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Precision at each recall."""
    rows = found.rows

    def curve(weights: Floats) -> Floats:
        steps = measures.ladder(rows.logits, rows.labels, weights)
        values = measures.ratio(steps.fake, steps.fake + steps.genuine)
        return _interpolated(steps.recall[:, 1:], values[:, 1:], RECALLS)

    return {"recall": _list(RECALLS), **_band(curve, rows.groups.tolist(), draws, seed)}


def risk(found: Judged, draws: int, seed: int) -> dict[str, Any]:
    """Error among the surest share of the videos."""
    rows = found.rows

    def curve(weights: Floats) -> Floats:
        coverage, error = measures.risk_coverage(found.odds, rows.labels, weights)
        return _interpolated(coverage, np.nan_to_num(error), COVERAGES)

    return {"coverage": _list(COVERAGES), **_band(curve, rows.groups.tolist(), draws, seed)}


def scores(found: Judged) -> dict[str, list[float]]:
    """Calibrated log-odds of every video by method; genuine ones by their source."""
    rows = found.rows
    out: dict[str, list[float]] = {}
    for source in np.unique(rows.sources[rows.labels == 0]).tolist():
        here = (rows.sources == source) & (rows.labels == 0)
        out[f"genuine: {source}"] = _list(np.sort(found.odds[here]))
    for name in np.unique(rows.methods[rows.labels == 1]).tolist():
        out[name] = _list(np.sort(found.odds[rows.methods == name]))
    return out


def _interpolated(x: Floats, y: Floats, at: Floats) -> Floats:
    """Row by row; the last of equal x counts, as a step upwards does."""
    return np.stack([np.interp(at, own_x, own_y) for own_x, own_y in zip(x, y, strict=True)])


def _band(curve: Any, groups: list[str], draws: int, seed: int) -> dict[str, list[float]]:
    weights = group_draws(groups, min(draws, 500), seed)
    whole = curve(np.ones((1, weights.shape[1])))[0]
    usable = np.nan_to_num(drawn(lambda part: {"y": curve(part)}, weights)["y"], nan=np.nan)
    low, high = np.nanquantile(usable, [0.025, 0.975], axis=0)
    return {"value": _list(whole), "low": _list(low), "high": _list(high)}


def _list(values: Floats) -> list[float]:
    return [number(float(value)) or 0.0 for value in values]
