"""A genuine stretch of one person, enrolled, and what a later stretch says held against it.

Recordings differ more from one another than a swap differs from its original: relative to the same
person before the same camera, an answer says more. All of it is bounded, so that whoever was there
from the start cannot normalise himself away, and a likeness never exonerates.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.model_card import ModelCard, ReferenceScale
from pipeline.types import FrameScore, Reason, WindowScore

Embedding: TypeAlias = NDArray[np.float64]
"""(D,) of unit length."""
Picture: TypeAlias = tuple[int, int]
"""Width and height of the stream's picture, px."""

_PRIOR_SAMPLES = 4
"""How many looks the average genuine recording is worth against those enrolled."""
_SHIFT_SD = 0.7
"""At most so many standard deviations between genuine recordings may be shifted, either way."""
_DISTANCE_WEIGHT = 1.15
"""Log-odds for each factor e in distance: half of what the held-out clips gave, because other
light or another person keep away from an enrolled face, too."""
_DISTANCE_CAP = 1.0
_LEAST_EMBEDDINGS = 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A person's genuine stretch, as it is kept. Biometric data: never logged, never sent."""

    model: str
    """Fingerprint of the classifier that saw it; with another one it is void."""
    width: int
    height: int
    """Of the picture; at another size it is void."""
    samples: int
    observed_s: float
    logit_mean: float
    logit_sd: float
    """Of the calibrated log-odds of its looks."""
    side_px: float
    blur: float
    """Medians of the faces' quality."""
    embedding: tuple[float, ...]
    """Unit-length mean; empty where the model gives none."""

    def void(self, model: str, picture: Picture | None) -> str | None:
        """Why it does not hold: "model", "size"; None while it does."""
        if self.model != model:
            return "model"
        return "size" if picture not in (None, (self.width, self.height)) else None


class Likeness:
    """The embeddings of one face over the last seconds, and how far they are from the enrolled."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, NDArray[np.float32]]] = deque()

    def add(self, score: FrameScore, time_s: float) -> None:
        """Take a look's embedding, where there is one."""
        if score.embedding is not None:
            self._seen.append((time_s, score.embedding))
        while self._seen and self._seen[0][0] <= time_s - self._window_s:
            self._seen.popleft()

    def distance(self, enrolment: Enrolment) -> float | None:
        """Cosine distance in [0, 2]; None while too little was seen, or nothing to compare."""
        if len(self._seen) < _LEAST_EMBEDDINGS:
            return None
        now = mean_direction([embedding for _, embedding in self._seen])
        then = np.array(enrolment.embedding)
        return cosine_distance(now, then) if now.shape == then.shape else None


def mean_direction(embeddings: list[NDArray[np.float32]]) -> Embedding:
    """The unit-length mean of (D,) vectors; zeros where they cancel out."""
    mean = np.mean(np.array(embeddings, np.float64), axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length if length > 0 else mean, np.float64)


def cosine_distance(one: Embedding, other: Embedding) -> float:
    """1 - cosine of two unit-length vectors, in [0, 2]."""
    return min(2.0, max(0.0, 1.0 - float(one @ other)))


def shift_llr(scale: ReferenceScale, samples: int, logit_mean: float) -> float:
    """What this person's ordinary level takes from or adds to the score, within 0.7 sd.

    The level is drawn to the average recording's by `_PRIOR_SAMPLES` looks (shrinkage).
    """
    away = samples * (logit_mean - scale.logit_mean) / (samples + _PRIOR_SAMPLES)
    bound = _SHIFT_SD * scale.logit_sd
    return -min(bound, max(-bound, away))


def distance_llr(scale: ReferenceScale, distance: float | None) -> float:
    """What a face adds that is not as enrolled, in [0, 1]: likeness takes nothing away."""
    if distance is None or not distance > scale.distance:
        return 0.0
    return min(_DISTANCE_CAP, _DISTANCE_WEIGHT * math.log(distance / scale.distance))


def reference_cue(
    card: ModelCard,
    enrolment: Enrolment | None,
    picture: Picture,
    window: WindowScore,
    likeness: Likeness,
) -> tuple[Reason, ...]:
    """The term "reference" of the fused score; empty where no enrolment holds or nothing is known.

    `window` is the classifier's: without its score there is nothing to hold against the enrolment.
    """
    if enrolment is None or card.reference is None or window.logit is None:
        return ()
    if enrolment.void(card.fingerprint, picture) is not None:
        return ()
    shift = shift_llr(card.reference, enrolment.samples, enrolment.logit_mean)
    apart = distance_llr(card.reference, likeness.distance(enrolment))
    return (Reason("reference", shift + apart, _sentence(shift, apart, enrolment.observed_s)),)


def _sentence(shift: float, apart: float, observed_s: float) -> str:
    if apart > 0.05:
        text = "The face does not look as it did when it was enrolled"
        text += "; other light, another person or manipulation can do that"
    elif shift > 0.05:
        text = "When enrolled, this person showed fewer such signs than most: the score counts more"
    elif shift < -0.05:
        text = "When enrolled, this person showed more such signs than most: the score counts less"
    else:
        text = "The face looks as it did when it was enrolled, which exonerates nobody"
    return f"{text} ({observed_s:.0f} s were enrolled)."
