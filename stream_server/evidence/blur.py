"""Faces that are not flagged, made unrecognisable in a picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.geometry import clip, square
from pipeline.types import Box, Image

_MARGIN = 1.5
"""Hair and ears tell people too."""
_CELLS = 6
"""So few cells a side are left of a face."""


def hide(image: Image, faces: Sequence[Box]) -> Image:
    """A copy of the picture with these faces (px) reduced to a few blurred cells."""
    canvas = image.copy()
    for face in faces:
        _wipe(canvas, square(face, _MARGIN))
    return canvas


def hide_all_but(image: Image, face: Box) -> Image:
    """A copy that shows only this face (px): where some faces' places are unknown."""
    rows, columns = image.shape[:2]
    canvas = image.copy()
    _wipe(canvas, Box(0, 0, columns, rows))
    left, top, right, bottom = _edges(canvas, square(face, 1.2))
    canvas[top:bottom, left:right] = image[top:bottom, left:right]
    return canvas


def _wipe(canvas: Image, box: Box) -> None:
    left, top, right, bottom = _edges(canvas, box)
    if right <= left or bottom <= top:
        return
    part = canvas[top:bottom, left:right]
    cells = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    size = (right - left, bottom - top)
    canvas[top:bottom, left:right] = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)


def _edges(canvas: Image, box: Box) -> tuple[int, int, int, int]:
    rows, columns = canvas.shape[:2]
    inside = clip(box, columns, rows)
    low = np.floor((inside.left, inside.top)).astype(int)
    high = np.ceil((inside.right, inside.bottom)).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
