"""The only wiring: from settings to the running service behind one ASGI app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from pipeline.load import Models
from stream_server import housekeeping, problems
from stream_server.alerts import AlertBook
from stream_server.api import (
    alerts,
    events,
    health,
    info,
    live,
    models,
    page,
    session,
    streams,
    uploads,
    webrtc,
    whip,
)
from stream_server.auth import Access, Guard
from stream_server.delivery import Dispatcher
from stream_server.limits import BodyLimit
from stream_server.live import EventHub
from stream_server.loading import load_models_for
from stream_server.measured import measure_models
from stream_server.metrics import Metrics
from stream_server.outbox import Outbox
from stream_server.plugins import build
from stream_server.readiness import Canary, Health
from stream_server.settings import Settings, sink_name
from stream_server.store import Store
from stream_server.streams.registry import StreamRegistry
from stream_server.uploads.desk import Uploads
from stream_server.webrtc.peer import IceServer, PeerSettings
from stream_server.webrtc.session import SessionSettings
from stream_server.webrtc.sessions import WebRtcSessions
from stream_server.wiring import Wiring, now

log = structlog.get_logger("fakewatch.app")

_FLUSH_S = 5.0
_CRASHED = "The service stopped without a farewell while this alert was open."
_LISTS = (streams, alerts, uploads, models)
_RESOURCES = (*_LISTS, live, events, info, session, health, webrtc, whip)


def build_app(settings: Settings, loaded: Models | None = None) -> FastAPI:
    """Make the service; nothing runs before its lifespan begins.

    Tests pass models of their own.

    Raises:
        ModelError: a model is missing, altered, or does not run on the asked device.
    """
    wiring = wire(settings, loaded or load_models_for(settings.models))
    app = FastAPI(
        title="fakewatch",
        version=version("fakewatch"),
        summary="Live detection of manipulated faces.",
        openapi_url="/api/openapi.json",
        # The usual documentation pages load their scripts from elsewhere.
        docs_url=None,
        responses=problems.RESPONSES,
        redoc_url=None,
        lifespan=_lifespan,
    )
    token = settings.auth.token
    access = Access(settings.server.is_loopback, token.get_secret_value() if token else None)
    app.state.wiring = wiring
    app.state.access = access
    app.add_middleware(BodyLimit)
    app.add_middleware(Guard, access=access)
    problems.install(app)
    for resource in _RESOURCES:
        app.include_router(resource.router)
    app.mount("/", page.files())
    return app


def wire(settings: Settings, loaded: Models) -> Wiring:
    """Make the parts and connect them."""
    metrics, hub, store = Metrics(), EventHub(), Store(settings.storage.path)
    measured = measure_models(loaded, metrics)
    outbox = Outbox(store, [sink_name(sink) for sink in settings.sinks])
    book = AlertBook(store, outbox)
    registry = StreamRegistry(settings, measured, hub, book, metrics, store)
    canary = Canary(measured.classifier, metrics, settings.models.canary_every_s)
    sessions = _sessions(settings, registry, hub, metrics)
    metrics.webrtc_sessions.set_function(lambda: len(sessions))
    return Wiring(
        settings=settings,
        models=measured,
        hub=hub,
        streams=registry,
        alerts=book,
        metrics=metrics,
        store=store,
        outbox=outbox,
        canary=canary,
        health=Health(canary, store, metrics, settings.storage.path),
        dispatcher=Dispatcher(
            outbox, {sink_name(sink): build(sink) for sink in settings.sinks}, metrics
        ),
        webrtc=sessions,
        uploads=Uploads(settings, metrics),
    )


def _sessions(
    settings: Settings, registry: StreamRegistry, hub: EventHub, metrics: Metrics
) -> WebRtcSessions:
    webrtc_settings = settings.webrtc
    servers = (
        IceServer(s.url, s.username, s.credential.get_secret_value() if s.credential else None)
        for s in webrtc_settings.ice_servers
    )
    return WebRtcSessions(
        registry,
        hub,
        PeerSettings(
            tuple(servers), webrtc_settings.offer_loopback, webrtc_settings.start_bitrate_kbps
        ),
        SessionSettings(
            max_sessions=webrtc_settings.max_sessions,
            max_sessions_per_address=webrtc_settings.max_sessions,
            heartbeat_timeout_s=webrtc_settings.gone_after_s,
            analyse_fps=webrtc_settings.analyse_fps,
        ),
        metrics.webrtc_packets_lost.inc,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start in the order of need, stop in the reverse one."""
    wiring: Wiring = app.state.wiring
    _report_storage(wiring.store)
    wiring.hub.start()
    await asyncio.to_thread(wiring.canary.ask)
    await asyncio.to_thread(wiring.alerts.close_open, now(), _CRASHED)
    wiring.alerts.on_change = wiring.dispatcher.wake
    await wiring.dispatcher.start()
    await wiring.streams.start()
    await wiring.uploads.start()
    tasks = [asyncio.create_task(chore) for chore in _chores(wiring)]
    log.info("service_started", version=app.version, provider=wiring.models.provider)
    yield
    wiring.drain()
    await wiring.uploads.stop()
    await wiring.webrtc.aclose()
    await wiring.streams.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await wiring.dispatcher.stop(_FLUSH_S)
    await asyncio.to_thread(wiring.store.close)
    log.info("service_stopped")


def _chores(wiring: Wiring) -> tuple[Coroutine[None, None, None], ...]:
    return (
        wiring.canary.run(),
        housekeeping.measure_lag(wiring.metrics),
        housekeeping.measure_disk(wiring.health),
        housekeeping.tidy(wiring.alerts, wiring.outbox, wiring.settings.storage),
    )


def _report_storage(store: Store) -> None:
    if store.moved_aside is not None:
        log.error("database_damaged", moved_to=str(store.moved_aside))
    if store.problem is not None:
        log.error("database_unusable", reason=store.problem)
