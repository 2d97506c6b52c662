"""What the page has to know of the service before it starts."""

import time
from importlib.metadata import version

from fastapi import APIRouter
from pydantic import BaseModel

from pipeline.comparison import presets
from stream_server.auth.asking import Asking
from stream_server.auth.roles import Caller, Role
from stream_server.evidence.settings import Mode
from stream_server.problems import Unusable
from stream_server.webrtc.from_settings import ice_servers_of
from stream_server.webrtc.turn import IceServer
from stream_server.wiring import Wired

router = APIRouter(tags=["info"])


class Thresholds(BaseModel):
    """Probabilities at which an alert is raised and cleared."""

    raise_at: float
    clear_at: float


class WebrtcInfo(BaseModel):
    """What a page needs to send its camera."""

    max_sessions: int
    sessions: int
    heartbeat_s: float
    gone_after_s: float
    ice_servers: list[dict[str, str]]
    """Those without a password, and to those who may send video also those whose password soon
    expires: through the others the service itself relays."""


class Info(BaseModel):
    """The service in brief."""

    name: str = "fakewatch"
    version: str
    provider: str
    """Where the classifier runs: "cpu" or "cuda"."""
    provider_trouble: str | None
    """Why it no longer runs where it began, in a sentence."""
    model: str
    """name@version@hash of the classifier."""
    model_limits: str
    """What the classifier cannot do, in plain words."""
    thresholds: Thresholds
    presets: list[str]
    """Known systems' rules that a stream may be judged by."""
    evidence: Mode
    """What is kept of an alert; with anything but metadata, pictures of people."""
    slots: dict[str, int]
    webrtc: WebrtcInfo


@router.get("/api/info")
async def info(wiring: Wired, asking: Asking) -> Info:
    """Describe the service."""
    card = wiring.models.classifier.card
    if card.thresholds is None:
        raise Unusable(f"The card of {card.name} has no thresholds.")
    settings = wiring.settings.webrtc
    return Info(
        version=version("fakewatch"),
        provider=wiring.models.provider,
        provider_trouble=wiring.in_use.guard.trouble,
        model=card.fingerprint,
        model_limits=card.limits,
        thresholds=Thresholds(raise_at=card.thresholds.raise_at, clear_at=card.thresholds.clear_at),
        presets=presets(),
        evidence=wiring.settings.evidence.mode,
        slots=wiring.streams.slots(),
        webrtc=WebrtcInfo(
            max_sessions=settings.max_sessions,
            sessions=len(wiring.webrtc),
            heartbeat_s=settings.gone_after_s / 3,
            gone_after_s=settings.gone_after_s,
            ice_servers=_ice_servers(ice_servers_of(settings), asking),
        ),
    )


def _ice_servers(servers: tuple[IceServer, ...], asking: Caller) -> list[dict[str, str]]:
    """What the caller's browser may connect by."""
    shown = [{"urls": s.url} for s in servers if s.credential is None and s.secret is None]
    if not asking.role.covers(Role.OPERATOR):
        return shown
    for server in servers:
        if server.secret is not None:
            username, credential = server.login(asking.name, time.time())
            shown.append(
                {"urls": server.url, "username": username or "", "credential": credential or ""}
            )
    return shown
