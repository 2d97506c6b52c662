"""The newest analysed picture of a stream, kept in memory only, for the page to draw boxes on."""

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import AlertChange, Analysis, Frame
from stream_server.analyst import AnyAnalyzer

MAX_SIDE_PX = 640
_JPEG_QUALITY = 75


@dataclass(frozen=True, slots=True)
class Picture:
    """A small JPEG and the frame that it shows."""

    jpeg: bytes
    epoch: int
    frame_index: int
    time_s: float


class PictureShelf:
    """Holds one frame, the newest that was analysed; encodes it only when somebody looks.

    Nothing is written anywhere, and the frame goes with its stream.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._picture: Picture | None = None

    def put(self, frame: Frame) -> None:
        """Keep this frame instead of the one before; costs nothing."""
        self._frame = frame

    def picture(self) -> Picture | None:
        """Encode the newest frame, at most `MAX_SIDE_PX` on its longer side; None without one."""
        with self._lock:
            frame, last = self._frame, self._picture
            if frame is None:
                return None
            if last is None or (last.epoch, last.frame_index) != (frame.epoch, frame.index):
                self._picture = _encode(frame)
            return self._picture


class ShownAnalyzer:
    """An analyzer that puts each frame it judged on a shelf."""

    def __init__(self, analyzer: AnyAnalyzer, shelf: PictureShelf) -> None:
        self._analyzer = analyzer
        self._shelf = shelf

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Judge one frame."""
        analysis = self._analyzer(frame, shed)
        self._shelf.put(frame)
        return analysis

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        return self._analyzer.finish()


def _encode(frame: Frame) -> Picture:
    height, width = frame.image.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    image = frame.image
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return Picture(jpeg.tobytes(), frame.epoch, frame.index, frame.time_s)
