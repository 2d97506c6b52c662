"""WebRTC peers as a page or a publisher would be: they send a drawn person and hear the results."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)
from av import VideoFrame

from pipeline.types import Image

T = TypeVar("T")

WITHIN_S = 20.0


class DrawnVideo(VideoStreamTrack):
    """Sends these pictures in turn, 30 a second, for ever."""

    def __init__(self, pictures: Sequence[Image]) -> None:
        super().__init__()
        self.pictures = pictures
        self._sent = 0

    async def recv(self) -> VideoFrame:
        """Give the next picture when its time has come."""
        pts, time_base = await self.next_timestamp()
        picture = VideoFrame.from_ndarray(self.pictures[self._sent % len(self.pictures)], "bgr24")
        picture.pts, picture.time_base = pts, time_base
        self._sent += 1
        return picture


class Page:
    """What the page is to the service: a sender with two data channels and a heartbeat."""

    def __init__(self, address: str, video: VideoStreamTrack, *, codec: str | None = None) -> None:
        self.address = address
        self.heard: list[dict[str, Any]] = []
        self.lengths: list[int] = []
        self.answer: dict[str, Any] = {}
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(video)
        if codec is not None:
            offered = RTCRtpSender.getCapabilities("video").codecs
            wanted = [c for c in offered if c.mimeType == codec]
            self.connection.getTransceivers()[0].setCodecPreferences(wanted)
        self.results = self._channel("results", ordered=False, maxRetransmits=0)
        self.alerts = self._channel("alerts")

    async def offer_sdp(self) -> str:
        """Gather and describe what this page offers."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def connect(self, *, name: str = "Test", token: str | None = None) -> None:
        """Offer, and take the answer."""
        body = {"type": "offer", "sdp": await self.offer_sdp(), "name": name, "token": token}
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{self.address}/webrtc/offer", json=body, timeout=20)
        assert response.status_code == 200, response.text
        self.answer = response.json()
        await self.accept(self.answer["sdp"])

    async def accept(self, answer_sdp: str) -> None:
        """Take an answer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    async def beat(self, t: float = 1.0) -> None:
        """Send a heartbeat once the channel is open."""
        await until(lambda: self.alerts.readyState == "open", "the channel to open")
        self.alerts.send(json.dumps({"type": "ping", "t": t}))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """All messages of one type so far."""
        return [message for message in self.heard if message["type"] == kind]

    async def analyses(self, count: int, within_s: float = WITHIN_S) -> list[dict[str, Any]]:
        """Wait for so many results."""
        await until(lambda: len(self.of_type("analysis")) >= count, f"{count} results", within_s)
        return self.of_type("analysis")

    async def close(self) -> None:
        """Leave without a word, as a closed tab does."""
        await self.connection.close()

    def _channel(self, label: str, **options: Any) -> RTCDataChannel:
        channel = self.connection.createDataChannel(label, **options)
        channel.on("message", self._hear)
        return channel

    def _hear(self, message: str) -> None:
        self.lengths.append(len(message))
        self.heard.append(json.loads(message))


async def until(condition: Callable[[], T], what: str, within_s: float = WITHIN_S) -> T:
    """Poll on the event loop until the condition is truthy; fail by name at the deadline."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not (value := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"Waited {within_s:g} s for {what}; last seen: {value!r}")
        await asyncio.sleep(0.05)
    return value
