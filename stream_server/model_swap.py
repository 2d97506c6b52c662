"""Other models while the service runs: loaded beside those in use, tried, and only then taken."""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import replace

import structlog

from pipeline.errors import FakewatchError, ModelError, SettingsError
from pipeline.golden import golden_crops
from pipeline.load import Models
from pipeline.model_card import ModelCard, sha256_of
from pipeline.synthetic_face import DrawnFace, paint_scene
from stream_server.calibration.table import CalibrationTable
from stream_server.device_loss import GuardedClassifier
from stream_server.loading import cards_for, load_models_for
from stream_server.measured import measure_models
from stream_server.metrics import Metrics
from stream_server.settings import Settings

log = structlog.get_logger("fakewatch.models")


class ModelsInUse:
    """The models of the moment. Whoever works with them asks each time, and keeps none.

    `take` is the one crossing point: it replaces one reference, which needs no lock. An analysis
    that has begun ends with the models it began with; the old ones go with the last that used them.
    """

    def __init__(self, loaded: Models, metrics: Metrics) -> None:
        self._metrics = metrics
        self.guard = GuardedClassifier(loaded, metrics)
        """The classifier among them, which knows how its graphics card is."""
        self.now = self._dressed(loaded)
        """Timed; another object after every swap."""

    def take(self, loaded: Models) -> None:
        """Let everybody work with these from their next frame on."""
        self.guard = GuardedClassifier(loaded, self._metrics)
        self.now = self._dressed(loaded)

    def _dressed(self, loaded: Models) -> Models:
        return measure_models(replace(loaded, classifier=self.guard), self._metrics)


def fresh_models(running: Models, before: Settings, after: Settings) -> Models | None:
    """Load and try what `after` names; None where that is what runs. Takes a second or so.

    Cards and hashes are compared with the disk, so that a file replaced under the same name counts
    as another model, and a damaged one is found before the next start finds it.

    Raises:
        SettingsError: it cannot be used, and why; what runs is untouched.
    """
    try:
        cards = cards_for(after.models, after.calibration)
        same_device = before.models.device == after.models.device
        if same_device and cards == running.cards and all(map(_is_whole, cards)):
            return None
        return_memory()  # of those that were let go by now
        models = load_models_for(after.models, after.calibration)
        try_out(models)
    except FakewatchError as error:
        raise SettingsError(f"models: {error}") from error
    return models


def try_out(models: Models) -> None:
    """Ask the models about drawn pictures: a face, then crops at once and one alone.

    Raises:
        ModelError: one fails, or the classifier's answers are not one finite number each.
    """
    detector, landmarker, classifier = (card.name for card in models.cards)
    asked = f"{detector} or {landmarker}"
    try:
        image = paint_scene([DrawnFace(160, 120, 160)], 320, 240)
        for face in models.detector(image):
            models.landmarker(image, face)
        asked = classifier
        rule = models.classifier.card.crop
        crops = list(golden_crops(rule.size_px if rule else 0))
        scores = [*models.classifier(crops), *models.classifier(crops[:1])]
    except (ValueError, TypeError, IndexError) as error:  # what a strange graph does to arrays
        raise ModelError(f"The model {asked} failed on a drawn picture: {error}.") from error
    if len(scores) != len(crops) + 1:
        raise ModelError(f"The model {asked} does not give one answer to one crop.")
    if any(score is None or not math.isfinite(score.logit) for score in scores):
        raise ModelError(f"The model {asked} answers a drawn crop with no finite number.")


def change_of(before: Sequence[ModelCard], after: Sequence[ModelCard]) -> str:
    """One sentence for whoever reads why something ended."""
    news = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    said = ", ".join(
        f"{old.fingerprint} became {new.fingerprint}"
        if old.fingerprint != new.fingerprint
        else f"the card of {new.fingerprint} is another"
        for old, new in news
    )
    return f"The models were changed: {said}." if said else "The models were loaded anew."


def return_memory() -> None:
    """Give free memory back to the system: malloc keeps it, and each loading thread its own.

    Without it the size of the process doubles in a few swaps. Only glibc has it, and needs it.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def report_calibration(calibration: CalibrationTable | None, models: Models) -> None:
    """Say in the log where the settings' thresholds do not count for these models."""
    if calibration and (reason := calibration.void(models.classifier.card)):
        log.warning("calibration_void", reason=reason)


def _is_whole(card: ModelCard) -> bool:
    try:
        return card.path is None or sha256_of(card.path) == card.sha256
    except OSError:
        return False
