"""Finds upright faces with dlib's HOG detector (King 2009, Dlib-ml): no net, no ONNX Runtime."""

import math
from collections import deque
from collections.abc import Sequence

import cv2
import dlib

from pipeline.errors import ModelLoadError
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import Box, Face, Image

VIEW_PX = 640
"""Longer side of the picture that is searched; dlib sees faces from 80 px in it."""
FOUND_AT = 0.1
"""Margin of the support vector machine; on 658 faces nothing false lay above it."""
BOX_OFFSETS = (0.041, -0.194, -0.052, 0.035)
"""YuNet's box minus dlib's square, per side of the square: left, top, right, bottom; medians over
658 faces. Every detector must draw the same box, because crops are cut from it."""


class DlibHog:
    """dlib's frontal face detector behind the same box convention as YuNet's."""

    def __init__(self) -> None:
        # A dlib detector keeps buffers, so two threads may not share one, and making one takes
        # 0.2 s: idle ones wait here. Both ends of a deque are safe between threads.
        self._idle = deque([dlib.get_frontal_face_detector()])

    def __call__(self, image: Image) -> Sequence[Face]:
        """Find faces in a (height, width, 3) BGR frame; full-frame pixels, best first."""
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        factor = min(1.0, VIEW_PX / max(grey.shape))
        if factor < 1:
            grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        try:
            detector = self._idle.pop()
        except IndexError:
            detector = dlib.get_frontal_face_detector()
        squares, margins, _ = detector.run(grey, 0, FOUND_AT)
        self._idle.append(detector)
        found = sorted(zip(margins, squares, strict=True), key=lambda pair: -pair[0])
        return [_face(square, margin, factor) for margin, square in found]


def _face(square: "dlib.rectangle", margin: float, factor: float) -> Face:
    """Turn dlib's square in the small picture into the common box in the frame."""
    side = square.width()
    left, top, right, bottom = (offset * side for offset in BOX_OFFSETS)
    box = Box(
        (square.left() + left) / factor,
        (square.top() + top) / factor,
        (square.right() + 1 + right) / factor,
        (square.bottom() + 1 + bottom) / factor,
    )
    return Face(box, 1 / (1 + math.exp(-2 * margin)))


def build(card: ModelCard, device: Device) -> DlibHog:
    """Make the detector that comes inside dlib.

    Raises:
        ModelLoadError: CUDA was asked for, which it cannot use.
    """
    if device is Device.CUDA:
        raise ModelLoadError(f"{card.name} runs on the CPU only: set the device to cpu or auto.")
    return DlibHog()
