"""One WebRTC session: its stream, its peer connection of the moment, and its signs of life."""

import asyncio
import json
import time
from dataclasses import dataclass

from pipeline.types import StreamId
from stream_server.live import LiveAnalysis, Subscription, to_json
from stream_server.sources.webrtc import TrackSource
from stream_server.webrtc.peer import WebRtcPeer

_MAX_MESSAGE_CHARS = 1024


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Limits and time-outs of sessions."""

    max_sessions: int = 8
    max_sessions_per_address: int = 8
    heartbeat_timeout_s: float = 15.0
    """A page sends a heartbeat every 5 s; one that closed is noticed no earlier otherwise."""
    media_timeout_s: float = 20.0
    analyse_fps: float = 30.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page or a publisher asks for."""

    sdp: str
    address: str
    name: str
    resume_token: str | None = None
    stream_id: StreamId | None = None
    """Chosen by a WHIP publisher; a page gets a fresh one."""
    preset: str | None = None
    """Judge by this known system's rule; an offer that resumes a session changes nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page or a publisher gets."""

    sdp: str
    stream_id: StreamId
    resume_token: str


class Session:
    """One sender of video, over one peer connection after the other."""

    def __init__(
        self, source: TrackSource, name: str, address: str, token: str, *, published: bool
    ) -> None:
        self.stream_id: StreamId = source.stream_id
        self.source = source
        self.name = name
        self.address = address
        self.token = token
        self.published = published
        """By WHIP, for all who use this service; else it is somebody's own camera or window."""
        self.peer: WebRtcPeer | None = None
        self.started_s = time.monotonic()
        self.heartbeat_s: float | None = None
        """None until the first one: a WHIP publisher has no channel to send them on."""
        self.packets_lost = 0
        self.task: asyncio.Task[None] | None = None

    def hear(self, message: object) -> None:
        """Take a message of the page: {"type": "ping", "t": number} is answered in kind."""
        if not isinstance(message, str) or len(message) > _MAX_MESSAGE_CHARS:
            return
        try:
            said = json.loads(message)
        except ValueError:
            return
        if isinstance(said, dict) and said.get("type") == "ping":
            self.heartbeat_s = time.monotonic()
            t = said.get("t")
            if isinstance(t, int | float):
                self.say(type="pong", t=t)

    def say(self, **facts: object) -> None:
        """Send a message of the session's own on the reliable channel, if it is open."""
        if self.peer is not None:
            self.peer.send("alerts", json.dumps({"v": 1, **facts}))

    async def tell(self, events: Subscription) -> None:
        """Send events to the page until the subscription ends: results only while they are news."""
        async for event in events:
            channel = "results" if isinstance(event, LiveAnalysis) else "alerts"
            if self.peer is not None and self.peer.ready(channel):
                self.peer.send(channel, to_json(event))

    def overdue(self, settings: SessionSettings) -> str | None:
        """Say why the session should end now; None while it should not."""
        now_s = time.monotonic()
        heard_s = self.source.last_frame_s or self.started_s
        if self.source.closed:
            return "too_large" if self.source.too_large else "removed"
        if self.heartbeat_s is not None:
            if now_s - self.heartbeat_s > settings.heartbeat_timeout_s:
                return "page_gone"
        elif self.peer is not None and self.peer.state in ("failed", "closed"):
            return "connection_lost"
        if now_s - heard_s > settings.media_timeout_s:
            return "no_media"
        if self.peer is not None and self.peer.state == "connected" and not self.peer.consuming:
            return "media_unread"
        return None
