"""What the page has to know of the service before it starts."""

from importlib.metadata import version

from fastapi import APIRouter
from pydantic import BaseModel

from stream_server.problems import Unusable
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
    """Only those without a password: the service itself relays through the others."""


class Info(BaseModel):
    """The service in brief."""

    name: str = "fakewatch"
    version: str
    provider: str
    model: str
    """name@version@hash of the classifier."""
    model_limits: str
    """What the classifier cannot do, in plain words."""
    thresholds: Thresholds
    slots: dict[str, int]
    webrtc: WebrtcInfo


@router.get("/api/info")
async def info(wiring: Wired) -> Info:
    """Describe the service."""
    card = wiring.models.classifier.card
    if card.thresholds is None:
        raise Unusable(f"The card of {card.name} has no thresholds.")
    settings = wiring.settings.webrtc
    return Info(
        version=version("fakewatch"),
        provider=wiring.models.provider,
        model=card.fingerprint,
        model_limits=card.limits,
        thresholds=Thresholds(raise_at=card.thresholds.raise_at, clear_at=card.thresholds.clear_at),
        slots=wiring.streams.slots(),
        webrtc=WebrtcInfo(
            max_sessions=settings.max_sessions,
            sessions=len(wiring.webrtc),
            heartbeat_s=settings.gone_after_s / 3,
            gone_after_s=settings.gone_after_s,
            ice_servers=[{"urls": s.url} for s in settings.ice_servers if s.credential is None],
        ),
    )
