"""What the model has to beat: saying always the same, file size, blur, and other models."""

from collections.abc import Callable
from typing import Any

import numpy as np

from export.evaluation import measures
from export.evaluation.bootstrap import difference, estimate, estimates, group_draws
from export.evaluation.figures import number, row
from export.evaluation.measures import Floats
from export.evaluation.rows import Rows, both_labels, frames, paired, videos

TITLES = {
    "majority": "Always the more frequent label",
    "jpeg_size": "Size of the crop as JPEG (smaller = more suspicious)",
    "laplacian": "Sharpness of the inner face (softer = more suspicious)",
}


def table(
    own: Rows, others: dict[str, Floats], facts: list[dict[str, Any]], draws: int, seed: int
) -> list[dict[str, Any]]:
    """The model and every rival on the same crops; `others`: scores of all crops of the store.

    `gain` is the model's video AUC less the rival's, paired by the same drawn groups.
    """
    mine = paired(videos(own))
    weights = group_draws(mine.groups.tolist(), draws, seed)
    rows = [_row("model", own, weights, draws, seed)]
    rivals = {"majority": np.zeros(len(own)), **others}
    for name, scores in rivals.items():
        theirs = frames(facts, scores)
        gap = difference(_auc(mine), _auc(paired(videos(theirs))), weights)
        rows.append(
            {
                **_row(name, theirs, weights, draws, seed),
                "gain": row(gap.interval),
                "draws_won": number(gap.share_above),
            }
        )
    return rows


def _auc(rows: Rows) -> Callable[[Floats], Floats]:
    return lambda weights: measures.auc(rows.logits, rows.labels, weights)


def alone(name: str, scores: Floats, facts: list[dict[str, Any]], draws: int) -> dict[str, Any]:
    """A rival's row without a gain: the model's own scores of these crops are not at hand."""
    rows = frames(facts, scores)
    weights = group_draws(paired(videos(rows)).groups.tolist(), draws, 0)
    return _row(name, rows, weights, draws, 0)


def _row(name: str, rows: Rows, weights: Floats, draws: int, seed: int) -> dict[str, Any]:
    clips = paired(videos(rows))

    def ranked(part: Floats) -> dict[str, Floats]:
        return measures.ranking(clips.logits, clips.labels, part)

    found = estimates(ranked, weights)
    single = paired(rows)
    ones = np.ones((1, len(single)))
    sets = {}
    for source in both_labels(clips).tolist():
        here = clips.only(clips.sources == source)
        own = group_draws(here.groups.tolist(), draws, seed)
        sets[source] = row(estimate(_auc(here), own))
    prevalence = float(clips.labels.mean())
    return {
        "name": name, "title": TITLES.get(name, name),
        "video_auc": row(found["auc"]), "ap": row(found["ap"]), "eer": row(found["eer"]),
        "tpr_at_5": row(found["tpr_at_5"]),
        "frame_auc": number(float(measures.auc(single.logits, single.labels, ones)[0])),
        "sets": sets,
        "accuracy_of_majority": number(max(prevalence, 1 - prevalence)),
    }  # fmt: skip
