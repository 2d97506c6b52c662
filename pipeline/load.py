"""From the models directory to the three models a stream needs, or one clear refusal."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.errors import ModelCardError
from pipeline.interfaces import Classifier, Detector, Landmarker
from pipeline.model_card import ModelCard, read_card
from pipeline.onnx_session import Device

DEFAULT_DETECTOR = "yunet"
DEFAULT_LANDMARKER = "mesh478"
"""Of those that may be shipped, the one that follows eyelids best per millisecond (dlib68 does
more per millisecond but misses a fifth of the blinks); see benchmarks/landmarkers.py."""
DEFAULT_CLASSIFIER = "fakewatch-fast"

FOLDERS = {
    "face_detection": "detectors",
    "face_landmarks": "landmarkers",
    "deepfake": "classifiers",
}
"""Where the adapters of each task live; an adapter's file name is its registration."""


@dataclass(frozen=True, slots=True)
class Models:
    """The loaded models, shared by all streams."""

    detector: Detector
    landmarker: Landmarker
    classifier: Classifier
    opened_on: str
    """Where the classifier was opened: "cpu" or "cuda"."""
    cards: tuple[ModelCard, ...]
    """Detector's, landmarker's and classifier's, in this order."""
    device: Device = Device.CPU
    """Where it was asked to run."""

    @property
    def provider(self) -> str:
        """Where the classifier really runs now: "cpu" or "cuda"."""
        return getattr(self.classifier, "provider", self.opened_on)


def models_directory() -> Path:
    """Return the directory of the models that come with fakewatch."""
    spec = find_spec("onnx_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModelCardError("The package onnx_models is missing: install fakewatch again.")
    return Path(next(iter(spec.submodule_search_locations)))


def list_cards(directory: Path) -> list[ModelCard]:
    """Read every card in the directory, in order of name.

    Raises:
        ModelCardError: a card is malformed, or there is no such directory.
    """
    if not directory.is_dir():
        raise ModelCardError(f"There is no models directory {directory}.")
    return [read_card(path) for path in sorted(directory.glob("*.toml"))]


def read_cards(
    directory: Path | None,
    detector: str,
    landmarker: str,
    classifier: str,
    adjust: Callable[[ModelCard], ModelCard] = lambda card: card,
) -> tuple[ModelCard, ModelCard, ModelCard]:
    """Read the cards of the three named models; see `load_models`.

    Raises:
        ModelCardError: one is missing, malformed, or of another task than it is asked for.
    """
    directory = directory or models_directory()
    return (
        _card(directory, detector, "face_detection"),
        _card(directory, landmarker, "face_landmarks"),
        adjust(_card(directory, classifier, "deepfake")),
    )


def load_models(
    directory: Path | None = None,
    *,
    detector: str = DEFAULT_DETECTOR,
    landmarker: str = DEFAULT_LANDMARKER,
    classifier: str = DEFAULT_CLASSIFIER,
    device: Device = Device.AUTO,
    adjust: Callable[[ModelCard], ModelCard] = lambda card: card,
) -> Models:
    """Load the three named models from the directory (default: the one that comes along).

    `adjust` may change the classifier's card: a calibration brings thresholds of its own.

    Detector and landmarker stay on the CPU: they take one face at a time, for which the way to a
    GPU and back costs more than it saves.

    Raises:
        ModelCardError: a card is missing, malformed, or of another task than it is asked for.
        ModelLoadError: a file is missing or altered, or cannot run on the asked device.
    """
    cards = read_cards(directory, detector, landmarker, classifier, adjust)
    judge = adapter(cards[2])(cards[2], device)
    return Models(
        detector=adapter(cards[0])(cards[0], Device.CPU),
        landmarker=adapter(cards[1])(cards[1], Device.CPU),
        classifier=judge,
        opened_on=getattr(judge, "provider", "cpu"),
        cards=cards,
        device=device,
    )


def adapter(card: ModelCard) -> Callable[[ModelCard, Device], Any]:
    """Return the `build` of the adapter that the card names; only now is it imported.

    Raises:
        ModelCardError: there is no such adapter for the card's task.
    """
    folder = FOLDERS[card.task]
    known = adapters(card.task)
    if card.adapter not in known:
        raise ModelCardError(
            f"The card of {card.name} asks for the adapter {card.adapter!r}; "
            f"pipeline/{folder} has {', '.join(known)}."
        )
    build: Callable[[ModelCard, Device], Any] = import_module(
        f"pipeline.{folder}.{card.adapter}"
    ).build
    return build


def adapters(task: str) -> list[str]:
    """Return the names of the adapters of a task: the files of its folder that offer `build`."""
    folder = Path(__file__).parent / FOLDERS[task]
    return sorted(
        path.stem
        for path in folder.glob("*.py")
        if "\ndef build(" in path.read_text(encoding="utf-8")
    )


def _card(directory: Path, name: str, task: str) -> ModelCard:
    if Path(name).name != name or not name:
        raise ModelCardError(f"{name!r} is no model name.")
    own, shipped = directory / f"{name}.toml", models_directory() / f"{name}.toml"
    # A directory of one's own holds a classifier; the others come along with fakewatch.
    path = shipped if shipped.is_file() and not own.is_file() else own
    if not path.is_file():
        others = ", ".join(card.name for card in list_cards(directory) if card.task == task)
        held = f"it has {others}" if others else "it is empty"
        raise ModelCardError(f"There is no model {name!r} in {directory}; {held}.")
    card = read_card(path)
    if card.task != task:
        raise ModelCardError(f"The model {name} is for {card.task}, not for {task}.")
    return card
