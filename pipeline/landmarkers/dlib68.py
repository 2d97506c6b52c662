"""Finds 68 points with dlib's shape predictor (Kazemi and Sullivan 2014); the user brings the file.

The predictor was trained on 300-W, whose authors exclude commercial use: it is never shipped and
never the default.
"""

import hashlib
from pathlib import Path

import cv2
import dlib
import numpy as np

from pipeline.errors import ModelLoadError
from pipeline.geometry import center, height
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from pipeline.types import Box, Face, Image, Landmarks

FILE_NAME = "shape_predictor_68_face_landmarks.dat"
PLACES = (Path("/usr/share/dlib") / FILE_NAME, Path("/usr/local/share/dlib") / FILE_NAME)
"""Where Debian's package libdlib-data and manual installations put the predictor."""
SIDE_PER_HEIGHT = 0.814
DOWN_PER_HEIGHT = 0.064
"""dlib's square in terms of the common box; medians over 658 faces."""


class Dlib68:
    """The shape predictor on the square that dlib's own detector would give it."""

    def __init__(self, predictor: "dlib.shape_predictor") -> None:
        self._predictor = predictor

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        """Points in full-frame pixels; it cannot say that there is no face, so presence is 1."""
        square = _square(face.box)
        rows, columns = image.shape[:2]
        inside = dlib.rectangle(0, 0, columns - 1, rows - 1).intersect(square)
        if square.width() < 8 or inside.area() < square.area() / 2:
            return None
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        shape = self._predictor(grey, square)
        points = np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()], np.float32)
        return Landmarks(points, "300w68", 1.0)


def _square(box: Box) -> "dlib.rectangle":
    x, y = center(box)
    tall = height(box)
    half, middle = tall * SIDE_PER_HEIGHT / 2, y + tall * DOWN_PER_HEIGHT
    return dlib.rectangle(
        round(x - half), round(middle - half), round(x + half) - 1, round(middle + half) - 1
    )


def build(card: ModelCard, device: Device, predictor: Path | None = None) -> Dlib68:
    """Open the user's own predictor file: the one given, beside the card, or Debian's.

    Raises:
        ModelLoadError: there is no such file, it is another one, or CUDA was asked for.
    """
    if device is Device.CUDA:
        raise ModelLoadError(f"{card.name} runs on the CPU only: set the device to cpu or auto.")
    places = [place for place in (predictor, card.path, *PLACES) if place is not None]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ModelLoadError(
            f"{card.name} needs {FILE_NAME}, which fakewatch may not ship (trained on 300-W, not "
            "for commercial use): install Debian's libdlib-data, or name your copy by `file` and "
            "`sha256` in a card of your own."
        )
    with found.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if card.sha256 is not None and digest != card.sha256:
        raise ModelLoadError(f"{found} is not the predictor of the card: its SHA-256 is {digest}.")
    try:
        return Dlib68(dlib.shape_predictor(str(found)))
    except RuntimeError as error:
        raise ModelLoadError(f"dlib cannot read the predictor {found}: {error}") from error
