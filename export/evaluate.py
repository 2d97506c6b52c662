"""Measures a model on a crop store: `python -m export.evaluate --model FILE.onnx`.

Prints frame and video AUC by set and by method, each with a cluster-bootstrap interval by group,
beside the trivial baselines, and writes every score to a file for `export.calibrate`.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import CropStore
from export.evaluation.scorer import served_crops
from export.metrics import Interval, auc, clustered, equal_error_rate

BATCH = 16


@dataclass(frozen=True, slots=True)
class Videos:
    """One row a video."""

    paths: list[str]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    groups: list[str]
    sources: list[str]
    methods: list[str]

    def only(self, keep: NDArray[np.bool_]) -> "Videos":
        """The rows where `keep` holds."""

        def kept(names: list[str]) -> list[str]:
            return [name for name, yes in zip(names, keep, strict=True) if yes]

        return Videos(
            kept(self.paths), self.scores[keep], self.labels[keep], kept(self.groups),
            kept(self.sources), kept(self.methods),
        )  # fmt: skip

    def auc(self) -> Interval:
        """Video AUC with its interval."""
        return clustered(lambda rows: auc(self.scores[rows], self.labels[rows]), self.groups)


def size_of(model: Path) -> int:
    """The side of the crops that an exported network takes, px."""
    return int(opened(model).get_inputs()[0].shape[1])


def onnx_logits(model: Path, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Raw logits (N,) of (N, size, size, 3) BGR crops."""
    session = opened(model)
    logits = [
        np.asarray(session.run(["logit"], {"crops": np.asarray(crops[start : start + BATCH])})[0])
        for start in tqdm(range(0, len(crops), BATCH), unit="batch", leave=False)
    ]
    return np.concatenate(logits).ravel().astype(np.float64)


def opened(model: Path) -> ort.InferenceSession:
    """A session of one thread on the CPU, without the adapter that serves."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def by_video(facts: list[dict[str, Any]], logits: NDArray[np.float64]) -> Videos:
    """The mean logit of every video's crops."""
    rows: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        rows.setdefault(fact["path"], []).append(index)
    first = [facts[indices[0]] for indices in rows.values()]
    return Videos(
        list(rows),
        np.array([logits[indices].mean() for indices in rows.values()]),
        np.array([fact["label"] for fact in first]),
        [fact["group"] for fact in first],
        [fact["source"] for fact in first],
        [fact["method"] for fact in first],
    )


def summary(facts: list[dict[str, Any]], logits: NDArray[np.float64]) -> dict[str, Any]:
    """The table of a development store; keys are stable."""
    videos = by_video(facts, logits)
    sources = np.array(videos.sources)
    table: dict[str, Any] = {}
    for source in ("ffpp_c23", "deepfacelive"):
        chosen = videos.only(sources == source)
        if len(chosen.paths) == 0:
            continue
        frames = np.array([fact["source"] == source for fact in facts])
        labels = np.array([fact["label"] for fact in facts])
        table[source] = {
            "video_auc": _row(chosen.auc()),
            "frame_auc": round(auc(logits[frames], labels[frames]), 3),
            "eer": round(equal_error_rate(chosen.scores, chosen.labels), 3),
            "within_group_auc": within_group(chosen),
            "methods": _methods(chosen),
        }
    both = videos.only(np.isin(sources, ("ffpp_c23", "deepfacelive")))
    table["pooled_video_auc"] = _row(both.auc())
    genuine = {}
    for source in sorted(set(sources[videos.labels == 0].tolist())):
        chosen = videos.scores[(sources == source) & (videos.labels == 0)]
        genuine[source] = [round(float(chosen.mean()), 2), round(float(chosen.std()), 2)]
    table["genuine_logit_mean_sd"] = genuine
    return table


def _row(interval: Interval) -> list[float]:
    return [round(interval.value, 3), round(interval.low, 3), round(interval.high, 3)]


def _methods(videos: Videos) -> dict[str, float]:
    """AUC of every method against all genuine videos of the set."""
    methods = np.array(videos.methods)
    return {
        name: round(auc(videos.scores[keep], videos.labels[keep]), 3)
        for name in sorted(set(methods[videos.labels == 1].tolist()))
        if (keep := (methods == name) | (videos.labels == 0)).any()
    }


def within_group(videos: Videos) -> float:
    """Share of genuine/fake couples of one group that are ranked rightly."""
    groups, right = np.array(videos.groups), []
    for name in np.unique(groups):
        fakes = videos.scores[(groups == name) & (videos.labels == 1)]
        reals = videos.scores[(groups == name) & (videos.labels == 0)]
        right += [float(fake > real) for fake in fakes for real in reals]
    return round(float(np.mean(right)), 3) if right else float("nan")


def trivial_scores(crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Baselines that every model must beat: JPEG size and blur of the inner face."""
    sizes, blurs = [], []
    for crop in crops:
        sizes.append(-len(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]))
        grey = cv2.cvtColor(crop[40:120, 40:120], cv2.COLOR_BGR2GRAY)
        blurs.append(-float(np.log(cv2.Laplacian(grey, cv2.CV_64F).var() + 1)))
    return {"jpeg_size": np.array(sizes, np.float64), "laplacian": np.array(blurs)}


def main() -> None:
    """Score a store with a model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("data/crops/dev"))
    parser.add_argument("--out", type=Path, default=Path("runs/scores.npz"))
    parser.add_argument("--baselines", action="store_true")
    options = parser.parse_args()
    store = CropStore(options.store)
    crops = served_crops(store, range(len(store)), size_of(options.model))
    logits = onnx_logits(options.model, crops)
    np.savez(options.out, logits=logits)
    tables = {"model": summary(store.facts, logits)}
    if options.baselines:
        for name, scores in trivial_scores(store.serve).items():
            tables[name] = summary(store.facts, scores)
    tqdm.write(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
