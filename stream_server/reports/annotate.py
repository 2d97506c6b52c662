"""An annotated copy of a picture or clip: the frames that were analysed, with what was found."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from pipeline.draw import draw_analysis
from pipeline.types import Analysis, Frame, Image

CLOCK = Fraction(1, 90_000)
"""The time base of the written clip: frames keep their own times."""


class AnnotatedClip:
    """Writes drawn frames to an H.264 MP4; opened at the first frame, whose size it takes.

    A browser plays it and can begin anywhere in it. Larger pictures are shrunk to `max_side_px`.
    """

    def __init__(self, path: Path, max_side_px: int | None = None) -> None:
        self._path, self._max_side_px = path, max_side_px
        # The index comes first, so that a player need not have all of it to begin in the middle.
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        self._stream: VideoStream | None = None
        self._last_pts = -1

    def __enter__(self) -> "AnnotatedClip":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if self._stream is None:
            self._path.unlink(missing_ok=True)

    def add(self, frame: Frame, analysis: Analysis) -> None:
        """Draw one frame and append it at its own time."""
        canvas = shrunk(draw_analysis(frame.image, analysis), self._max_side_px)
        rows, columns = (side - side % 2 for side in canvas.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=30)
            self._stream.width, self._stream.height = columns, rows
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = CLOCK
            self._stream.codec_context.time_base = CLOCK
            self._stream.options = {"preset": "veryfast", "crf": "23", "g": "30"}
        if (columns, rows) != (self._stream.width, self._stream.height):
            columns, rows = self._stream.width, self._stream.height
            canvas = np.asarray(cv2.resize(canvas, (columns, rows)), np.uint8)
        picture = av.VideoFrame.from_ndarray(canvas[:rows, :columns], format="bgr24")
        picture.pts = self._last_pts = max(round(frame.time_s / CLOCK), self._last_pts + 1)
        picture.time_base = CLOCK
        self._container.mux(self._stream.encode(picture))


def shrunk(image: Image, max_side_px: int | None) -> Image:
    """The picture, its longer side at most `max_side_px`."""
    rows, columns = image.shape[:2]
    if max_side_px is None or max(rows, columns) <= max_side_px:
        return image
    scale = max_side_px / max(rows, columns)
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def write_picture(path: Path, image: Image) -> None:
    """Write a picture in the format its suffix names."""
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path} could not be written.")
