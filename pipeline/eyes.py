"""Eye aspect ratios: how far each eye is open in one picture."""

import math

from pipeline.head_pose import pose_of
from pipeline.types import EyeSample, Landmarks

_MESH = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
_EYES = {
    "mesh468": _MESH,
    "mesh478": _MESH,
    "300w68": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)),
}
_FAR_EYE_HIDDEN_DEG = 30.0
_BOTH_EYES_HIDDEN_DEG = 45.0
_LIDS_HIDDEN_PITCH_DEG = 25.0
"""A head held so low or high shows the lids, or the lashes, in place of the opening."""


def measure_eyes(landmarks: Landmarks, yaw_deg: float | None) -> EyeSample:
    """Eye aspect ratios of the subject's right and left eye (Soukupová and Čech, CVWW 2016).

    `yaw_deg` is positive when the nose points to the picture's right, where the subject's left
    eye is then the far one. The far eye counts by cos(yaw), and not at all beyond 30 degrees;
    beyond 45 neither eye is measured, nor where the head is lowered or raised by more than 25.
    An unknown yaw or pitch counts as frontal.
    """
    yaw = yaw_deg or 0.0
    head = pose_of(landmarks, yaw_deg)
    pitch = (head.pitch_deg if head is not None else None) or 0.0
    hidden = abs(yaw) > _BOTH_EYES_HIDDEN_DEG or abs(pitch) > _LIDS_HIDDEN_PITCH_DEG
    if hidden or landmarks.scheme not in _EYES:
        return EyeSample(None, None, None, head=head)
    right, left = (_aspect_ratio(landmarks, indices) for indices in _EYES[landmarks.scheme])
    far = math.cos(math.radians(yaw)) if abs(yaw) <= _FAR_EYE_HIDDEN_DEG else 0.0
    weights = (1.0, far) if yaw > 0 else (far, 1.0)
    right, left = (v if w > 0 else None for v, w in zip((right, left), weights, strict=True))
    ear = _weighted((right, left), weights)
    blink = _weighted(landmarks.eye_blink, weights) if landmarks.eye_blink else None
    return EyeSample(right, left, ear, blink, head)


def _aspect_ratio(landmarks: Landmarks, indices: tuple[int, ...]) -> float | None:
    """(|p2 p6| + |p3 p5|) / (2 |p1 p4|); None for a degenerate eye."""
    p1, p2, p3, p4, p5, p6 = (landmarks.points[i].tolist() for i in indices)
    across = math.dist(p1, p4)
    if not across > 0:
        return None
    ratio = (math.dist(p2, p6) + math.dist(p3, p5)) / (2 * across)
    return ratio if math.isfinite(ratio) else None


def _weighted(
    values: tuple[float | None, float | None], weights: tuple[float, float]
) -> float | None:
    """The weighted mean of what is known and counts."""
    pairs = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None and w > 0]
    total = sum(w for _, w in pairs)
    return sum(v * w for v, w in pairs) / total if total > 0 else None
