"""What the presets of known systems are given, what they answer, and where they are found."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from pipeline.series import FaceRecord, Recorder

FOLDER = Path(__file__).parent / "presets"
"""A preset's file name is its registration; blink_10_20.py is "blink-10-20"."""
_MAX_FACES, _POINTS, _STEP_S = 10, 30_000, 0.001
"""Every sample of the first half hour at 15 frames a second; longer files get coarser."""


class Answer(StrEnum):
    """What a known system's rule says: the rule's word, which fakewatch does not make its own."""

    MANIPULATED = "manipulated"
    NOT_MANIPULATED = "not manipulated"
    NONE = "no answer"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the user says of the person in the file; None where nothing is said."""

    gender: str | None = None
    age_band: str | None = None
    activity: str | None = None
    daytime: str | None = None


@dataclass(frozen=True, slots=True)
class SeenFile:
    """All that a preset may know of a file: no pixels, only what was measured in one analysis."""

    duration_s: float
    """0 for a picture."""
    faces: tuple[FaceRecord, ...]
    circumstances: Circumstances = Circumstances()
    frames: int = 1
    """How many crops each of the classifier's looks judged together."""

    def looks(self, every_s: float = 0.0) -> list[float]:
        """The classifier's P(manipulated) of single crops, all faces together.

        With `every_s` the first of each face in every such stretch of time: known systems look
        less often than fakewatch.
        """
        kept: list[float] = []
        for face in self.faces:
            last = None
            for bucket in face.frames:
                stretch = int(bucket.start_s / every_s) if every_s > 0 else None
                if stretch is None or stretch != last:
                    kept.append(bucket.mean)
                last = stretch
        return kept

    def eyes(self) -> list[tuple[float, float]]:
        """(seconds, eye aspect ratio) of one face at a time: of those there, the longest seen.

        So a person whose track broke is still one person, as in systems that do not track.
        """
        found: dict[float, float] = {}
        for face in sorted(self.faces, key=lambda face: -face.seen_s):
            for bucket in face.ear:
                found.setdefault(bucket.start_s, bucket.low)
        return sorted(found.items())


@dataclass(frozen=True, slots=True)
class PresetAnswer:
    """What one known system would have said of the file, and how that may mislead."""

    preset: str
    answer: Answer
    fake_prob: float | None
    """None for a rule that gives none."""
    reason: str
    """One sentence with the numbers that decided."""
    weakness: str
    """One sentence on where the rule is known to fail."""

    @property
    def text(self) -> str:
        """The answer, marked as the rule's own."""
        return f"its rule says: {self.answer.value}"


def full_recorder() -> Recorder:
    """A recorder that keeps single samples, as the presets' rules count them."""
    return Recorder(_MAX_FACES, _POINTS, _STEP_S)


def presets() -> list[str]:
    """The names of the presets: the files of the folder that offer `judge`."""
    return sorted(
        path.stem.replace("_", "-")
        for path in FOLDER.glob("[a-z]*.py")
        if "\ndef judge(" in path.read_text(encoding="utf-8")
    )


def ask(preset: str, seen: SeenFile) -> PresetAnswer:
    """Let one preset judge the file.

    Raises:
        ValueError: there is no such preset.
        SettingsError: a table that it reads was edited into something that cannot be used.
    """
    if preset not in presets():
        raise ValueError(f"There is no preset {preset!r}; there are {', '.join(presets())}.")
    module = import_module(f"pipeline.presets.{preset.replace('-', '_')}")
    judge: Callable[[SeenFile], PresetAnswer] = module.judge
    return judge(seen)


def by_mean(preset: str, probs: list[float], weakness: str) -> PresetAnswer:
    """Answer by the plain mean of the classifier's looks, above one half being manipulated."""
    if not probs:
        reason = "The classifier could not judge a single look."
        return PresetAnswer(preset, Answer.NONE, None, reason, weakness)
    mean = sum(probs) / len(probs)
    reason = (
        f"The mean of {counted(len(probs), 'look')} is {100 * mean:.0f} %, and above 50 % decides."
    )
    return PresetAnswer(preset, side_of_half(mean), mean, reason, weakness)


def side_of_half(fake_prob: float) -> Answer:
    """Where no other threshold was published, one half."""
    return Answer.MANIPULATED if fake_prob > 0.5 else Answer.NOT_MANIPULATED


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 look", "3 looks"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
