"""Is this face good enough to judge? Size, damage, pose, exposure and blur."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import center, clip, height, width
from pipeline.types import Box, Face, Image, Landmarks, Quality

_BLUR_SIDE_PX = 112
_DARK_LUMA, _BRIGHT_LUMA = 20, 250
_NOSE_BEFORE_EYES = 0.64
"""How far the nose tip stands before the eye centres, over their distance (canonical face)."""
_NOSE_BEFORE_CORNERS = 0.48
"""The same for the outer eye corners."""
_CORNERS_AND_NOSE = {"300w68": (36, 45, 30), "mesh468": (33, 263, 1), "mesh478": (33, 263, 1)}


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What a face must offer before its score counts."""

    side_px: float = 64.0
    """Below this the classifier guesses; 80 px is comfortable, a meeting's tile may have 60."""
    blur: float = 12.0
    """Least variance of the Laplacian at 112 px or, if smaller, at its own size.

    616 genuine and swapped faces of the development videos have 23 and more; blurred by 2 % of
    their side, three quarters fall below.
    """
    dark: float = 0.12
    bright: float = 0.92
    """Limits of the mean luma, in [0, 1]."""
    clipped_share: float = 0.35
    """Largest share of black or burnt-out pixels."""
    yaw_deg: float = 50.0


def assess(
    image: Image,
    face: Face,
    landmarks: Landmarks | None,
    *,
    damaged: bool,
    limits: QualityLimits = QualityLimits(),
) -> Quality:
    """Say whether a face can be judged, and if not, why (the first reason found).

    `image` is the full frame, (H, W, 3) uint8 BGR; yaw comes from the landmarks, else from the
    detector's five points, else it is unknown and does not disqualify.
    """
    side_px = math.sqrt(max(0.0, width(face.box)) * max(0.0, height(face.box)))
    yaw_deg = yaw_of(face, landmarks)
    grey = _grey_face(image, face.box)
    blur = _blur(grey) if grey is not None else 0.0
    exposure = float(grey.mean()) / 255 if grey is not None else 0.0
    clipped = _clipped_shares(grey) if grey is not None else (0.0, 0.0)
    reason = _reason(side_px, blur, exposure, clipped, yaw_deg, damaged, limits)
    return Quality(side_px, blur, exposure, yaw_deg, damaged, reason is None, reason)


def yaw_of(face: Face, landmarks: Landmarks | None) -> float | None:
    """Turn of the head in degrees, positive towards the picture's right; None if unknown.

    Under parallel projection the nose tip leaves the middle of the eyes by depth * sin(yaw) while
    their distance shrinks by cos(yaw): the ratio of the two is a tangent. Good to some 8 degrees.
    """
    if landmarks is not None and landmarks.scheme in _CORNERS_AND_NOSE:
        right, left, nose = _CORNERS_AND_NOSE[landmarks.scheme]
        points = landmarks.points
        return _yaw(points[right], points[left], points[nose], _NOSE_BEFORE_CORNERS)
    if face.keypoints is not None:
        right_eye, left_eye, nose_tip = face.keypoints[:3]
        return _yaw(right_eye, left_eye, nose_tip, _NOSE_BEFORE_EYES)
    return None


def _yaw(
    right: NDArray[np.float32], left: NDArray[np.float32], nose: NDArray[np.float32], depth: float
) -> float | None:
    (x0, y0), (x1, y1), (x, y) = right.tolist(), left.tolist(), nose.tolist()
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy
    if not squared > 0:
        return None
    along = ((x - (x0 + x1) / 2) * dx + (y - (y0 + y1) / 2) * dy) / squared
    return math.degrees(math.atan(along / depth))


def _grey_face(image: Image, box: Box) -> NDArray[np.uint8] | None:
    """The inner face, grey, 112 px at most; None when the box lies outside the frame."""
    rows, columns = image.shape[:2]
    x, y = center(box)
    half_x, half_y = width(box) * 0.4, height(box) * 0.4
    inner = clip(Box(x - half_x, y - half_y, x + half_x, y + half_y), columns, rows)
    left, top, right, bottom = (
        int(inner.left),
        int(inner.top),
        math.ceil(inner.right),
        math.ceil(inner.bottom),
    )
    if right - left < 2 or bottom - top < 2:
        return None
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    longest = max(grey.shape)
    # Only shrink: enlarging a small face would smooth it and call it blurred.
    if longest > _BLUR_SIDE_PX:
        shrink = _BLUR_SIDE_PX / longest
        size = max(2, round(shrink * (right - left))), max(2, round(shrink * (bottom - top)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.uint8)


def _blur(grey: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian: little where edges are soft (Pech-Pacheco et al. 2000)."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def _clipped_shares(grey: NDArray[np.uint8]) -> tuple[float, float]:
    return (
        np.count_nonzero(grey <= _DARK_LUMA) / grey.size,
        np.count_nonzero(grey >= _BRIGHT_LUMA) / grey.size,
    )


def _reason(
    side_px: float,
    blur: float,
    exposure: float,
    clipped: tuple[float, float],
    yaw_deg: float | None,
    damaged: bool,  # noqa: FBT001 - a fact about the frame, not a mode
    limits: QualityLimits,
) -> str | None:
    verdicts = (
        ("damaged", damaged),
        ("small", side_px < limits.side_px),
        ("turned", yaw_deg is not None and abs(yaw_deg) > limits.yaw_deg),
        ("dark", exposure < limits.dark or clipped[0] > limits.clipped_share),
        ("bright", exposure > limits.bright or clipped[1] > limits.clipped_share),
        ("blurred", blur < limits.blur),
    )
    return next((word for word, hit in verdicts if hit), None)
