"""Live events: what happened on a stream, and the hub that tells whoever listens."""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from pipeline.types import Alert, Analysis, StreamId
from stream_server.streams.status import StreamStatus

ALERT_QUEUE_SIZE = 256
"""Alerts come a few a minute; whoever is this far behind has stopped reading."""


@dataclass(frozen=True, slots=True)
class LiveAnalysis:
    """One frame was analysed."""

    stream_id: StreamId
    analysis: Analysis
    age_ms: float
    """From the frame's receipt to the end of its analysis."""
    received_at_ms: float
    """Unix time in milliseconds when the frame was received: for display, not for arithmetic."""
    type: Literal["analysis"] = "analysis"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A stream's health, once a second and at every change of state."""

    stream_id: StreamId
    status: StreamStatus
    type: Literal["status"] = "status"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class LiveAlert:
    """An alert was opened, updated, closed, acknowledged or judged."""

    seq: int
    """Grows with every change; a client that reconnects asks for what came after it."""
    alert: Alert
    type: Literal["alert"] = "alert"
    v: Literal[1] = 1


LiveEvent: TypeAlias = LiveAnalysis | LiveStatus | LiveAlert

_EVENT: TypeAdapter[LiveEvent] = TypeAdapter(LiveEvent)


def to_json(event: LiveEvent) -> str:
    """Write an event as data channel, WebSocket, SSE and sinks all send it."""
    # numpy scalars are numbers too; what is not finite becomes null.
    return _EVENT.dump_json(event, warnings=False, fallback=float).decode()


def stream_of(event: LiveEvent) -> StreamId:
    """Say which stream an event tells about."""
    return event.alert.stream_id if isinstance(event, LiveAlert) else event.stream_id


class Mailbox:
    """Events that wait for a reader: the newest of each stream, and all alerts up to a bound."""

    def __init__(self) -> None:
        self.replaced = 0
        """Analyses and statuses that a newer one replaced before they were read."""
        self._alerts: deque[LiveAlert] = deque()
        self._newest: dict[tuple[str, StreamId], LiveAnalysis | LiveStatus] = {}

    def put(self, event: LiveEvent) -> bool:
        """Keep an event; False when there are too many alerts already."""
        if isinstance(event, LiveAlert):
            if len(self._alerts) >= ALERT_QUEUE_SIZE:
                return False
            self._alerts.append(event)
            return True
        key = (event.type, event.stream_id)
        self.replaced += key in self._newest
        self._newest[key] = event
        return True

    def take(self) -> LiveEvent | None:
        """Hand out the next event, alerts first; None when there is none."""
        if self._alerts:
            return self._alerts.popleft()
        if self._newest:
            return self._newest.pop(next(iter(self._newest)))
        return None


class Subscription:
    """One listener's events, as an async iterator that ends when it is closed.

    A slow listener costs a fixed amount of memory. When its alerts run over, `overflowed` is set
    and the iteration ends: the listener has to start afresh. Lives on the event loop only.
    """

    def __init__(self, hub: "EventHub", stream_id: StreamId | None) -> None:
        self.stream_id = stream_id
        self.overflowed = False
        self.mailbox = Mailbox()
        self._hub = hub
        self._ready = asyncio.Event()
        self._closed = False

    def offer(self, event: LiveEvent) -> None:
        """Take an event if it is of interest; never blocks."""
        if self._closed or self.stream_id not in (None, stream_of(event)):
            return
        if not self.mailbox.put(event):
            self.overflowed = True
            self.close()
        self._ready.set()

    def close(self) -> None:
        """End the iteration, from any task of the loop; harmless when repeated."""
        self._closed = True
        self._ready.set()
        self._hub.forget(self)

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> LiveEvent:
        while not self._closed:
            event = self.mailbox.take()
            if event is not None:
                return event
            self._ready.clear()
            await self._ready.wait()
        raise StopAsyncIteration


class EventHub:
    """The one crossing point from the streams' threads to the event loop.

    `publish` may be called from any thread and never blocks; everything else belongs to the loop.
    Even while the loop is busy elsewhere, only the newest of each stream waits to cross.
    """

    def __init__(self) -> None:
        self.lost = 0
        """Alerts that could not cross because the loop hung; they are in the alert book."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._crossing = Mailbox()
        self._called = False
        self._closed = False

    def start(self) -> None:
        """Bind the hub to the running loop."""
        with self._lock:
            self._loop = asyncio.get_running_loop()

    def publish(self, event: LiveEvent) -> None:
        """Tell all listeners; from any thread. Without a listener nothing happens."""
        if not self._subscriptions:
            return
        with self._lock:
            if self._loop is None or self._closed:
                return
            self.lost += not self._crossing.put(event)
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._deliver)

    def subscribe(self, stream_id: StreamId | None = None) -> Subscription:
        """Listen to one stream, or to all of them."""
        subscription = Subscription(self, stream_id)
        if self._closed:
            subscription.close()
        else:
            self._subscriptions.add(subscription)
        return subscription

    @property
    def listeners(self) -> int:
        """How many subscriptions are open."""
        return len(self._subscriptions)

    def forget(self, subscription: Subscription) -> None:
        """Stop telling a listener; `Subscription.close` calls this."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription, for good: the service is going down."""
        with self._lock:
            self._closed = True
        for subscription in list(self._subscriptions):
            subscription.close()

    @property
    def closed(self) -> bool:
        """The service is going down; nothing will be told any more."""
        return self._closed

    def _deliver(self) -> None:
        with self._lock:
            self._called = False
            crossed, self._crossing = self._crossing, Mailbox()
        while (event := crossed.take()) is not None:
            for subscription in list(self._subscriptions):
                subscription.offer(event)
