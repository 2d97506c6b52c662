"""The annotated copy of an uploaded file; where it cannot be written, there is just none."""

from contextlib import suppress
from pathlib import Path

import av.error

from pipeline.draw import draw_analysis
from pipeline.types import Analysis, Frame
from stream_server.reports.annotate import AnnotatedClip, shrunk, write_picture
from stream_server.uploads.files import ANNOTATED

_MAX_SIDE_PX = 1280
_TROUBLE = (OSError, av.error.FFmpegError)
"""The disk is full, or the encoder fails on these pictures."""


class Annotated:
    """Writes the copy frame by frame, and gives up quietly."""

    def __init__(self, folder: Path, kind: str, max_bytes: int) -> None:
        self._path, self._max_bytes = folder / ANNOTATED[kind], max_bytes
        self._clip = AnnotatedClip(self._path, _MAX_SIDE_PX) if kind == "video" else None
        self._failed = False

    def add(self, frame: Frame, analysis: Analysis) -> None:
        """Draw one frame."""
        if self._failed:
            return
        try:
            if self._clip is not None:
                self._clip.add(frame, analysis)
            else:
                write_picture(self._path, shrunk(draw_analysis(frame.image, analysis), 2048))
            # The encoder holds the first pictures back, so there may be no file yet.
            written = self._path.stat().st_size if self._path.exists() else 0
            self._failed = written > self._max_bytes
        except _TROUBLE:
            self._failed = True

    def close(self) -> bool:
        """Finish it; whether there is a copy now."""
        if self._clip is not None:
            try:
                self._clip.__exit__(None, None, None)
            except _TROUBLE:
                self._failed = True
        if self._failed:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        return not self._failed and self._path.exists()
