"""The newest picture of a stream, for the page: from memory, only while somebody asks."""

import threading
from dataclasses import dataclass

import cv2

from pipeline.types import AlertChange, Analysis, Frame
from stream_server.streams.analyst import AnyAnalyzer

_LONGEST_SIDE_PX = 960
_JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a stream as JPEG."""

    time_s: float
    """Media time, as the analyses of the stream give it."""
    jpeg: bytes


class Preview:
    """Holds the frame that was analysed last; nothing is encoded before it is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._picture: Picture | None = None

    def see(self, frame: Frame) -> None:
        """Remember the newest frame; the analyser thread calls this."""
        self._frame = frame

    def forget(self) -> None:
        """Let go of the picture: the stream is over."""
        self._frame = self._picture = None

    def picture(self) -> Picture | None:
        """Encode the newest frame, once however many ask; None before the first."""
        frame = self._frame
        if frame is None:
            return None
        with self._lock:
            if self._picture is None or self._picture.time_s != frame.time_s:
                self._picture = Picture(frame.time_s, _encode(frame))
            return self._picture


class Previewed:
    """An analyzer whose frames the preview sees."""

    def __init__(self, analyzer: AnyAnalyzer, preview: Preview) -> None:
        self._analyzer = analyzer
        self._preview = preview

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame."""
        self._preview.see(frame)
        return self._analyzer(frame, shed)

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        self._preview.forget()
        return self._analyzer.finish()


def _encode(frame: Frame) -> bytes:
    image = frame.image
    rows, columns = image.shape[:2]
    shrink = _LONGEST_SIDE_PX / max(rows, columns)
    if shrink < 1:
        size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded.tobytes()
