"""Probes and metrics: alive, ready, in detail, and for Prometheus."""

from importlib.metadata import version

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from pipeline.types import StreamId
from stream_server.auth.asking import Asking
from stream_server.readiness import Report
from stream_server.streams.status import StreamState
from stream_server.wiring import Wired

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The event loop answers."""

    alive: bool = True


class SettingsHealth(BaseModel):
    """Whether what runs is what the settings file says."""

    error: str | None
    """Why the newest file was refused; the settings before it hold on."""
    waiting: list[str]
    """Settings that need a restart of the service."""


class Health(BaseModel):
    """Everything that an operator asks first."""

    version: str
    readiness: Report
    provider: str
    streams: dict[StreamId, StreamState]
    slots: dict[str, int]
    webrtc_sessions: int
    open_alerts: int
    settings: SettingsHealth


@router.get("/livez")
async def livez() -> Alive:
    """Answer while the event loop runs; needs no token and tells nothing else."""
    return Alive()


@router.get("/readyz", responses={503: {"description": "Not ready."}})
async def readyz(response: Response, wiring: Wired) -> Report:
    """200 when work can be done, 503 when not; a broken camera never matters here."""
    report = wiring.health.report()
    response.status_code = 200 if report.ready else 503
    return report


@router.get("/healthz")
async def healthz(wiring: Wired, asking: Asking) -> Health:
    """Give the details."""
    return Health(
        version=version("fakewatch"),
        readiness=wiring.health.report(),
        provider=wiring.models.provider,
        streams={
            view.id: view.status.state for view in wiring.streams.views() if asking.sees(view.id)
        },
        slots=wiring.streams.slots(),
        webrtc_sessions=len(wiring.webrtc),
        open_alerts=sum(asking.sees(alert.stream_id) for alert in wiring.alerts.open_alerts()),
        settings=SettingsHealth(
            error=wiring.configuration.error, waiting=list(wiring.configuration.waiting)
        ),
    )


@router.get("/metrics", response_class=Response)
async def metrics(wiring: Wired, asking: Asking) -> Response:
    """Write all metrics in Prometheus' text form; docs/metrics.md explains them."""
    return Response(wiring.metrics.page(asking.sees), media_type=CONTENT_TYPE_LATEST)
