"""Finds 478 points with irises, and how far the eyes are closed, by MediaPipe's FaceLandmarker."""

from dataclasses import replace

from pipeline.landmarkers.regions import look
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from pipeline.types import Face, Image, Landmarks

SIZE_PX = 256


class Mesh478:
    """The mesh and blendshape nets in one graph (see export/convert_mesh478.py)."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        """Points in full-frame pixels with `eye_blink`; None when no face is seen there."""
        seen = look(self._session, image, face, SIZE_PX, "mesh478")
        if seen is None:
            return None
        landmarks, outputs = seen
        right, left = outputs["eye_blink"]
        return replace(landmarks, eye_blink=(float(right), float(left)))


def build(card: ModelCard, device: Device) -> Mesh478:
    """Open the model of the card.

    Raises:
        ModelLoadError: see `open_session`.
    """
    return Mesh478(open_session(card, device))
