"""Enrols one person from a stretch that is genuine, or says why it cannot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.model_card import ModelCard
from pipeline.reference import Enrolment, Picture, cosine_distance, mean_direction
from pipeline.types import BlinkStats, Box, FrameScore, Quality, TrackId


class Refused(StrEnum):
    """Why a stretch was not enrolled."""

    THIN = "thin"
    """Too little of one face could be judged."""
    SEVERAL_FACES = "several_faces"
    """More than one face was in the picture: whose would it be?"""
    POOR = "poor"
    """The face was small, or many pictures of it could not be judged."""
    SUSPICIOUS = "suspicious"
    """It shows signs of manipulation itself."""
    UNSTEADY = "unsteady"
    """The face at its end does not look like the one at its beginning."""
    INTERRUPTED = "interrupted"
    """The connection or the picture's size changed on the way."""


@dataclass(frozen=True, slots=True)
class EnrolSettings:
    """What a stretch must offer."""

    duration_s: float = 20.0
    give_up_s: float = 60.0
    """After so long without `duration_s` of a judged face it is refused."""
    pause_s: float = 1.0
    """Time between two looks that counts as observed, at most."""
    min_samples: int = 16
    min_side_px: float = 80.0
    usable_share: float = 0.7


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face at one frame, as an enrolment and a challenge see it."""

    track_id: TrackId
    quality: Quality
    score: FrameScore | None
    """None where the classifier did not run on this frame."""
    box: Box | None = None
    blink: BlinkStats | None = None


class Enrolling:
    """Gathers looks of the only face in the picture until there are enough.

    `add` gives the outcome once; time is the stream's own.
    """

    def __init__(self, card: ModelCard, settings: EnrolSettings = EnrolSettings()) -> None:
        """Begin.

        Raises:
            ValueError: the card has no [reference] or no [thresholds].
        """
        if card.reference is None or card.thresholds is None:
            raise ValueError(f"{card.name} has no [reference] in its card")
        self._distance, self._clear_at = card.reference.distance, card.thresholds.clear_at
        self._model, self._settings = card.fingerprint, settings
        self._picture: Picture | None = None
        self._epoch = 0
        self._scores: list[FrameScore] = []
        self._qualities: list[Quality] = []
        self._unusable = self._crowded = 0
        self._start_s: float | None = None
        self._last_s = self._scored_s = 0.0
        self.observed_s = 0.0
        """Seconds of a judged face so far."""

    @property
    def progress(self) -> float:
        """How much of the stretch is there, in [0, 1]."""
        return min(1.0, self.observed_s / self._settings.duration_s)

    def add(
        self, faces: Sequence[Sighting], time_s: float, picture: Picture, epoch: int
    ) -> Enrolment | Refused | None:
        """Take a frame; None while it goes on."""
        if self._start_s is None:
            self._start_s, self._picture, self._epoch = time_s, picture, epoch
        if (picture, epoch) != (self._picture, self._epoch) or time_s < self._last_s:
            return Refused.INTERRUPTED
        self._last_s = time_s
        if len(faces) > 1:
            self._crowded += 1
        elif faces:
            self._look(faces[0], time_s)
        if self.observed_s >= self._settings.duration_s:
            return self._outcome(picture)
        if time_s - self._start_s >= self._settings.give_up_s:
            return self._shortage()
        return None

    def finish(self) -> Enrolment | Refused:
        """Close the stretch where it stands: the file is over."""
        if self._picture is None or self.observed_s < self._settings.duration_s / 4:
            return self._shortage()
        return self._outcome(self._picture)

    def _look(self, face: Sighting, time_s: float) -> None:
        if not face.quality.usable:
            self._unusable += 1
            return
        if face.score is None:
            return
        if self._scores:
            self.observed_s += min(time_s - self._scored_s, self._settings.pause_s)
        self._scored_s = time_s
        self._scores.append(face.score)
        self._qualities.append(face.quality)

    def _shortage(self) -> Refused:
        if self._crowded > len(self._scores):
            return Refused.SEVERAL_FACES
        return Refused.POOR if self._unusable > len(self._scores) else Refused.THIN

    def _outcome(self, picture: Picture) -> Enrolment | Refused:
        sides = np.array([quality.side_px for quality in self._qualities])
        logits = np.array([score.logit for score in self._scores])
        if len(logits) < self._settings.min_samples:
            return Refused.THIN
        if float(np.median(sides)) < self._settings.min_side_px:
            return Refused.POOR
        if is_suspicious(float(logits.mean()), self._clear_at):
            return Refused.SUSPICIOUS
        seen = [score.embedding for score in self._scores if score.embedding is not None]
        if self._is_unsteady(seen):
            return Refused.UNSTEADY
        return Enrolment(
            model=self._model,
            width=picture[0],
            height=picture[1],
            samples=len(logits),
            observed_s=round(self.observed_s, 3),
            logit_mean=float(logits.mean()),
            logit_sd=float(logits.std()),
            side_px=float(np.median(sides)),
            blur=float(np.median([quality.blur for quality in self._qualities])),
            embedding=tuple(mean_direction(seen).tolist()) if seen else (),
        )

    def _is_unsteady(self, seen: list[NDArray[np.float32]]) -> bool:
        if len(seen) < self._settings.min_samples:
            return False
        middle = len(seen) // 2
        apart = cosine_distance(mean_direction(seen[:middle]), mean_direction(seen[middle:]))
        return apart > 2 * self._distance


def is_suspicious(logit_mean: float, clear_at: float) -> bool:
    """Whether a stretch shows signs itself: an alert about it would not be cleared."""
    return logit_mean >= math.log(clear_at / (1 - clear_at))
