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
    challenge,
    config,
    deliveries,
    enrolment,
    events,
    evidence,
    health,
    info,
    live,
    models,
    page,
    session,
    streams,
    suspend,
    uploads,
    users,
    webrtc,
    whip,
)
from stream_server.auth.access import Access
from stream_server.auth.guard import Guard
from stream_server.auth.opening import open_access
from stream_server.configuration import Configuration
from stream_server.delivery import Dispatcher
from stream_server.evidence.keeper import EvidenceKeeper
from stream_server.evidence.writer import setup_of
from stream_server.limits import BodyLimit
from stream_server.live import EventHub
from stream_server.loading import load_models_for
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse, report_calibration
from stream_server.outbox import Outbox
from stream_server.plugins import build
from stream_server.readiness import Canary, Health
from stream_server.reloading import Parts, Reloader
from stream_server.settings import Settings, sink_name
from stream_server.store import Store
from stream_server.streams.memory_book import MemoryBook
from stream_server.streams.registry import StreamRegistry
from stream_server.uploads.desk import Uploads
from stream_server.webrtc.from_settings import peer_settings_of, session_settings_of
from stream_server.webrtc.sessions import WebRtcSessions
from stream_server.wiring import Wiring, now

log = structlog.get_logger("fakewatch.app")

_FLUSH_S = 5.0
_LISTS = (streams, enrolment, challenge, alerts, evidence, deliveries, uploads, models, config)
_RESOURCES = (*_LISTS, suspend, live, events, info, session, users, health, webrtc, whip)


def build_app(
    settings: Settings, loaded: Models | None = None, configuration: Configuration | None = None
) -> FastAPI:
    """Make the service; nothing runs before its lifespan begins.

    Tests pass models of their own. Without a `configuration` the settings cannot be reloaded.

    Raises:
        ModelError: a model is missing, altered, or does not run on the asked device.
    """
    models = loaded or load_models_for(settings.models, settings.calibration)
    wiring = wire(configuration or Configuration(settings, {}, None), models)
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
    access = open_access(settings, wiring.store)
    app.state.wiring = wiring
    app.state.access = access
    app.add_middleware(BodyLimit)
    app.add_middleware(
        Guard, access=access, stream_of_alert=lambda alert: wiring.alerts.get(alert).stream_id
    )
    problems.install(app)
    for resource in _RESOURCES:
        app.include_router(resource.router)
    app.mount("/", page.files())
    _build_routes(app)
    return app


def _build_routes(app: FastAPI) -> None:
    """Build what FastAPI would build on the event loop when the first request comes: 70 ms."""
    nowhere = {"type": "http", "method": "GET", "path": "/-", "root_path": "", "headers": []}
    for route in app.routes:
        route.matches(nowhere)


def wire(configuration: Configuration, loaded: Models) -> Wiring:
    """Make the parts and connect them."""
    settings = configuration.settings
    metrics, hub = Metrics(), EventHub()
    store = Store(settings.storage.path, settings.storage.database_url)
    in_use = ModelsInUse(loaded, metrics)
    outbox = Outbox(store, [sink_name(sink) for sink in settings.sinks])
    book = AlertBook(store, outbox)
    keeper = _evidence(configuration, book, metrics)
    memories = MemoryBook(settings.storage.path if store.problem is None else None)
    registry = StreamRegistry(settings, in_use, hub, book, metrics, store, keeper, memories)
    canary = Canary(lambda: in_use.now.classifier, metrics, settings.models.canary_every_s)
    sessions = _sessions(settings, registry, hub, metrics)
    metrics.webrtc_sessions.set_function(lambda: len(sessions))
    health = Health(canary, store, metrics, settings.storage.path)
    health.unfit = lambda: in_use.guard.unfit
    health.worries = (lambda: keeper.writer.problem, lambda: in_use.guard.trouble)
    dispatcher = _dispatcher(settings, outbox, metrics)
    uploads = Uploads(settings, metrics)
    parts = Parts(in_use, canary, registry, outbox, dispatcher, sessions, uploads)
    return Wiring(
        configuration=configuration,
        reloader=Reloader(configuration, parts, metrics),
        in_use=in_use,
        hub=hub,
        streams=registry,
        alerts=book,
        metrics=metrics,
        store=store,
        outbox=outbox,
        canary=canary,
        health=health,
        dispatcher=dispatcher,
        webrtc=sessions,
        uploads=uploads,
        evidence=keeper,
        memories=memories,
    )


def _evidence(configuration: Configuration, alerts: AlertBook, metrics: Metrics) -> EvidenceKeeper:
    settings = configuration.settings
    return EvidenceKeeper(
        settings.evidence,
        settings.storage.path,
        lambda: setup_of(configuration.settings, version("fakewatch")),
        alerts.get,
        metrics,
    )


def _dispatcher(settings: Settings, outbox: Outbox, metrics: Metrics) -> Dispatcher:
    sinks = {sink_name(sink): build(sink) for sink in settings.sinks}
    return Dispatcher(outbox, sinks, metrics, settings.storage.deliveries_per_minute)


def _sessions(
    settings: Settings, registry: StreamRegistry, hub: EventHub, metrics: Metrics
) -> WebRtcSessions:
    return WebRtcSessions(
        registry,
        hub,
        peer_settings_of(settings.webrtc),
        session_settings_of(settings.webrtc),
        metrics.webrtc_packets_lost.inc,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start in the order of need, stop in the reverse one."""
    wiring: Wiring = app.state.wiring
    _report_storage(wiring.store)
    report_calibration(wiring.settings.calibration, wiring.models)
    wiring.hub.start()
    await asyncio.to_thread(wiring.canary.ask)
    await asyncio.to_thread(housekeeping.close_ended, wiring.alerts, wiring.memories)
    wiring.alerts.on_change = wiring.dispatcher.wake
    await wiring.dispatcher.start()
    await asyncio.to_thread(wiring.evidence.start)
    await wiring.streams.start()
    await wiring.uploads.start()
    tasks = [asyncio.create_task(chore) for chore in _chores(wiring, app.state.access)]
    log.info("service_started", version=app.version, provider=wiring.models.provider)
    yield
    wiring.drain()
    await wiring.uploads.stop()
    await wiring.webrtc.aclose()
    await wiring.streams.stop()
    await asyncio.to_thread(wiring.evidence.stop)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await wiring.dispatcher.stop(_FLUSH_S)
    await asyncio.to_thread(wiring.memories.close)
    await asyncio.to_thread(wiring.store.close)
    log.info("service_stopped")


def _chores(wiring: Wiring, access: Access) -> tuple[Coroutine[None, None, None], ...]:
    return (
        wiring.canary.run(),
        wiring.reloader.watch(),
        housekeeping.watch_streams(wiring.streams),
        housekeeping.follow_accounts(access.accounts),
        housekeeping.remember(wiring.memories),
        housekeeping.close_unheard(wiring.alerts, wiring.hub, now()),
        housekeeping.measure_lag(wiring.metrics),
        housekeeping.measure_disk(wiring.health),
        housekeeping.tidy(wiring.alerts, wiring.outbox, lambda: wiring.settings.storage),
    )


def _report_storage(store: Store) -> None:
    if store.moved_aside is not None:
        log.error("database_damaged", moved_to=str(store.moved_aside))
    if store.problem is not None:
        log.error("database_unusable", reason=store.problem)
