"""Frames from a browser or a WHIP publisher: the receive-only WebRTC peer and its source."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from av.video.reformatter import VideoReformatter

from pipeline.errors import SourceRefused
from pipeline.types import Frame, Image, StreamId
from stream_server.ice_addresses import loopback_wanted
from stream_server.media_clock import MediaClock
from stream_server.session_description import clean_offer, with_start_bitrate

MAX_PIXELS = 4096 * 2304
_CODECS = ("video/h264", "video/vp8")
"""In order of preference: H.264 costs the receiver about half of VP8's decoding."""
_BAD_SDP = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc raises on a session description that it cannot use; it has no error of its own."""

# One lost packet makes several decode errors: nothing is logged per frame here.
logging.getLogger("aiortc.rtcrtpreceiver").setLevel(logging.ERROR)

_MAX_BUFFERED_BYTES = 64 * 1024
"""Beyond this the page is behind, and the next result is worth more than this one."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that the operator configured."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """How a peer connection is made."""

    ice_servers: tuple[IceServer, ...] = ()
    """Empty by default: nothing outside is asked."""
    offer_loopback: bool = False
    start_bitrate_kbps: int = 1500
    """Chromium starts at 300 kbit/s otherwise, which wipes out what the classifier looks at."""


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
        self._newest: tuple[VideoFrame, float] | None = None
        self._closed = False
        self._reformatter = VideoReformatter()
        self._media_clock = MediaClock()
        self._next_s = 0.0

    def put(self, picture: VideoFrame) -> None:
        """Offer a decoded picture; never blocks."""
        now_s = self._clock()
        with self._changed:
            self.decoded_frames += 1
            self.damaged_frames += picture.is_corrupt
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
            self._newest = (picture, time_s)
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
            picture, time_s = taken
            self.too_large = picture.width * picture.height > MAX_PIXELS
            if self.too_large:
                raise SourceRefused(
                    "too_large",
                    f"Pictures of {picture.width} x {picture.height} px are too large: send at most"
                    " 4096 x 2304.",
                )
            image = cast("Image", self._reformatter.reformat(picture, format="bgr24").to_ndarray())
            damaged = bool(picture.is_corrupt)
            yield Frame(self.stream_id, index, time_s, 0, image, damaged)
            index += 1

    def close(self) -> None:
        """Let `frames` end; may be called from any thread, and twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self) -> tuple[VideoFrame, float] | None:
        with self._changed:
            while self._newest is None and not self._closed:
                self._changed.wait()
            taken, self._newest = self._newest, None
            return None if self._closed else taken


class WebRtcPeer:
    """One receive-only peer connection: its video goes to the source, its channels to the session.

    No picture is ever sent back: the page draws the overlay. One consumer a media track runs all
    the time, because aiortc's queues have no bound.
    """

    def __init__(
        self,
        source: TrackSource,
        settings: PeerSettings,
        on_message: Callable[[object], None],
    ) -> None:
        servers = [RTCIceServer(s.url, s.username, s.credential) for s in settings.ice_servers]
        self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._source = source
        self._settings = settings
        self._on_message = on_message
        self._channels: dict[str, RTCDataChannel] = {}
        self._consumer: asyncio.Task[None] | None = None
        self._connection.on("datachannel", self._adopt)

    @property
    def state(self) -> str:
        """new, connecting, connected, failed or closed."""
        return self._connection.connectionState

    @property
    def consuming(self) -> bool:
        """Somebody reads the media track; if nobody does, memory grows without bound."""
        return self._consumer is not None and not self._consumer.done()

    async def answer(self, offer_sdp: str) -> str:
        """Take an offer and return the answer, with all candidates in it.

        Raises:
            ValueError: the description cannot be used, or offers no video that we can decode.
        """
        transceiver = self._connection.addTransceiver("video", direction="recvonly")
        transceiver.setCodecPreferences(_preferred_codecs())
        try:
            await self._connection.setRemoteDescription(
                RTCSessionDescription(sdp=clean_offer(offer_sdp), type="offer")
            )
            media_track = self._only_video(transceiver)
            loopback_wanted.set(self._settings.offer_loopback)
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except _BAD_SDP as error:
            raise ValueError("This is no session description with a video to receive.") from error
        self._source.start_leg()
        self._consumer = asyncio.create_task(self._consume(media_track))
        return with_start_bitrate(
            self._connection.localDescription.sdp, self._settings.start_bitrate_kbps
        )

    def ready(self, channel: str) -> bool:
        """Tell whether the page opened this data channel and keeps up with it."""
        found = self._channels.get(channel)
        if found is None or found.readyState != "open":
            return False
        return found.ordered or found.bufferedAmount <= _MAX_BUFFERED_BYTES

    def send(self, channel: str, message: str) -> None:
        """Send on a data channel of the page, if it is ready."""
        if self.ready(channel):
            self._channels[channel].send(message)

    async def packets_lost(self) -> int:
        """Packets lost since the start; on the way `source.bytes_in` is brought up to date."""
        lost = 0
        for stats in (await self._connection.getStats()).values():
            if stats.type == "transport":
                self._source.bytes_in = stats.bytesReceived
            elif stats.type == "inbound-rtp":
                lost = stats.packetsLost
        return lost

    async def close(self) -> None:
        """Close the connection and wait for its consumer."""
        if self._consumer is not None:
            self._consumer.cancel()
        await self._connection.close()

    def _only_video(self, wanted: RTCRtpTransceiver) -> MediaStreamTrack:
        for transceiver in self._connection.getTransceivers():
            if transceiver is not wanted:
                transceiver.direction = "inactive"  # audio would fill a queue that nobody reads
        media_track: MediaStreamTrack | None = wanted.receiver.track
        if media_track is None:
            raise ValueError("The offer sends no video.")
        return media_track

    async def _consume(self, media_track: MediaStreamTrack) -> None:
        try:
            while True:
                picture = await media_track.recv()
                if isinstance(picture, VideoFrame):
                    self._source.put(picture)
        except MediaStreamError:
            return  # the track ended; the session's watchdog decides what follows

    def _adopt(self, channel: RTCDataChannel) -> None:
        if channel.label not in ("results", "alerts") or channel.label in self._channels:
            channel.close()
            return
        self._channels[channel.label] = channel
        channel.on("message", self._on_message)


def _preferred_codecs() -> list[RTCRtpCodecCapability]:
    capabilities = RTCRtpReceiver.getCapabilities("video")
    offered = capabilities.codecs if capabilities else []
    wanted = [c for name in _CODECS for c in offered if c.mimeType.lower() == name]
    return [*wanted, *(c for c in offered if c.mimeType.lower() == "video/rtx")]
