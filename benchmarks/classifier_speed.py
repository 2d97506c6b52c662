"""What one crop costs each classifier that comes along, on one core; and on a GPU, if one is here.

As the service asks it: the adapter with its card, one thread of ONNX Runtime, one crop at a time,
all outputs. The models take turns, so that a busy moment meets all of them.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.record import record
from pipeline.errors import ModelLoadError
from pipeline.interfaces import Classifier
from pipeline.load import adapter, list_cards, models_directory
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.synthetic_face import DrawnFace, paint_scene
from pipeline.types import Image

COMMAND = "python -m benchmarks.classifier_speed"
BUDGETS_MS = {"fakewatch-fast": 6.0, "fakewatch-fast-int8": 3.0}
BATCHES = (1, 16, 64, 256)
LEAST_S = 1.0
"""How long a batch size is repeated on a GPU."""


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=50, help="of each model in a round")
    args = parser.parse_args()
    cards = [card for card in list_cards(models_directory()) if card.task == "deepfake"]
    figures = {
        "what": "one crop, one thread pinned to one core, adapter and all outputs",
        "rounds": args.rounds,
        "calls": args.calls,
        "budgets_ms": BUDGETS_MS,
        "vnni": has_vnni(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "models": on_one_core(cards, args.rounds, args.calls),
        "gpu": on_gpu(cards),
    }
    print(record("classifier_speed", COMMAND, figures), figures)  # noqa: T201


def has_vnni(processor: str) -> bool:
    """Whether an x86 processor multiplies int8 by VNNI: without it int8 gains half as much."""
    return any("vnni" in flag for line in processor.splitlines() if line.startswith("flags")
               for flag in line.split())  # fmt: skip


def on_one_core(cards: Sequence[ModelCard], rounds: int, calls: int) -> list[dict[str, object]]:
    """Milliseconds a crop of each model: wall clock of the calls, and processor time."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})  # before the sessions: threads inherit it
    try:
        opened = [adapter(card)(card, Device.CPU) for card in cards]
        wall_ms = np.zeros((len(cards), rounds, calls))
        spent_ms = np.zeros_like(wall_ms)
        for round_ in range(rounds):
            for place, classifier in enumerate(opened):
                crop = crops_of(classifier, 1)
                classifier(crop)  # the caches still hold the model before
                for call in range(calls):
                    started_s, used_s = time.perf_counter(), time.thread_time()
                    classifier(crop)
                    spent_ms[place, round_, call] = 1000 * (time.thread_time() - used_s)
                    wall_ms[place, round_, call] = 1000 * (time.perf_counter() - started_s)
    finally:
        os.sched_setaffinity(0, allowed)
    return [
        {
            "name": card.name, "precision": card.precision,
            "wall_ms": percentiles(wall), "processor_ms": percentiles(spent),
        }
        for card, wall, spent in zip(cards, wall_ms, spent_ms, strict=True)
    ]  # fmt: skip


def on_gpu(cards: Sequence[ModelCard]) -> list[dict[str, object]] | None:
    """Crops a second of each model by the size of the batch; None where CUDA does not work."""
    rows: list[dict[str, object]] = []
    for card in cards:
        try:
            classifier = adapter(card)(card, Device.CUDA)
        except ModelLoadError:
            return None
        paces = {str(size): round(pace(classifier, size)) for size in BATCHES}
        rows.append({"name": card.name, "precision": card.precision, "crops_a_second": paces})
    return rows


def pace(classifier: Classifier, size: int) -> float:
    """Crops a second in batches of this size, host memory to host memory."""
    crops = crops_of(classifier, size)
    classifier(crops)
    started_s, done = time.perf_counter(), 0
    while (spent_s := time.perf_counter() - started_s) < LEAST_S:
        classifier(crops)
        done += size
    return done / spent_s


def crops_of(classifier: Classifier, count: int) -> list[Image]:
    """Drawn faces of the size that the card asks for; of a sequence model, clips of them."""
    card = classifier.card
    size_px = card.crop.size_px if card.crop else 0
    middle = size_px / 2
    crop = paint_scene([DrawnFace(middle, middle, size_px * 0.75)], size_px, size_px)
    return [crop if card.frames == 1 else np.stack([crop] * card.frames)] * count


def percentiles(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95)}


if __name__ == "__main__":
    main()
