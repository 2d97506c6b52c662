"""What the pipeline costs over its floor: decoding and the three models run alone."""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.clips import talking_clip
from benchmarks.record import record
from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.interfaces import Classifier, Detector, Landmarker
from pipeline.load import Models, load_models
from pipeline.media_file import open_media
from pipeline.types import AlertId, Frame, StreamId

COMMAND = "python -m benchmarks.overhead"


@dataclass
class Spy:
    """Keeps what one model was asked, so that exactly that can be asked again, alone."""

    model: Callable[..., object]
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def __call__(self, *question: object) -> object:
        """Remember and pass on."""
        self.calls.append(question)
        return self.model(*question)

    def replay_s(self) -> float:
        """CPU seconds of all the calls, one after the other, with nothing in between."""
        started_s = time.process_time()
        for question in self.calls:
            self.model(*question)
        return time.process_time() - started_s


class ClassifierSpy(Spy):
    """A spy with the classifier's card."""

    @property
    def card(self) -> object:
        """The facts of the model behind."""
        return self.model.card  # type: ignore[attr-defined]


def main() -> None:
    """Measure some rounds and record the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    models = load_models()
    with tempfile.TemporaryDirectory() as folder:
        clip = talking_clip(Path(folder) / "clip.mp4", args.seconds)
        rounds = [measure(clip, models) for _ in range(args.rounds)]
    figures: dict[str, object] = {
        name: round(median(one[name] for one in rounds), 4) for name in rounds[0]
    }
    ratios = sorted(one["pipeline_s"] / one["floor_s"] for one in rounds)
    figures["overhead_ratio"] = {
        "median": round(median(ratios) - 1, 4),
        "min": round(ratios[0] - 1, 4),
        "max": round(ratios[-1] - 1, 4),
        "rounds": args.rounds,
    }
    figures["clip"] = f"{args.seconds:.0f} s, 640x480, 30 fps, one drawn face, analysed at 15 fps"
    print(record("overhead", COMMAND, figures))  # noqa: T201
    print(figures)  # noqa: T201


def measure(clip: Path, models: Models) -> dict[str, float]:
    """CPU seconds of the pipeline, and of each of its parts alone, on the same work."""
    analyzer = StreamAnalyzer(StreamId("bench"), models, lambda: AlertId("a"), AnalyzerSettings())
    started_s = time.process_time()
    with open_media(clip, analyse_fps=15) as media:
        for frame in media.frames():
            analyzer(frame)
    pipeline_s = time.process_time() - started_s
    frames, decode_s = _decode(clip)
    spies = _spy(models, frames)
    parts = {name: spy.replay_s() for name, spy in spies.items()}
    return {
        "pipeline_s": pipeline_s,
        "floor_s": decode_s + sum(parts.values()),
        "decode_s": decode_s,
        **{f"{name}_s": value for name, value in parts.items()},
        **{f"{name}_calls": float(len(spy.calls)) for name, spy in spies.items()},
    }


def _decode(clip: Path) -> tuple[list[Frame], float]:
    started_s = time.process_time()
    with open_media(clip, analyse_fps=15) as media:
        frames = list(media.frames())
    return frames, time.process_time() - started_s


def _spy(models: Models, frames: list[Frame]) -> dict[str, Spy]:
    detector, landmarker = Spy(models.detector), Spy(models.landmarker)
    classifier = ClassifierSpy(models.classifier)
    watched = Models(
        _as_detector(detector),
        _as_landmarker(landmarker),
        _as_classifier(classifier),
        models.provider,
        models.cards,
    )
    analyzer = StreamAnalyzer(StreamId("bench"), watched, lambda: AlertId("a"), AnalyzerSettings())
    for frame in frames:
        analyzer(frame)
    return {"detector": detector, "landmarker": landmarker, "classifier": classifier}


def _as_detector(spy: Spy) -> Detector:
    return spy  # type: ignore[return-value]


def _as_landmarker(spy: Spy) -> Landmarker:
    return spy  # type: ignore[return-value]


def _as_classifier(spy: Spy) -> Classifier:
    return spy  # type: ignore[return-value]


if __name__ == "__main__":
    main()
