"""What a guided challenge sees of one face in one frame: pose, eyes, pattern, colours."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.enrolling import Sighting
from pipeline.geometry import clip, height, width
from pipeline.types import BlinkStats, Box, Image, TrackId

PATTERN_PX = 16

Pattern: TypeAlias = NDArray[np.float32]
"""(PATTERN_PX, PATTERN_PX), grey, mean 0, length 1: light and contrast are divided out."""
Tint: TypeAlias = tuple[float, float]
"""Shares of red and of blue in the mean colour; brightness is divided out."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One face at one frame."""

    track_id: TrackId
    yaw_deg: float | None = None
    blink: BlinkStats | None = None
    logit: float | None = None
    """The classifier's look, where it ran on this frame."""
    pattern: Pattern | None = None
    face_tint: Tint | None = None
    around_tint: Tint | None = None
    """Of what lies below the face: neck, clothes."""


def glimpse_of(image: Image, sighting: Sighting) -> Glimpse:
    """Measure one face; `image` is the full frame, (H, W, 3) uint8 BGR."""
    logit = sighting.score.logit if sighting.score is not None else None
    box, quality = sighting.box, sighting.quality
    if box is None or quality.damaged:
        return Glimpse(sighting.track_id, quality.yaw_deg, sighting.blink, logit)
    across, down = width(box), height(box)
    inner = Box(
        box.left + 0.15 * across,
        box.top + 0.15 * down,
        box.right - 0.15 * across,
        box.bottom - 0.1 * down,
    )
    below = Box(box.left, box.bottom + 0.1 * down, box.right, box.bottom + 0.5 * down)
    face, around = _cut(image, inner), _cut(image, below)
    return Glimpse(
        sighting.track_id,
        quality.yaw_deg,
        sighting.blink,
        logit,
        pattern_of(face) if face is not None else None,
        tint_of(face) if face is not None else None,
        tint_of(around) if around is not None else None,
    )


def pattern_of(picture: Image) -> Pattern | None:
    """The coarse pattern of a picture; None where it has none."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (PATTERN_PX, PATTERN_PX), interpolation=cv2.INTER_AREA)
    flat = small.astype(np.float32) - float(small.mean())
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length, np.float32) if length > 1.0 else None


def likeness(one: Pattern, other: Pattern) -> float:
    """Correlation of two patterns, in [-1, 1]."""
    return float(np.clip(np.sum(one * other), -1.0, 1.0))


def tint_of(picture: Image) -> Tint | None:
    """Shares of red and blue in the mean colour; None for black."""
    blue, green, red = cv2.mean(picture)[:3]
    total = blue + green + red
    return (red / total, blue / total) if total > 3.0 else None


def _cut(image: Image, box: Box) -> Image | None:
    """The pixels of a box; None where fewer than 8 x 8 of them are in the picture."""
    inside = clip(box, image.shape[1], image.shape[0])
    left, top = math.ceil(inside.left), math.ceil(inside.top)
    right, bottom = int(inside.right), int(inside.bottom)
    if right - left < 8 or bottom - top < 8:
        return None
    return image[top:bottom, left:right]
