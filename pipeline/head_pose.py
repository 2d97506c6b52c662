"""Where the head is and how it is held, from a few landmarks that neither lids nor lips move."""

import math

from pipeline.types import HeadPose, Landmarks

_POINTS = {
    "300w68": (36, 45, 30, 48, 54),
    "mesh468": (33, 263, 1, 61, 291),
    "mesh478": (33, 263, 1, 61, 291),
}
"""Outer corners of the right and left eye, nose tip, corners of the mouth."""
_NOSE_BELOW_EYES, _MOUTH_BELOW_EYES = 3.79, 7.0
_NOSE_BEFORE_EYES, _MOUTH_BEFORE_EYES = 4.30, 1.11
"""Of the canonical face, in its own unit; "before" is towards the camera."""
_NEUTRAL_DEG = 10.0
"""What the formula gives for people who look ahead: the median of the development clips."""


def pose_of(landmarks: Landmarks, yaw_deg: float | None) -> HeadPose | None:
    """Place, size, yaw and pitch of the head; None for unknown or degenerate points.

    Under parallel projection a lowered head brings the nose tip, which stands before the face,
    nearer to the mouth: the share of the way from the eyes to the mouth is a fraction of two
    linear functions of the pitch's tangent. Good to some 10 degrees between people, much better
    within one.
    """
    if landmarks.scheme not in _POINTS:
        return None
    rows: list[list[float]] = landmarks.points[list(_POINTS[landmarks.scheme])].tolist()
    (x0, y0), (x1, y1), (nose_x, nose_y), (m0x, m0y), (m1x, m1y) = rows
    dx, dy = x1 - x0, y1 - y0
    apart = math.hypot(dx, dy)
    if not apart > 0 or not math.isfinite(apart):
        return None
    x, y = (x0 + x1) / 2, (y0 + y1) / 2

    def below(px: float, py: float) -> float:
        """How far a point lies below the line of the eyes."""
        return ((py - y) * dx - (px - x) * dy) / apart

    nose, mouth = below(nose_x, nose_y), below((m0x + m1x) / 2, (m0y + m1y) / 2)
    pitch_deg = _pitch(nose / mouth) if mouth > 0 else None
    return HeadPose(x, y, apart, yaw_deg, pitch_deg)


def _pitch(share: float) -> float | None:
    """Degrees from where the nose tip stands between eyes (0) and mouth (1)."""
    away = _NOSE_BEFORE_EYES - share * _MOUTH_BEFORE_EYES
    if not away > 0:
        return None
    tangent = (share * _MOUTH_BELOW_EYES - _NOSE_BELOW_EYES) / away
    return math.degrees(math.atan(tangent)) - _NEUTRAL_DEG
