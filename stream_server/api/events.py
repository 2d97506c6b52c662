"""Alerts as server-sent events, with replay of what a client missed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from stream_server.auth.asking import Asking
from stream_server.auth.roles import Caller
from stream_server.live import LiveAlert, LiveAnalysis, LiveStatus, Subscription, to_json
from stream_server.problems import NoCapacity
from stream_server.wiring import Wired, Wiring

router = APIRouter(tags=["live"])

MAX_SEQ = 2**63 - 1
"""The largest number that the database can compare with."""
RETRY_MS = 3000
HEARTBEAT_S = 15.0


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events whose data is a LiveAlert. The WebSocket /api/live sends"
        " all three kinds.",
        "model": LiveAlert | LiveStatus | LiveAnalysis,
        "content": {"text/event-stream": {}},
    }
}


@router.get("/api/events", response_class=StreamingResponse, responses=_EVENTS)
async def events(
    wiring: Wired,
    asking: Asking,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_SEQ)] = None,
) -> StreamingResponse:
    """Every change of an alert, as it happens; `Last-Event-ID` brings what was missed first."""
    if wiring.is_crowded:
        raise NoCapacity("All places for live connections are taken.")
    start = wiring.alerts.last_seq if last_event_id is None else last_event_id
    return StreamingResponse(
        _stream(wiring, asking, start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(wiring: Wiring, asking: Caller, after_seq: int) -> AsyncIterator[str]:
    """Read from the book, woken by the hub: what a slow client missed waits there."""
    clients = wiring.metrics.clients.labels("sse")
    with contextlib.closing(wiring.hub.subscribe()) as wakes:
        clients.inc()
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while not wiring.hub.closed and asking.holds():
                missed = await asyncio.to_thread(wiring.alerts.since, after_seq)
                for event in missed:
                    after_seq = event.seq
                    if not asking.sees(event.alert.stream_id):
                        continue
                    yield f"id: {event.seq}\nevent: alert\ndata: {to_json(event)}\n\n"
                if not missed and not await _woken(wakes):
                    yield ": still here\n\n"
        finally:
            clients.dec()


async def _woken(wakes: Subscription) -> bool:
    """Wait for the next alert; False after the heartbeat's interval."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            async for event in wakes:
                if isinstance(event, LiveAlert):
                    return True
    except TimeoutError:
        return False
    return True
