"""From a frame and a face box to the crop a classifier sees: the same code trains and serves."""

import cv2
import numpy as np

from pipeline.geometry import square
from pipeline.types import Box, Image


def crop_face(
    image: Image, box: Box, size_px: int, margin: float, interpolation: int | None = None
) -> Image:
    """The square around a face, resized to (size_px, size_px, 3) uint8.

    The side is `margin` times the longer side of `box`; pixels outside the frame repeat its edge.
    No rotation: aligning would resample away the traces that give a forgery away.
    By default shrinking averages (INTER_AREA) and growing is bilinear.
    """
    region = square(box, margin)
    side = max(1, round(region.right - region.left))
    left, top = round(region.left), round(region.top)
    patch = _window(image, left, top, side)
    if side == size_px:
        return np.ascontiguousarray(patch)
    if interpolation is None:
        interpolation = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
    resized = cv2.resize(patch, (size_px, size_px), interpolation=interpolation)
    return np.asarray(resized, dtype=np.uint8)


def _window(image: Image, left: int, top: int, side: int) -> Image:
    """The (side, side, 3) window at (left, top); what lies outside repeats the edge."""
    rows, columns = image.shape[:2]
    right, bottom = left + side, top + side
    inside = image[
        min(max(top, 0), rows - 1) : max(min(bottom, rows), 1),
        min(max(left, 0), columns - 1) : max(min(right, columns), 1),
    ]
    above, below = min(max(-top, 0), side - 1), min(max(bottom - rows, 0), side - 1)
    before, after = min(max(-left, 0), side - 1), min(max(right - columns, 0), side - 1)
    if not (above or below or before or after):
        return inside
    padded = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    return np.asarray(padded[:side, :side], dtype=np.uint8)
