"""One evaluation from what was asked for to files: scores, figures, plots, page."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.crops import CropStore
from export.evaluate import trivial_scores
from export.evaluation import sweep
from export.evaluation.document import Evidence, document
from export.evaluation.drawing import Plot
from export.evaluation.faces import face_facts
from export.evaluation.measured_part import MeasuredPart
from export.evaluation.page import render
from export.evaluation.pictures import heat_maps
from export.evaluation.plots import all_plots
from export.evaluation.rows import Floats, Rows, frames, videos
from export.evaluation.scorer import (
    Scorer,
    find_card,
    open_folds,
    open_scorer,
    score_store,
    served,
)
from pipeline.errors import SettingsError
from pipeline.model_card import ModelCard

AGREE = 0.05
"""Raw logit: how far a fold's model may be from the held-out logits that it is said to give."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure, and how thoroughly."""

    model: str
    data: Path
    out: Path
    baselines: tuple[str, ...] = ()
    logits: Path | None = None
    fold_models: tuple[Path, ...] = ()
    runs: tuple[Path, ...] = ()
    families: Path | None = None
    """What `--leave-one-out` wrote."""
    unseen: bool = False
    pictures: bool = False
    draws: int = 2000
    sweep_frames: int = 8
    """Crops a video; 0 leaves the sweep out."""
    jobs: int = 2
    seed: int = 0


def evaluate(asked: Asked, created_at: str) -> dict[str, Any]:
    """Measure, and write `evaluation.html`, `evaluation.json` and `plots/*.png`.

    Raises:
        SettingsError: the data or the logits cannot be used.
        ModelError: the model, a baseline or a fold's model cannot be used.
    """
    card = find_card(asked.model)
    store = MeasuredPart(asked.data, whole=asked.logits is not None)
    _refuse_useless(store)
    rows, origin, scores_from = _scores(asked, card, store)
    scorer = _sweep_scorer(asked, card, store, rows)
    swept = _sweep(asked, scorer, store, rows)
    found = document(
        Evidence(
            card, store, rows, origin, scores_from, face_facts(store),
            _rivals(asked, store), swept,
            _read_json(asked.families) if asked.families else None,
            {run.name: read_curve(run) for run in asked.runs},
        ),
        asked.draws, asked.seed, created_at,
    )  # fmt: skip
    plots = all_plots(found, {run.name: read_curve(run) for run in asked.runs})
    pictures = heat_maps(scorer, store, rows) if asked.pictures else []
    write(asked.out, found, plots, pictures)
    return found


def _refuse_useless(store: CropStore) -> None:
    labels = {int(facts["label"]) for facts in store.facts}
    if labels != {0, 1}:
        raise SettingsError("The data need genuine and manipulated videos; one kind is missing.")
    for label, word in ((0, "genuine"), (1, "manipulated")):
        groups = {facts["group"] for facts in store.facts if facts["label"] == label}
        if len(groups) < 2:
            raise SettingsError(
                f"The {word} videos to measure on are all of one person or source, which says "
                "nothing about others: prepare more."
            )


def _scores(asked: Asked, card: ModelCard, store: MeasuredPart) -> tuple[Rows, str, str]:
    """The crops with their logits, what is known of their origin, and in words."""
    if asked.logits is not None:
        logits, folds = read_logits(asked.logits, len(store))
        parts = len(np.unique(folds))
        text = f"{asked.logits.name}" + (f", {parts} folds" if parts > 1 else "")
        return frames(store.facts, logits, folds), "held_out", text
    logits = score_store(open_scorer(card), store, asked.jobs)
    if not np.isfinite(logits).all():
        raise SettingsError(f"{card.name} gives no finite logit for some crops.")
    origin = "unseen" if asked.unseen else "test_part" if store.is_part else "maybe_seen"
    return frames(store.facts, logits), origin, "the model itself"


def read_logits(path: Path, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """`logits`, and `folds` where there are any, of an NPZ file in the order of the store.

    Raises:
        SettingsError: it cannot be read, or does not fit the store.
    """
    try:
        with np.load(path) as held:
            logits = np.asarray(held["logits"], np.float64).ravel()
            folds = np.asarray(held["folds"] if "folds" in held else np.zeros(len(logits)))
    except (OSError, KeyError, ValueError) as error:
        raise SettingsError(f"{path} holds no held-out logits: {error}.") from error
    if len(logits) != count or not np.isfinite(logits).all():
        raise SettingsError(
            f"{path} has {np.isfinite(logits).sum()} finite logits, the store {count} crops: "
            "finish the cross-validation, or name the store that it was made with."
        )
    return logits, folds.astype(np.int64)


def _sweep_scorer(asked: Asked, card: ModelCard, store: CropStore, rows: Rows) -> Scorer:
    """The model, or the models of the folds after a check that they gave the logits."""
    if not asked.fold_models:
        return open_scorer(card)
    if len(asked.fold_models) != len(np.unique(rows.folds)):
        raise SettingsError(
            f"There are {len(np.unique(rows.folds))} folds in the logits, "
            f"but {len(asked.fold_models)} models of folds."
        )
    scorer = open_folds(card, asked.fold_models)
    for fold in np.unique(rows.folds).tolist():
        probe = np.flatnonzero(rows.folds == fold)[:8]
        again = scorer([served(store, int(index), scorer.rule) for index in probe], fold)
        if np.abs(again - rows.logits[probe]).max() > AGREE:
            raise SettingsError(f"{asked.fold_models[fold]} did not give the logits of its fold.")
    return scorer


def _rivals(asked: Asked, store: CropStore) -> dict[str, Floats]:
    scores = trivial_scores(store.serve)
    for name in asked.baselines:
        card = find_card(name)
        scores[card.name] = _kept(asked, card, store)
    return scores


def _kept(asked: Asked, card: ModelCard, store: CropStore) -> Floats:
    """A baseline's logits; it does not change, so that its scores are kept beside the report."""
    facts = hashlib.sha256(json.dumps(store.facts, sort_keys=True).encode()).hexdigest()
    path = asked.out / "scores" / f"{card.name}-{(card.sha256 or '')[:12]}-{facts[:12]}.npy"
    if path.exists():
        return np.asarray(np.load(path), np.float64)
    logits = score_store(open_scorer(card), store, asked.jobs)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, logits)
    return logits


def _sweep(asked: Asked, scorer: Scorer, store: CropStore, rows: Rows) -> dict[str, Any] | None:
    if asked.sweep_frames == 0 or scorer.card.frames > 1:
        return None
    found = sweep.disturb(scorer, store, rows, asked.sweep_frames, asked.jobs, asked.seed)
    times_s = np.array([float(facts["time_s"]) for facts in store.facts])
    lines = sweep.worse_lines(rows, times_s, asked.seed)
    figures = sweep.figures(scorer, found, lines, videos(rows), asked.draws, asked.seed)
    if asked.fold_models:
        text = "Each clip was scored by the model of the fold that held it out."
    elif asked.logits is not None:
        text = (
            "CAUTION: scored by the shipped model, which may have been trained on these clips; "
            "only how it changes can be believed."
        )
    else:
        text = "Scored by the model itself."
    return {**figures, "crops_a_video": asked.sweep_frames, "scored_by": text}


def read_curve(run: Path) -> list[dict[str, float]]:
    """The rows of a run's `curve.jsonl`.

    Raises:
        SettingsError: the folder holds none.
    """
    try:
        lines = (run / "curve.jsonl").read_text(encoding="utf-8").splitlines()
        rows: list[dict[str, float]] = [json.loads(line) for line in lines if line.strip()]
    except (OSError, json.JSONDecodeError) as error:
        raise SettingsError(f"{run} holds no readable training curve: {error}.") from error
    return [row for row in rows if {"images", "loss", "right"} <= row.keys()]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error
    if "families" not in found:
        raise SettingsError(f"{path} is not what --leave-one-out writes.")
    return found


def write(out: Path, found: dict[str, Any], plots: Sequence[Plot], pictures: list[Plot]) -> None:
    """The three kinds of files; pictures of people go into the page only."""
    (out / "plots").mkdir(parents=True, exist_ok=True)
    for plot in plots:
        (out / "plots" / f"{plot.name}.png").write_bytes(plot.png)
    texts = {plot.name: {"title": plot.title, "alt": plot.alt} for plot in plots}
    content = json.dumps({**found, "plots": texts}, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "evaluation.json").write_text(content + "\n", encoding="utf-8")
    page = render(found, list(plots), pictures)
    (out / "evaluation.html").write_text(page, encoding="utf-8")


def quick(asked: Asked) -> Asked:
    """The same, in less time: fewer draws, fewer crops under disturbance."""
    return replace(asked, draws=min(asked.draws, 300), sweep_frames=min(asked.sweep_frames, 1))
