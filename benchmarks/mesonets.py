"""The four published MesoNets, imported, against fakewatch-fast on the development clips.

First `fakewatch models import`, as docs/import.md shows; then
`python -m benchmarks.mesonets --models DIR --store data/crops/dev --held-out FILE.npz`.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import record
from export.crops import CropStore
from export.evaluate import Videos, by_video, onnx_logits, summary
from export.metrics import auc, clustered
from pipeline.model_card import ModelCard, read_card
from pipeline.preprocess import crop_face
from pipeline.types import Box

NAMES = ("meso4-df", "meso4-f2f", "mesoinception-df", "mesoinception-f2f")
SETS = {
    "ffpp_c23": ("ffpp_c23",),
    "deepfacelive": ("deepfacelive",),
    "pooled": ("ffpp_c23", "deepfacelive"),
}
Logits = NDArray[np.float64]
Facts = dict[str, Any]


def crops_of(store: CropStore, rows: NDArray[np.int64], card: ModelCard) -> NDArray[np.uint8]:
    """(N, S, S, 3) of these rows, cut from the stored crops by the card's rule."""
    if card.crop is None:
        raise SystemExit(f"The card of {card.name} does not say how to cut crops.")
    size_px, margin = card.crop.size_px, card.crop.margin
    cut = np.empty((len(rows), size_px, size_px, 3), np.uint8)
    for place, row in enumerate(rows):
        crop = store[int(row)]
        cut[place] = crop_face(crop.image, Box(*map(float, crop.box)), size_px, margin)
    return cut


def lead(ours: Videos, theirs: Videos) -> dict[str, list[float]]:
    """Video AUC of ours less theirs, with a paired bootstrap by group."""
    table = {}
    for name, sources in SETS.items():
        keep = np.isin(np.array(ours.sources), sources)
        a, b = ours.only(keep), theirs.only(keep)

        def gap(rows: NDArray[np.int64], a: Videos = a, b: Videos = b) -> float:
            labels = a.labels[rows]
            return auc(a.scores[rows], labels) - auc(b.scores[rows], labels)

        found = clustered(gap, a.groups)
        table[name] = [round(value, 3) for value in (found.value, found.low, found.high)]
    return table


def spread(facts: list[Facts], most: int) -> NDArray[np.int64]:
    """At most so many rows of every video, spread over it."""
    videos: dict[str, list[int]] = {}
    for row, fact in enumerate(facts):
        videos.setdefault(fact["path"], []).append(row)
    chosen = [
        np.array(rows)[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
        for rows in videos.values()
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def figures(models: Path, store: CropStore, held_out: Logits, most: int) -> dict[str, Any]:
    """Every MesoNet, their mean, and fakewatch-fast on the same pictures."""
    rows = spread(store.facts, most)
    facts = [store.facts[int(row)] for row in rows]
    ours = by_video(facts, held_out[rows])
    found: dict[str, Logits] = {}
    table: dict[str, Any] = {"fakewatch-fast, held out": summary(facts, held_out[rows])}
    crops: NDArray[np.uint8] | None = None
    for name in NAMES:
        card = read_card(models / f"{name}.toml")
        if card.path is None:
            raise SystemExit(f"The card of {name} names no file.")
        crops = crops_of(store, rows, card) if crops is None else crops
        found[name] = onnx_logits(card.path, crops)
        table[name] = {
            "parity_logit": dict(card.metrics)["parity_logit"],
            **_row(facts, found[name], ours),
        }
    mean = np.mean([1 / (1 + np.exp(-np.clip(one, -60, 60))) for one in found.values()], axis=0)
    table["mean probability of the four"] = _row(facts, np.asarray(mean, np.float64), ours)
    return table


def _row(facts: list[Facts], logits: Logits, ours: Videos) -> dict[str, Any]:
    theirs = by_video(facts, logits)
    return {**summary(facts, logits), "fakewatch_fast_leads_by": lead(ours, theirs)}


def main() -> None:
    """Score, compare, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="where they were imported")
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--held-out", type=Path, default=Path("runs/tune-heldout.npz"))
    parser.add_argument("--most", type=int, default=8, help="pictures a video (default: 8)")
    asked = parser.parse_args()
    logits = np.load(asked.held_out)["logits"]
    table = figures(asked.models, CropStore(asked.store), logits, asked.most)
    record("mesonets", "python -m benchmarks.mesonets --models DIR", {
        "note": "Video AUC [value, low, high], 95 % by group, of the mean logit of a video's crops "
        "(256 px at 1.3 times the box for the MesoNets); a lead is a paired difference.",
        "pictures_a_video_at_most": asked.most,
        "models": table,
    })  # fmt: skip


if __name__ == "__main__":
    main()
