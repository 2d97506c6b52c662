"""Five pictures a second of a stream whose packets cannot be had, as JPEG, in memory."""

import threading
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import Frame, Image

EVERY_S = 0.2
_LONGEST_SIDE_PX = 960
_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture, by the monotonic clock."""

    at_s: float
    jpeg: bytes

    def image(self) -> Image:
        """The picture itself, (H, W, 3) BGR."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR))


class ShotRing:
    """Keeps `keep_s` seconds of pictures in at most `max_bytes`; safe between threads."""

    def __init__(self, keep_s: float, max_bytes: int) -> None:
        self._keep_s, self._max_bytes = keep_s, max_bytes
        self._shots: deque[Shot] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, frame: Frame, at_s: float) -> None:
        """Shrink and encode a frame: some milliseconds, for a thread that has time."""
        shot = Shot(at_s, jpeg_of(frame.image))
        with self._lock:
            self._shots.append(shot)
            self._bytes += len(shot.jpeg)
            while self._shots and (
                self._bytes > self._max_bytes or self._shots[0].at_s < at_s - self._keep_s
            ):
                self._bytes -= len(self._shots.popleft().jpeg)

    def cut(self, since_s: float, until_s: float) -> tuple[Shot, ...]:
        """Give the pictures of a stretch of time."""
        with self._lock:
            return tuple(shot for shot in self._shots if since_s <= shot.at_s <= until_s)


def jpeg_of(image: Image) -> bytes:
    """Encode a picture, shrunk to at most 960 px on its longer side."""
    rows, columns = image.shape[:2]
    shrink = min(1.0, _LONGEST_SIDE_PX / max(rows, columns))
    if shrink < 1:
        size = (max(2, round(columns * shrink)), max(2, round(rows * shrink)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded.tobytes()
