"""From logits and a store to one document: everything that the page, the JSON and the plots say."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from export.crops import CropStore
from export.evaluation import baselines, curves, tables, words
from export.evaluation.faces import FaceFacts, fairness
from export.evaluation.rows import Floats, Mask, Rows, videos, window_rows
from export.evaluation.scorer import thresholds_of
from export.evaluation.tables import Judged
from pipeline.model_card import ModelCard

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured before anything is counted."""

    card: ModelCard
    store: CropStore
    rows: Rows
    """One row a crop."""
    origin: str
    """A key of `words.ORIGINS`."""
    scores_from: str
    faces: FaceFacts
    rivals: dict[str, Floats]
    """Scores of every crop by name."""
    sweep: dict[str, Any] | None = None
    leave_one_out: dict[str, Any] | None = None
    training: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    """Rows of `curve.jsonl` by the name of the run."""


def document(evidence: Evidence, draws: int, seed: int, created_at: str) -> dict[str, Any]:
    """The report as data; the keys are stable."""
    card, rows = evidence.card, evidence.rows
    clips = tables.judged(card, videos(rows))
    crops = tables.judged(card, rows)
    facts = evidence.store.facts
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "created_at": created_at,
        "model": _model(card),
        "data": _data(evidence, clips.rows),
        "origin": {"state": evidence.origin, "scores_from": evidence.scores_from},
        "method": {
            "draws": draws, "seed": seed, "interval": "95 % percentile, whole groups drawn",
            "video_score": "mean logit of the video's crops",
        },
        "sets": {
            name: {
                "videos": tables.full(clips.only(keep), draws, seed),
                "frames": tables.full(crops.only(_same(crops, clips, keep)), draws, seed),
            }
            for name, keep in tables.sets_of(clips.rows).items()
        },
        "methods": tables.methods(clips.rows, clips.raised, draws, seed),
        "confusion": tables.confusion(clips, draws, seed),
        "calibration": _calibration(card, rows, clips, facts, draws, seed),
        "abstention": tables.unjudged(rows, evidence.faces.usable, evidence.faces.reasons, card),
        "baselines": baselines.table(rows, evidence.rivals, facts, draws, seed),
        "fairness": fairness(clips, rows.paths.tolist(), evidence.faces.ita_deg),
        "robustness": evidence.sweep,
        "leave_one_out": evidence.leave_one_out,
        "training": {name: _last(curve) for name, curve in evidence.training.items()},
        "curves": curves.all_of(clips, draws, seed),
    }  # fmt: skip
    out["summary"] = words.summary(out)
    return out


def _same(crops: Judged, clips: Judged, keep: Mask) -> Mask:
    return np.isin(crops.rows.paths, clips.rows.paths[keep])


def _model(card: ModelCard) -> dict[str, Any]:
    limits = thresholds_of(card)
    return {
        "name": card.name, "version": card.version, "fingerprint": card.fingerprint,
        "temperature": card.temperature, "bias": card.bias,
        "raise_at": limits.raise_at, "clear_at": limits.clear_at, "limits": card.limits,
    }  # fmt: skip


def _data(evidence: Evidence, clips: Rows) -> dict[str, Any]:
    facts = json.dumps(evidence.store.facts, sort_keys=True).encode()
    return {
        "crops": len(evidence.rows), **tables.count(clips),
        "sources": {
            str(name): tables.count(clips.only(clips.sources == name))
            for name in np.unique(clips.sources)
        },
        "facts_sha256": hashlib.sha256(facts).hexdigest(),
    }  # fmt: skip


def _calibration(
    card: ModelCard, rows: Rows, clips: Judged, facts: list[dict[str, Any]], draws: int, seed: int
) -> dict[str, Any]:
    """Windows before temperature, by the card, and by folds that never saw them."""
    windows = window_rows(rows, facts)
    raw = Judged(windows, windows.logits, windows.logits >= 0)
    crossed = tables.cross_fitted(
        windows, clips.rows, tables.parts_of(windows, seed), tables.GENUINE_RECALL
    )
    return {
        "unit": "four-second windows; both labels, and all groups within one, count alike",
        "windows": len(windows),
        "before": tables.believable(raw, draws, seed),
        "card": tables.believable(tables.judged(card, windows), draws, seed),
        "cross_fitted": tables.believable(crossed.windows, draws, seed),
        "cross_fitted_temperatures": crossed.temperatures,
        "cross_fitted_raise_at": crossed.raise_at,
        "cross_fitted_confusion": tables.confusion(crossed.videos, draws, seed),
    }


def _last(curve: list[dict[str, float]]) -> dict[str, Any]:
    return {"steps": len(curve), "last": curve[-1] if curve else None}
