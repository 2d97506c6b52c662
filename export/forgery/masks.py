"""Soft masks over a face: hulls, components and ellipses, as swappers draw them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from export.forgery.face import FaceCrop, Mask

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
FOREHEAD = (10, 338, 297, 332, 284, 251, 162, 21, 54, 103, 67, 109)
CHIN = (365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136)
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 64, 294, 48, 278, 219, 439, 115, 344)
BROWS = RIGHT_BROW + LEFT_BROW
EYES = RIGHT_EYE + LEFT_EYE


def hull(face: FaceCrop, indices: tuple[int, ...]) -> Mask:
    """The convex hull of some points, filled with 1."""
    mask = np.zeros(face.image.shape[:2], dtype=np.float32)
    corners = cv2.convexHull(np.round(face.points[list(indices)]).astype(np.int32))
    cv2.fillConvexPoly(mask, corners, 1.0)
    return mask


def face_hull(face: FaceCrop, rng: np.random.Generator) -> Mask:
    """One of the regions that swaps replace: whole face, without forehead or chin, inner face."""
    jaw = tuple(index for index in OVAL if index not in FOREHEAD)
    kinds = (
        OVAL,
        jaw + BROWS,
        tuple(index for index in OVAL if index not in CHIN) + LIPS,
        BROWS + EYES + NOSE + LIPS,
        BROWS + EYES + NOSE,
    )
    kind = rng.choice(len(kinds), p=(0.35, 0.35, 0.1, 0.12, 0.08))
    return hull(face, kinds[int(kind)])


def feature(face: FaceCrop, rng: np.random.Generator) -> Mask:
    """The mouth, the eyes, the nose or the brows, with some skin around."""
    kinds = (LIPS, LIPS + CHIN, EYES, RIGHT_EYE, LEFT_EYE, NOSE, EYES + BROWS)
    kind = kinds[int(rng.choice(len(kinds), p=(0.3, 0.2, 0.15, 0.05, 0.05, 0.1, 0.15)))]
    grow = max(1, round(face.side_px * rng.uniform(0.02, 0.07)))
    if kind == EYES:
        both = np.maximum(hull(face, RIGHT_EYE), hull(face, LEFT_EYE))
        return _grown(both, grow)
    return _grown(hull(face, kind), grow)


def _grown(mask: Mask, by_px: int) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return np.asarray(cv2.dilate(mask, kernel), np.float32)


def ellipse(face: FaceCrop, rng: np.random.Generator) -> Mask:
    """An upright ellipse over the face."""
    mask = np.zeros(face.image.shape[:2], dtype=np.float32)
    left, top, right, bottom = (float(edge) for edge in face.box)
    wide, high = rng.uniform(0.36, 0.5), rng.uniform(0.4, 0.52)
    axes = (round((right - left) * wide), round((bottom - top) * high))
    middle = (round((left + right) / 2), round((top + bottom) / 2))
    cv2.ellipse(mask, middle, axes, 0, 0, 360, 1.0, -1)
    return mask


def eroded(mask: Mask, by_px: float) -> Mask:
    """Shrunk by a margin; negative grows."""
    size = 2 * round(abs(by_px)) + 1
    if size == 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    step = cv2.erode if by_px > 0 else cv2.dilate
    return np.asarray(step(mask, kernel), np.float32)


def feathered(mask: Mask, sigma_px: float) -> Mask:
    """Blurred edges."""
    if sigma_px < 0.3:
        return mask
    soft = cv2.GaussianBlur(mask, (0, 0), sigma_px)
    soft[soft < 1 / 512] = 0.0
    return np.asarray(np.minimum(soft, 1.0), np.float32)


def elastic(mask: Mask, face: FaceCrop, rng: np.random.Generator) -> Mask:
    """The outline shaken smoothly, so that no mask follows the points exactly."""
    rows, columns = mask.shape
    grid = rng.normal(0.0, face.side_px * 0.035, (2, 6, 6)).astype(np.float32)
    shift: list[NDArray[np.float32]] = [
        np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
        for part in grid
    ]
    xs, ys = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return np.asarray(cv2.remap(mask, xs + shift[0], ys + shift[1], cv2.INTER_LINEAR), np.float32)


def inward(mask: Mask, sigma_px: float) -> Mask:
    """Feathered towards the inside, so that the edge of the region itself is 0."""
    core = (feathered(mask, sigma_px) > 0.98).astype(np.float32)
    soft = feathered(core, sigma_px)
    peak = float(soft.max())
    return soft / peak if peak > 0 else feathered(mask, sigma_px / 2)
