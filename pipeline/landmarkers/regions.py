"""The square a landmark net looks at, and what its points say about the face's box."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import center, height, width
from pipeline.onnx_session import OnnxSession
from pipeline.types import Box, Face, Image, Landmarks

SIDE_PER_BOX = 1.35
"""Side of the square per longer side of a detector's box: with it a face fills the square as it
does where MediaPipe follows a face (1.5 times the extent of the points); measured, 1351 faces."""
SHIFT_PER_BOX = 0.054
"""How far below the middle of the box the square's middle lies, in longer sides of the box."""
PRESENT_AT = 0.5
LOOK_AGAIN_RAD = float(np.deg2rad(12))
LEAST_EXTENT, MOST_EXTENT = 0.5, 0.85
MOST_OFFSET = 0.12
"""A well placed face fills two thirds of the square, in its middle, with its eyes level; beyond
these bounds the net looks again."""

FACE_POINTS = 468
"""Points of a mesh that lie on the skin; the iris points after them do not bound a face."""
BOX_OFFSETS = {
    "mesh478": (0.009, -0.116, -0.008, -0.004),
    "mesh468": (0.021, -0.116, -0.010, 0.017),
    "300w68": (0.015, -0.333, -0.008, -0.009),
}
"""Detector's box minus extent of the points, per extent: left, top, right, bottom; measured as the
medians over 1351 faces. Boxes so made overlap YuNet's by an IoU of 0.90 in the mean."""
RIGHT_EYE, LEFT_EYE = (33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)
RIGHT_CORNER, LEFT_CORNER = 33, 263
OUTLINE = (10, 454, 152, 234)
"""Top, left, bottom and right of the face's oval in a mesh."""
NOSE_TIP, RIGHT_MOUTH, LEFT_MOUTH = 4, 61, 291


@dataclass(frozen=True, slots=True)
class Region:
    """A square in the frame, turned with the head."""

    x_px: float
    y_px: float
    side_px: float
    angle_rad: float
    """Of the line from the right to the left eye; positive is clockwise as seen."""


def region_of(face: Face) -> Region:
    """Return the square to look at for a face; upright when the face has no keypoints."""
    longer_px = max(width(face.box), height(face.box))
    angle = 0.0
    if face.keypoints is not None:
        right, left = face.keypoints[0], face.keypoints[1]
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    x, y = center(face.box)
    down = SHIFT_PER_BOX * longer_px
    return Region(
        x - down * float(np.sin(angle)),
        y + down * float(np.cos(angle)),
        SIDE_PER_BOX * longer_px,
        angle,
    )


def cut(image: Image, region: Region, size_px: int) -> tuple[Image, NDArray[np.float64]]:
    """Return the upright (size_px, size_px, 3) patch and the (2, 3) map from it to the frame.

    What lies outside the frame repeats its edge.
    """
    scale = size_px / max(region.side_px, 1.0)
    cos, sin = np.cos(region.angle_rad) * scale, np.sin(region.angle_rad) * scale
    half = size_px / 2
    into = np.array(
        [
            [cos, sin, half - cos * region.x_px - sin * region.y_px],
            [-sin, cos, half + sin * region.x_px - cos * region.y_px],
        ]
    )
    # Ours counts from the edge of a pixel, OpenCV's from its middle.
    by_middles = into.copy()
    by_middles[:, 2] += into[:, :2].sum(axis=1) / 2 - 0.5
    patch = cv2.warpAffine(
        image,
        by_middles,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(patch, np.uint8), np.asarray(cv2.invertAffineTransform(into))


def look(
    session: OnnxSession, image: Image, face: Face, size_px: int, scheme: str
) -> tuple[Landmarks, dict[str, NDArray[np.float32]]] | None:
    """Run a mesh net on the face; None when the net sees none there.

    Detectors understate how far a head leans (YuNet by 20 of 45 degrees). When the points say that
    the square was badly turned or placed, the net looks once more from where they are.
    Returns the landmarks in full-frame px and all outputs of the net.
    """
    seen = _look_once(session, image, face, size_px, scheme)
    if seen is None or _was_well_placed(seen[1]["points"], size_px):
        return seen
    better = Face(face_box(seen[0], face.box), face.score_prob, keypoints_of(seen[0]))
    return _look_once(session, image, better, size_px, scheme) or seen


def _look_once(
    session: OnnxSession, image: Image, face: Face, size_px: int, scheme: str
) -> tuple[Landmarks, dict[str, NDArray[np.float32]]] | None:
    if width(face.box) < 1 or height(face.box) < 1:
        return None
    patch, to_frame = cut(image, region_of(face), size_px)
    outputs = session.run({"image": patch[None]})
    presence_logit = float(outputs["presence_logit"][0])
    presence = 1 / (1 + math.exp(-min(max(presence_logit, -60.0), 60.0)))
    if not presence >= PRESENT_AT or not math.isfinite(float(outputs["points"].sum())):
        return None
    points = outputs["points"] @ to_frame[:, :2].T + to_frame[:, 2]
    return Landmarks(points.astype(np.float32), scheme, presence), outputs


def _was_well_placed(points: NDArray[np.float32], size_px: int) -> bool:
    """Say whether a face with these points, in px of the square, sits in it as it should."""
    (x0, y0), (x1, y1) = points[RIGHT_CORNER].tolist(), points[LEFT_CORNER].tolist()
    outline = points[list(OUTLINE)].tolist()
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    across, down = max(xs) - min(xs), max(ys) - min(ys)
    return (
        abs(math.atan2(y1 - y0, x1 - x0)) < LOOK_AGAIN_RAD
        and LEAST_EXTENT < max(across, down) / size_px < MOST_EXTENT
        and abs(max(xs) + min(xs) - size_px) < 2 * MOST_OFFSET * size_px
        and abs(max(ys) + min(ys) - size_px) < 2 * MOST_OFFSET * size_px
    )


def face_box(landmarks: Landmarks, like: Box) -> Box:
    """Return the box a detector would draw around these points.

    `like` is the box known so far; it is returned when the points say nothing of a box.
    """
    offsets = BOX_OFFSETS.get(landmarks.scheme)
    if offsets is None:
        return like
    low = landmarks.points[:FACE_POINTS].min(axis=0)
    high = landmarks.points[:FACE_POINTS].max(axis=0)
    wide, tall = (float(extent) for extent in high - low)
    if wide < 1 or tall < 1:
        return like
    return Box(
        float(low[0]) + offsets[0] * wide,
        float(low[1]) + offsets[1] * tall,
        float(high[0]) + offsets[2] * wide,
        float(high[1]) + offsets[3] * tall,
    )


def keypoints_of(landmarks: Landmarks) -> NDArray[np.float32]:
    """Return the detector's five keypoints as the landmarks have them, (5, 2) px."""
    points = landmarks.points
    if landmarks.scheme == "300w68":
        right, left = points[36:42], points[42:48]
        rest = points[[30, 48, 54]]
    else:
        right, left = points[list(RIGHT_EYE)], points[list(LEFT_EYE)]
        rest = points[[NOSE_TIP, RIGHT_MOUTH, LEFT_MOUTH]]
    return np.vstack([right.mean(axis=0), left.mean(axis=0), rest]).astype(np.float32)
