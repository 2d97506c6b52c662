"""Finds faces with YuNet (Wu, Peng and Yu 2023, YuNet: A Tiny Millisecond-level Face Detector)."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from pipeline.types import Box, Face, Image

STRIDES = (8, 16, 32)
SHRINK = 4
"""A face of 48 px is worth judging; after shrinking by 4 the net still sees it at 12 px."""
SMALLEST_VIEW_PX, LARGEST_VIEW_PX = 320, 640


class YuNet:
    """YuNet over ONNX Runtime, on a shrunk copy of the frame.

    The copy's longer side is a quarter of the frame's, within 320..640 px: finding a face needs
    far fewer pixels than judging it, and the cost grows with their number.
    """

    def __init__(
        self, session: OnnxSession, *, min_score: float = 0.6, overlap_at_most: float = 0.3
    ) -> None:
        self._session = session
        self._min_score = min_score
        self._overlap_at_most = overlap_at_most

    def __call__(self, image: Image) -> Sequence[Face]:
        """Find faces in a (height, width, 3) BGR frame; full-frame pixels, best first."""
        rows, columns = image.shape[:2]
        longest = max(rows, columns)
        if min(rows, columns) < 8:
            return []
        view_px = min(longest, max(SMALLEST_VIEW_PX, min(LARGEST_VIEW_PX, longest // SHRINK)))
        factor = view_px / longest
        width, height = max(1, round(columns * factor)), max(1, round(rows * factor))
        padded = np.zeros((1, -(-height // 32) * 32, -(-width // 32) * 32, 3), np.uint8)
        if (width, height) == (columns, rows):
            padded[0, :rows, :columns] = image
        else:
            cv2.resize(image, (width, height), padded[0, :height, :width], 0, 0, cv2.INTER_AREA)
        table = self._decode(self._session.run({"image": padded}), padded.shape[2])
        table[:, 0:14:2] *= columns / width
        table[:, 1:14:2] *= rows / height
        return [_face(row) for row in self._without_doubles(table)]

    def _decode(
        self, outputs: dict[str, NDArray[np.float32]], padded_width: int
    ) -> NDArray[np.float32]:
        """Return (faces, 15) rows: left, top, right, bottom, five points x and y, score."""
        tables = []
        for stride in STRIDES:
            scores = np.sqrt(
                np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1)
                * np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1)
            )
            cells = np.flatnonzero(scores >= self._min_score)
            row, column = np.divmod(cells, padded_width // stride)
            corner = np.stack([column, row], 1).astype(np.float32)
            boxes = outputs[f"bbox_{stride}"][0, cells]
            middle = (corner + boxes[:, :2]) * stride
            half = np.exp(boxes[:, 2:]) * stride / 2
            points = outputs[f"kps_{stride}"][0, cells].reshape(-1, 5, 2) + corner[:, None]
            tables.append(
                np.hstack(
                    [
                        middle - half,
                        middle + half,
                        points.reshape(-1, 10) * stride,
                        scores[cells, None],
                    ]
                )
            )
        return np.vstack(tables)

    def _without_doubles(self, table: NDArray[np.float32]) -> NDArray[np.float32]:
        """Greedy non-maximum suppression, best first."""
        if len(table) == 0:
            return table
        boxes = table[:, :4].copy()
        boxes[:, 2:] -= boxes[:, :2]
        kept = cv2.dnn.NMSBoxes(
            boxes.tolist(), table[:, 14].tolist(), self._min_score, self._overlap_at_most
        )
        return table[np.asarray(kept, np.int64).ravel()]


def _face(row: NDArray[np.float32]) -> Face:
    left, top, right, bottom = (float(value) for value in row[:4])
    return Face(
        Box(left, top, right, bottom), float(row[14]), row[4:14].reshape(5, 2).astype(np.float32)
    )


def build(card: ModelCard, device: Device) -> YuNet:
    """Open the model of the card.

    Raises:
        ModelLoadError: see `open_session`.
    """
    return YuNet(open_session(card, device))
