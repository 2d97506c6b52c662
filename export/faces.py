"""The face that a training picture is of: the detector, landmarks and quality gate that serve."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import area, shift
from pipeline.load import Models, load_models
from pipeline.onnx_session import Device
from pipeline.quality import assess
from pipeline.types import Box, Face, Frame, Image, Quality

PAD_SHARE = 0.25
POINTS = 478


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face for the crop store."""

    box: Box
    landmarks: NDArray[np.float32]
    """(478, 2) px in the picture; NaN where the mesh model saw no face."""
    score_prob: float
    """The detector's."""
    quality: Quality


class FaceFinder:
    """The shipped detector and landmarker, one face a picture."""

    def __init__(self, min_score_prob: float = 0.0) -> None:
        self._models: Models = load_models(device=Device.CPU)
        self._min_score_prob = min_score_prob

    def largest(self, frame: Frame) -> FoundFace | None:
        """The face of the largest box; a picture that is all face is padded and tried again."""
        image = frame.image
        face = self._detect(image)
        if face is None:
            pad = round(PAD_SHARE * max(image.shape[:2]))
            padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
            face = self._detect(np.asarray(padded, np.uint8))
            if face is None:
                return None
            face = _shifted(face, -pad)
        seen = self._models.landmarker(image, face)
        points = seen.points if seen else np.full((POINTS, 2), np.nan, np.float32)
        quality = assess(image, face, seen, damaged=frame.damaged)
        return FoundFace(face.box, points, face.score_prob, quality)

    def _detect(self, image: Image) -> Face | None:
        faces = [
            face for face in self._models.detector(image) if face.score_prob > self._min_score_prob
        ]
        return max(faces, key=lambda face: area(face.box), default=None)


def _shifted(face: Face, by_px: float) -> Face:
    points = None if face.keypoints is None else face.keypoints + np.float32(by_px)
    return Face(shift(face.box, by_px, by_px), face.score_prob, points)
