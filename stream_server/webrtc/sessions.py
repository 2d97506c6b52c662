"""WebRTC sessions: who may send video, and when it is over."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from pipeline.types import StreamId
from stream_server.live import EventHub
from stream_server.sources.webrtc import TrackSource
from stream_server.webrtc.limits import OfferError, OfferRate
from stream_server.webrtc.peer import PeerSettings, WebRtcPeer
from stream_server.webrtc.session import Answer, Offer, Session, SessionSettings
from stream_server.webrtc.session_description import MAX_OFFER_BYTES

log = structlog.get_logger(__name__)

_NAME_KEPT_S = 900.0
"""How long a page that was gone finds its stream id again by its token."""
_NEGOTIATE_S = 8.0
_CLOSE_S = 5.0
_WATCH_EVERY_S = 0.5


class Streams(Protocol):
    """What sessions need of the stream registry."""

    async def attach_webrtc(
        self, stream_id: StreamId, name: str, source: TrackSource, preset: str | None
    ) -> None:
        """Start the analysis of a source that is already connected."""
        ...

    async def detach(self, stream_id: StreamId) -> None:
        """Stop that analysis and forget the stream."""
        ...


class WebRtcSessions:
    """All sessions of this service; lives on the event loop.

    A session outlives its peer connection: a page whose network changed offers again with its
    token, and the same source, stream and analysis go on. Without a sign of life it is closed.
    """

    def __init__(
        self,
        streams: Streams,
        hub: EventHub,
        peer_settings: PeerSettings,
        settings: SessionSettings,
        count_lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make room for sessions; `count_lost` is told how many RTP packets were lost."""
        self._streams = streams
        self._hub = hub
        self._peer_settings = peer_settings
        self._settings = settings
        self._count_lost = count_lost
        self._rate = OfferRate()
        self._sessions: dict[StreamId, Session] = {}
        self._names: dict[str, tuple[StreamId, float]] = {}

    def adjust(self, peer_settings: PeerSettings, settings: SessionSettings) -> None:
        """Go by other settings; how a peer is spoken to holds for connections made from now on."""
        self._peer_settings, self._settings = peer_settings, settings

    def __len__(self) -> int:
        return len(self._sessions)

    async def offer(self, offer: Offer) -> Answer:
        """Answer an offer, with a new session or with the one that its token resumes.

        Raises:
            OfferError: too many, too large, or not usable.
        """
        self._check(offer)
        session = self._resumed(offer)
        if session is None:
            session = self._admit(offer)
        fresh = session.peer is None
        try:
            sdp = await self._connect(session, offer.sdp)
            if fresh:
                await self._streams.attach_webrtc(
                    session.stream_id, session.name, session.source, offer.preset
                )
                session.task = asyncio.create_task(self._attend(session))
        except BaseException:
            if fresh:
                await self.close(session.stream_id, "refused")
            raise
        return Answer(sdp, session.stream_id, session.token)

    def owns(self, stream_id: StreamId, token: str) -> bool:
        """Tell whether this token was given to that session."""
        session = self._sessions.get(stream_id)
        return session is not None and _same(session.token, token)

    def is_private(self, stream_id: StreamId) -> bool:
        """Tell whether this stream is the camera or window of somebody's page."""
        session = self._sessions.get(stream_id)
        return session is not None and not session.published

    async def close(self, stream_id: StreamId, reason: str) -> bool:
        """End a session and its stream; False when there is none."""
        session = self._sessions.pop(stream_id, None)
        if session is None:
            return False
        log.info("webrtc_session_closed", stream_id=stream_id, reason=reason)
        session.say(type="closed", code=reason)
        session.source.close()
        self._names[session.token] = (stream_id, time.monotonic())
        if session.task is not None and session.task is not asyncio.current_task():
            session.task.cancel()
        await self._streams.detach(stream_id)
        await _close(session.peer)
        return True

    async def aclose(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(self.close(stream_id, "shutdown") for stream_id in self._sessions))

    def _check(self, offer: Offer) -> None:
        if len(offer.sdp.encode()) > MAX_OFFER_BYTES:
            raise OfferError(413, "too_large", "The session description is over 64 KiB.")
        if not self._rate.take(offer.address, time.monotonic()):
            raise OfferError(
                429, "rate", "Too many connection attempts: try again in a few seconds.", 5
            )

    def _resumed(self, offer: Offer) -> Session | None:
        token = offer.resume_token
        if not token:
            return None
        return next((s for s in self._sessions.values() if _same(s.token, token)), None)

    def _admit(self, offer: Offer) -> Session:
        """Take a place at once, before anything is waited for: two offers cannot share the last."""
        mine = sum(s.address == offer.address for s in self._sessions.values())
        full = len(self._sessions) >= self._settings.max_sessions
        if full or mine >= self._settings.max_sessions_per_address:
            raise OfferError(
                503, "full", "All places for live video are taken: try again in a minute.", 30
            )
        stream_id, token = self._identity(offer)
        if stream_id in self._sessions:
            raise OfferError(409, "taken", "Somebody else publishes under this name already.")
        published = offer.stream_id is not None
        source = TrackSource(stream_id, analyse_fps=self._settings.analyse_fps)
        session = Session(source, offer.name, offer.address, token, published=published)
        self._sessions[stream_id] = session
        return session

    def _identity(self, offer: Offer) -> tuple[StreamId, str]:
        now_s = time.monotonic()
        self._names = {t: n for t, n in self._names.items() if now_s - n[1] < _NAME_KEPT_S}
        token = secrets.token_urlsafe(24)
        if offer.stream_id is not None:
            return offer.stream_id, token
        known = self._names.pop(offer.resume_token or "", None)
        return (known[0] if known else StreamId(f"webrtc-{secrets.token_hex(4)}")), token

    async def _connect(self, session: Session, sdp: str) -> str:
        peer = WebRtcPeer(session.source, self._peer_settings, session.hear)
        try:
            async with asyncio.timeout(_NEGOTIATE_S):
                answer = await peer.answer(sdp)
        except BaseException as error:
            await _close(peer)
            if isinstance(error, ValueError):
                raise OfferError(400, "malformed", str(error)) from error
            if isinstance(error, TimeoutError):
                message = "No network address was found in time: is the machine's network up?"
                raise OfferError(504, "timeout", message, 5) from error
            raise
        session.peer, before = peer, session.peer
        session.packets_lost = 0
        await _close(before)
        return answer

    async def _attend(self, session: Session) -> None:
        """Tell the page what happens, and watch for its end."""
        with contextlib.closing(self._hub.subscribe(session.stream_id)) as events:
            teller = asyncio.create_task(session.tell(events))
            try:
                while (reason := session.overdue(self._settings)) is None and not teller.done():
                    await asyncio.sleep(_WATCH_EVERY_S)
                    await self._measure(session)
            finally:
                teller.cancel()
        await self.close(session.stream_id, reason or "page_slow")

    async def _measure(self, session: Session) -> None:
        if session.peer is None:
            return
        lost = await session.peer.packets_lost()
        # Late packets count as lost until they arrive: only a new maximum is news.
        self._count_lost(max(0, lost - session.packets_lost))
        session.packets_lost = max(lost, session.packets_lost)


def _same(token: str, given: str) -> bool:
    return secrets.compare_digest(token.encode(), given.encode())


async def _close(peer: WebRtcPeer | None) -> None:
    """Close a peer connection, but never wait for one that hangs."""
    if peer is None:
        return
    try:
        async with asyncio.timeout(_CLOSE_S):
            await peer.close()
    except TimeoutError:
        log.warning("webrtc_close_timed_out")
