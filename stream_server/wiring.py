"""What an API file needs of the service: one value, made by app.py."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from pipeline.load import Models
from stream_server.alerts import AlertBook
from stream_server.configuration import Configuration
from stream_server.delivery import Dispatcher
from stream_server.evidence.keeper import EvidenceKeeper
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse
from stream_server.outbox import Outbox
from stream_server.readiness import Canary, Health
from stream_server.reloading import Reloader
from stream_server.settings import Settings
from stream_server.store import Store
from stream_server.streams.memory_book import MemoryBook
from stream_server.streams.registry import StreamRegistry
from stream_server.uploads.desk import Uploads
from stream_server.webrtc.sessions import WebRtcSessions


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of the running service."""

    configuration: Configuration
    reloader: Reloader
    in_use: ModelsInUse
    hub: EventHub
    streams: StreamRegistry
    alerts: AlertBook
    metrics: Metrics
    store: Store
    outbox: Outbox
    canary: Canary
    health: Health
    dispatcher: Dispatcher
    webrtc: WebRtcSessions
    uploads: Uploads
    evidence: EvidenceKeeper
    memories: MemoryBook

    @property
    def settings(self) -> Settings:
        """The settings in force; ask each time, a reload may replace them."""
        return self.configuration.settings

    @property
    def models(self) -> Models:
        """The models in use; ask each time, a reload may replace them."""
        return self.in_use.now

    @property
    def is_crowded(self) -> bool:
        """No further live connection is taken."""
        return self.hub.listeners >= self.settings.server.max_clients

    def drain(self) -> None:
        """Begin the way down: not ready any more, and every live connection ends."""
        self.health.draining = True
        self.hub.close()


def _wiring(connection: HTTPConnection) -> Wiring:
    wiring: Wiring = connection.app.state.wiring
    return wiring


Wired = Annotated[Wiring, Depends(_wiring)]
"""Ask for it as a parameter of a handler."""


def now() -> datetime:
    """Aware, UTC."""
    return datetime.now(UTC)
