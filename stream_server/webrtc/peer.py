"""One receive-only WebRTC peer connection; with `loss.py` the only file that speaks to aiortc."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

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

from stream_server.sources.webrtc import TrackSource
from stream_server.webrtc.ice_addresses import loopback_wanted
from stream_server.webrtc.loss import VideoBuffer, latest_buffer
from stream_server.webrtc.session_description import clean_offer, with_start_bitrate
from stream_server.webrtc.turn import IceServer

_CODECS = ("video/h264", "video/vp8")
"""In order of preference: H.264 costs us a little less (2.3 against 2.7 ms a picture of 1280x720,
all told), and cameras and OBS encode it in hardware."""
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
class PeerSettings:
    """How a peer connection is made."""

    ice_servers: tuple[IceServer, ...] = ()
    """Empty by default: nothing outside is asked."""
    offer_loopback: bool = False
    start_bitrate_kbps: int = 1500
    """Chromium starts at 300 kbit/s otherwise, which wipes out what the classifier looks at."""


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
        now_s = time.time()
        servers = [RTCIceServer(s.url, *s.login("fakewatch", now_s)) for s in settings.ice_servers]
        self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._source = source
        self._settings = settings
        self._on_message = on_message
        self._channels: dict[str, RTCDataChannel] = {}
        self._consumer: asyncio.Task[None] | None = None
        self._buffer: VideoBuffer | None = None
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
        self._buffer = latest_buffer.get()
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
                    self._source.put(picture, damaged=self._is_damaged(picture))
        except MediaStreamError:
            return  # the track ended; the session's watchdog decides what follows

    def _is_damaged(self, picture: VideoFrame) -> bool:
        """Tell whether a picture builds on one that was lost; a keyframe starts afresh."""
        if self._buffer is None or not self._buffer.broken:
            return False
        self._buffer.broken = not picture.key_frame
        return self._buffer.broken

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
