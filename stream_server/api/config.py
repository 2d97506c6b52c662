"""The settings in force, with their origin; and reading them anew."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from pipeline.errors import SettingsError
from pipeline.types import StreamId
from stream_server.configuration import Setting
from stream_server.problems import Unusable
from stream_server.reload_class import Reload
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/config", tags=["config"])


class Effective(BaseModel):
    """Every setting, with its secrets masked."""

    settings: list[Setting]
    waiting: list[str]
    """Paths that the file has changed, and that need a restart of the service."""
    error: str | None
    """Why the newest file was refused; the settings before it hold on."""
    loaded_at: datetime | None
    """When a reload last changed something; null since the start."""


class Reloaded(BaseModel):
    """What reading the settings anew did."""

    changed: dict[str, Reload]
    """Settings that are in force now, and what each cost."""
    streams: list[StreamId]
    """Streams that were started, restarted or ended."""
    waiting: list[str]
    """Settings that need a restart of the service."""
    models: list[str]
    """name@version@hash of detector, landmarker and classifier where others were taken."""


@router.get("/effective")
async def effective(wiring: Wired) -> Effective:
    """Show the settings in force, where each came from and what a change of it costs."""
    configuration = wiring.configuration
    return Effective(
        settings=configuration.effective(),
        waiting=list(configuration.waiting),
        error=configuration.error,
        loaded_at=configuration.loaded_at,
    )


@router.post("/reload")
async def reload(wiring: Wired) -> Reloaded:
    """Read the settings anew; what cannot be used changes nothing and is refused with its path."""
    try:
        outcome = await wiring.reloader.reload()
    except SettingsError as error:
        raise Unusable(str(error)) from error
    return Reloaded(
        changed=outcome.changed,
        streams=outcome.streams,
        waiting=outcome.waiting,
        models=outcome.models,
    )
