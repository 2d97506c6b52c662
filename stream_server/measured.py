"""The shared models with a stop-watch round each: every call is timed, bad answers are counted."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.interfaces import Detector, Landmarker, Localizer
from pipeline.load import Models
from pipeline.model_card import ModelCard
from pipeline.types import Face, FrameScore, Image, Landmarks
from stream_server.metrics import Metrics


def measure_models(models: Models, metrics: Metrics) -> Models:
    """Wrap the three models; what they answer is untouched.

    The metrics say from now on that these are the models that run, and no others.
    """
    detector, landmarker, classifier = models.cards
    metrics.execution_provider.clear()
    for card in (detector, landmarker):
        metrics.execution_provider.labels(card.name, "cpu").set(1)
    metrics.execution_provider.labels(classifier.name, models.provider).set(1)
    metrics.inference_invalid.labels(classifier.name)
    return replace(
        models,
        detector=_TimedDetector(models.detector, detector.name, metrics),
        landmarker=_TimedLandmarker(models.landmarker, landmarker.name, metrics),
        classifier=_TimedClassifier(models, metrics),
    )


class _TimedDetector:
    def __init__(self, detector: Detector, name: str, metrics: Metrics) -> None:
        self._detector = detector
        self._seconds = metrics.inference_duration.labels(name, "cpu")

    def __call__(self, image: Image) -> Sequence[Face]:
        started_s = time.perf_counter()
        faces = self._detector(image)
        self._seconds.observe(time.perf_counter() - started_s)
        return faces


class _TimedLandmarker:
    def __init__(self, landmarker: Landmarker, name: str, metrics: Metrics) -> None:
        self._landmarker = landmarker
        self._seconds = metrics.inference_duration.labels(name, "cpu")

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        started_s = time.perf_counter()
        landmarks = self._landmarker(image, face)
        self._seconds.observe(time.perf_counter() - started_s)
        return landmarks


class _TimedClassifier:
    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models, self._classifier = models, models.classifier
        self._seconds = metrics.inference_duration
        self._invalid = metrics.inference_invalid.labels(self.card.name)

    @property
    def provider(self) -> str:
        return self._models.provider

    @property
    def card(self) -> ModelCard:
        return self._classifier.card

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        started_s = time.perf_counter()
        scores = self._classifier(crops)
        elapsed_s = time.perf_counter() - started_s
        self._seconds.labels(self.card.name, self.provider).observe(elapsed_s)
        self._invalid.inc(sum(score is None for score in scores))
        return scores

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """Ask for it where the model has one; it is asked for alerts only, and not timed."""
        inner = self._classifier
        return inner.heatmap(crop) if isinstance(inner, Localizer) else None
