"""What the pipeline costs over its floor: decoding and the three models run alone."""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeAlias, cast

import cv2

from benchmarks.clips import talking_clip
from benchmarks.record import record
from pipeline.analyzer import StreamAnalyzer
from pipeline.interfaces import Classifier, Detector, Landmarker
from pipeline.load import Models, load_models
from pipeline.media_file import open_media
from pipeline.types import AlertId, StreamId

COMMAND = "python -m benchmarks.overhead"
STREAM = StreamId("bench")
FPS = 15.0


class Spy:
    """Keeps what one model was asked, in a log of all models, so that it can be asked again."""

    def __init__(self, model: Callable[..., object], log: "Log") -> None:
        self.model = model
        self._log = log

    def __call__(self, *question: object) -> object:
        """Remember and pass on."""
        self._log[-1].append((self.model, question))
        return self.model(*question)


class ClassifierSpy(Spy):
    """A spy with the classifier's card."""

    @property
    def card(self) -> object:
        """The facts of the model behind."""
        return self.model.card  # type: ignore[attr-defined]


Log: TypeAlias = list[list[tuple[Callable[..., object], tuple[object, ...]]]]
"""Per frame: which model was asked what, in order."""


def main() -> None:
    """Measure some rounds and record the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    cv2.setNumThreads(1)  # as the service does
    models = load_models()
    with tempfile.TemporaryDirectory() as folder:
        clip = talking_clip(Path(folder) / "clip.mp4", args.seconds)
        rounds = [measure(clip, models) for _ in range(args.rounds)]
    figures: dict[str, object] = {
        "clip": f"{args.seconds:.0f} s, 640x480, 30 fps, one drawn face, analysed at 15 fps",
        "rounds": args.rounds,
        **{name: round(median(one[name] for one in rounds), 4) for name in rounds[0]},
        "over_in_order": _ratio(rounds, "in_order_s"),
        "over_each_alone": _ratio(rounds, "each_alone_s"),
    }
    print(record("overhead", COMMAND, figures), figures)  # noqa: T201


def _ratio(rounds: list[dict[str, float]], floor: str) -> dict[str, float]:
    ratios = sorted(one["pipeline_s"] / one[floor] - 1 for one in rounds)
    values = {"median": median(ratios), "min": ratios[0], "max": ratios[-1]}
    return {name: round(value, 4) for name, value in values.items()}


def measure(clip: Path, models: Models) -> dict[str, float]:
    """CPU seconds of the pipeline and of two floors that do the same work.

    `in_order_s`: decoding and the models' calls in the pipeline's own order, nothing in between.
    `each_alone_s`: all decoding, then all calls of one model after the other, which keeps each
    model's weights in the processor's cache as no live stream can.
    """
    started_s = time.process_time()
    analyzer = StreamAnalyzer(STREAM, models, _no_alert)
    with open_media(clip, analyse_fps=FPS) as media:
        for frame in media.frames():
            analyzer(frame)
    pipeline_s = time.process_time() - started_s
    log = _calls(clip, models)
    return {
        "pipeline_s": pipeline_s,
        "in_order_s": _replay_in_order(clip, log),
        "each_alone_s": _replay_each_alone(clip, log),
    }


def _calls(clip: Path, models: Models) -> Log:
    log: Log = []
    watched = Models(
        cast("Detector", Spy(models.detector, log)),
        cast("Landmarker", Spy(models.landmarker, log)),
        cast("Classifier", ClassifierSpy(models.classifier, log)),
        models.provider,
        models.cards,
    )
    analyzer = StreamAnalyzer(STREAM, watched, _no_alert)
    with open_media(clip, analyse_fps=FPS) as media:
        for frame in media.frames():
            log.append([])
            analyzer(frame)
    return log


def _replay_in_order(clip: Path, log: Log) -> float:
    started_s = time.process_time()
    with open_media(clip, analyse_fps=FPS) as media:
        for _, calls in zip(media.frames(), log, strict=True):
            for model, question in calls:
                model(*question)
    return time.process_time() - started_s


def _replay_each_alone(clip: Path, log: Log) -> float:
    started_s = time.process_time()
    with open_media(clip, analyse_fps=FPS) as media:
        for _ in media.frames():
            pass
    flat = [call for calls in log for call in calls]
    for one in dict.fromkeys(model for model, _ in flat):
        for model, question in flat:
            if model is one:
                model(*question)
    return time.process_time() - started_s


def _no_alert() -> AlertId:
    return AlertId("bench")


if __name__ == "__main__":
    main()
