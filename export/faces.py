"""Finds the largest face and its 478 points in a picture, for building training data."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.types import Box, Image

DETECT_SIDE_PX = 640
PAD_SHARE = 0.25
MESH_SIDE_PX = 256
MESH_MARGIN = 1.4


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face for the crop store."""

    box: Box
    keypoints: NDArray[np.float32]
    """(5, 2) px, YuNet's order."""
    landmarks: NDArray[np.float32]
    """(478, 2) px; NaN where the mesh model saw no face."""


class FaceFinder:
    """YuNet, then FaceMesh on a rotated square around the box."""

    def __init__(self, models: Path) -> None:
        self._yunet = cv2.FaceDetectorYN.create(
            str(models / "face_detection_yunet_2023mar.onnx"), "", (320, 320), 0.6, 0.3, 50
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._mesh = ort.InferenceSession(
            str(models / "face_landmarks_detector_fast.onnx"),
            options,
            providers=["CPUExecutionProvider"],
        )

    def largest(self, image: Image) -> FoundFace | None:
        """The face of the largest box; a picture that is all face is padded and tried again."""
        row = self._detect(image)
        if row is None:
            pad = round(PAD_SHARE * max(image.shape[:2]))
            padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
            row = self._detect(np.asarray(padded, dtype=np.uint8))
            if row is None:
                return None
            row[0:2] -= pad
            row[4:14] -= pad
        x, y, width, height = row[:4]
        box = Box(float(x), float(y), float(x + width), float(y + height))
        keypoints = row[4:14].reshape(5, 2)
        return FoundFace(box, keypoints, self._points(image, box, keypoints))

    def _detect(self, image: Image) -> NDArray[np.float32] | None:
        rows, columns = image.shape[:2]
        factor = min(1.0, DETECT_SIDE_PX / max(rows, columns))
        small = image if factor == 1.0 else cv2.resize(image, None, fx=factor, fy=factor)
        self._yunet.setInputSize((small.shape[1], small.shape[0]))
        faces = self._yunet.detect(small)[1]
        if faces is None:
            return None
        best = max(faces, key=lambda face: face[2] * face[3])
        found = np.asarray(best, dtype=np.float32).copy()
        found[:14] /= factor
        return found

    def _points(
        self, image: Image, box: Box, keypoints: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        right_eye, left_eye = keypoints[0], keypoints[1]
        angle = np.arctan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
        side = max(box.right - box.left, box.bottom - box.top) * MESH_MARGIN
        factor = MESH_SIDE_PX / side
        cosine, sine = np.cos(angle) * factor, np.sin(angle) * factor
        middle = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
        turn = np.array([[cosine, sine], [-sine, cosine]])
        matrix = np.hstack([turn, (MESH_SIDE_PX / 2 - turn @ middle)[:, None]])
        patch = cv2.warpAffine(
            image, matrix, (MESH_SIDE_PX, MESH_SIDE_PX), borderMode=cv2.BORDER_REPLICATE
        )
        return self._run_mesh(np.asarray(patch, dtype=np.uint8), matrix)

    def _run_mesh(self, patch: Image, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        batch = (patch[None, :, :, ::-1] / 255.0).astype(np.float32)
        name = self._mesh.get_inputs()[0].name
        outputs = [np.asarray(value) for value in self._mesh.run(None, {name: batch})]
        points = next(value for value in outputs if value.size == 478 * 3).reshape(478, 3)
        presence = min(float(value.ravel()[0]) for value in outputs if value.size == 1)
        if not np.isfinite(presence):
            return np.full((478, 2), np.nan, dtype=np.float32)
        back = cv2.invertAffineTransform(matrix)
        return (points[:, :2] @ back[:, :2].T + back[:, 2]).astype(np.float32)
