"""Live results over a WebSocket: the newest analysis of each stream, statuses, every alert."""

import asyncio
import contextlib

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.types import StreamId
from stream_server.auth.asking import Asking
from stream_server.auth.roles import Caller
from stream_server.live import LiveAlert, LiveStatus, Subscription, stream_of, to_json
from stream_server.wiring import Wired, Wiring

router = APIRouter(tags=["live"])

SEND_S = 2.0
"""A client that takes longer for one message is closed: 1013, try again later."""
_CLOSE_S = 10.0
TRY_LATER, GOING_DOWN, NO_LONGER = 1013, 1012, 1008


@router.websocket("/api/live")
async def live(
    websocket: WebSocket, wiring: Wired, asking: Asking, stream: StreamId | None = None
) -> None:
    """Send events of one stream, or of all; begins with the statuses and the open alerts.

    Messages are the JSON documents of `LiveAnalysis`, `LiveStatus` and `LiveAlert`. A client that
    is slow gets the newest analysis only; one that stops reading is closed with 1013.
    """
    await websocket.accept()
    if wiring.is_crowded:
        await websocket.close(TRY_LATER, "All places for live connections are taken.")
        return
    clients = wiring.metrics.clients.labels("ws")
    with contextlib.closing(wiring.hub.subscribe(stream)) as events:
        clients.inc()
        reader = asyncio.create_task(_read(websocket, events))
        try:
            await _greet(websocket, wiring, asking, stream)
            async for event in events:
                if not asking.holds():
                    await websocket.close(NO_LONGER, "no_token")
                    return
                if not asking.sees(stream_of(event)):
                    continue
                await asyncio.wait_for(websocket.send_text(to_json(event)), SEND_S)
        except TimeoutError:
            events.overflowed = True
        except WebSocketDisconnect:
            return
        finally:
            reader.cancel()
            clients.dec()
        await _close(websocket, wiring, events)


async def _greet(
    websocket: WebSocket, wiring: Wiring, asking: Caller, stream: StreamId | None
) -> None:
    """Tell what is the case already."""
    for view in wiring.streams.views():
        if stream in (None, view.id) and asking.sees(view.id):
            status = to_json(LiveStatus(view.id, view.status))
            await asyncio.wait_for(websocket.send_text(status), SEND_S)
    for alert in wiring.alerts.open_alerts():
        if stream in (None, alert.stream_id) and asking.sees(alert.stream_id):
            event = to_json(LiveAlert(wiring.alerts.last_seq, alert))
            await asyncio.wait_for(websocket.send_text(event), SEND_S)


async def _read(websocket: WebSocket, events: Subscription) -> None:
    """Notice that the client left; whatever it sends is ignored."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
    events.close()


async def _close(websocket: WebSocket, wiring: Wiring, events: Subscription) -> None:
    if events.overflowed:
        wiring.metrics.dropped.inc()
    code = TRY_LATER if events.overflowed else GOING_DOWN
    # A peer that does not read cannot be told either: after a while the socket is just closed.
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        await asyncio.wait_for(websocket.close(code), _CLOSE_S)
