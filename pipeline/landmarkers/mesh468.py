"""Finds 468 points by MediaPipe's FaceMesh: cheaper, and blunter about the eyelids."""

from pipeline.landmarkers.regions import look
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from pipeline.types import Face, Image, Landmarks

SIZE_PX = 192


class Mesh468:
    """The FaceMesh net (see export/convert_mesh468.py)."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        """Points in full-frame pixels; None when no face is seen there."""
        seen = look(self._session, image, face, SIZE_PX, "mesh468")
        return seen[0] if seen else None


def build(card: ModelCard, device: Device) -> Mesh468:
    """Open the model of the card.

    Raises:
        ModelLoadError: see `open_session`.
    """
    return Mesh468(open_session(card, device))
