"""Frames from a browser or a WHIP publisher: the source that a peer connection feeds."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import cast

from av import VideoFrame
from av.video.reformatter import VideoReformatter

from pipeline.errors import SourceRefused
from pipeline.types import Frame, Image, StreamId
from stream_server.webrtc.media_clock import MediaClock

MAX_PIXELS = 4096 * 2304


class TrackSource:
    """A `Source` fed by WebRTC media tracks; the newest frame wins.

    It outlives a peer connection: a page that comes back after a change of network plugs its new
    media track in, and time goes on by the clock that passed, in the same epoch, so that the
    windows of the analysis are kept.
    """

    may_be_silent = True
    """The session, not the stream's watchdog, decides when a silent sender has left."""

    def __init__(
        self,
        stream_id: StreamId,
        *,
        analyse_fps: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self.decoded_frames = 0
        self.damaged_frames = 0
        self.bytes_in = 0
        self.last_frame_s: float | None = None
        """When the newest frame arrived, by `clock`."""
        self.stream_id = stream_id
        self.too_large = False
        """Its pictures were refused."""
        self._step_s = 1.0 / analyse_fps
        self._clock = clock
        self._changed = threading.Condition()
        self._newest: tuple[VideoFrame, float, bool] | None = None
        self._closed = False
        self._reformatter = VideoReformatter()
        self._media_clock = MediaClock()
        self._next_s = 0.0

    def put(self, picture: VideoFrame, *, damaged: bool = False) -> None:
        """Offer a decoded picture; never blocks."""
        damaged = damaged or bool(picture.is_corrupt)
        now_s = self._clock()
        with self._changed:
            self.decoded_frames += 1
            self.damaged_frames += damaged
            self.last_frame_s = now_s
            pts_s = None
            if picture.pts is not None and picture.time_base is not None:
                pts_s = float(picture.pts * picture.time_base)
            time_s = self._media_clock.time_s(pts_s, now_s)
            if time_s < self._next_s - 0.25 * self._step_s:  # slack: a camera's clock jitters
                self.drops["paced"] += 1
                return
            self._next_s = max(self._next_s + self._step_s, time_s)
            if self._newest is not None:
                self.drops["overwritten"] += 1
            self._newest = (picture, time_s, damaged)
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Somebody ended the stream."""
        return self._closed

    def start_leg(self) -> None:
        """Expect the next picture from a new media track: its timestamps start anew."""
        with self._changed:
            self._media_clock.start_leg()

    def frames(self) -> Iterator[Frame]:
        """Newest frames until `close`.

        Raises:
            SourceRefused: the pictures are larger than can be analysed.
        """
        index = 0
        while (taken := self._take()) is not None:
            picture, time_s, damaged = taken
            self.too_large = picture.width * picture.height > MAX_PIXELS
            if self.too_large:
                raise SourceRefused(
                    "too_large",
                    f"Pictures of {picture.width} x {picture.height} px are too large: send at most"
                    " 4096 x 2304.",
                )
            image = cast("Image", self._reformatter.reformat(picture, format="bgr24").to_ndarray())
            yield Frame(self.stream_id, index, time_s, 0, image, damaged)
            index += 1

    def close(self) -> None:
        """Let `frames` end; may be called from any thread, and twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self) -> tuple[VideoFrame, float, bool] | None:
        with self._changed:
            while self._newest is None and not self._closed:
                self._changed.wait()
            taken, self._newest = self._newest, None
            return None if self._closed else taken
