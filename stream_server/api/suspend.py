"""A stream's alerts, muted for a while: detection goes on, and what is found is kept."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.types import StreamId
from stream_server.wiring import Wired, now

router = APIRouter(prefix="/api/streams/{stream_id}/suspend", tags=["streams"])


class Suspension(BaseModel):
    """For how long nobody wants to be told."""

    model_config = ConfigDict(extra="forbid")

    minutes: Annotated[float, Field(gt=0, le=1440)]
    """A day at most: what is muted longer is forgotten."""


class Suspended(BaseModel):
    """How a stream's alerts are suspended."""

    until: datetime | None
    """Aware, UTC; None where alerts are delivered."""


@router.post("")
async def suspend_alerts(stream_id: StreamId, asked: Suspension, wiring: Wired) -> Suspended:
    """Deliver no alert of this stream for so many minutes; a restart ends it too.

    Alerts that begin meanwhile are kept and marked. One that outlasts the suspension is told then.
    """
    recorder = wiring.streams.entry(stream_id).recorder
    recorder.suspended_until = until = now() + timedelta(minutes=asked.minutes)
    return Suspended(until=until)


@router.delete("")
async def resume_alerts(stream_id: StreamId, wiring: Wired) -> Suspended:
    """Deliver this stream's alerts again."""
    wiring.streams.entry(stream_id).recorder.suspended_until = None
    return Suspended(until=None)
