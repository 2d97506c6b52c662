"""Deliveries: what waits, what was given up, trying again, trying a sink out."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from pipeline.errors import SinkError
from pipeline.types import Alert, AlertId, AlertPhase, Reason, StreamId, TrackId
from stream_server.live import LiveAlert
from stream_server.outbox import Letter
from stream_server.problems import Conflict, NotFound
from stream_server.redact import redact
from stream_server.settings import sink_name
from stream_server.wiring import Wired, Wiring, now

router = APIRouter(prefix="/api", tags=["deliveries"])


class SinkState(BaseModel):
    """One place where alerts go."""

    name: str
    type: str
    waiting: int
    dead: int
    """Given up; they wait for a person."""
    off: str | None = None
    """Why nothing is sent there until a person switches it on; null: it is on."""


class Trial(BaseModel):
    """What came of a test message."""

    taken: bool
    reason: str | None = None
    """Why not, in one sentence."""


class Revived(BaseModel):
    """How many deliveries are tried anew."""

    count: int


@router.get("/sinks")
def list_sinks(wiring: Wired) -> list[SinkState]:
    """List where alerts go, with what waits there."""
    counts, why_off = wiring.outbox.counts(), wiring.dispatcher.why_off
    facts = ((sink_name(sink), str(dict(sink)["type"])) for sink in wiring.settings.sinks)
    return [
        SinkState(
            name=name,
            type=kind,
            waiting=counts[name][0],
            dead=counts[name][1],
            off=why_off(name),
        )
        for name, kind in facts
    ]


@router.post("/sinks/{name}/test")
async def try_sink(name: str, wiring: Wired) -> Trial:
    """Send a message that says that it is a test; a sink that takes it is switched on again."""
    _known(wiring, name)
    try:
        await wiring.dispatcher.try_out(name, _test_event())
    except SinkError as error:
        return Trial(taken=False, reason=redact(str(error)))
    return Trial(taken=True)


@router.post("/sinks/{name}/enable")
async def enable(name: str, wiring: Wired) -> SinkState:
    """Switch a sink on again whose receiver had answered that it was gone."""
    _known(wiring, name)
    await wiring.dispatcher.switch_on(name)
    states = await asyncio.to_thread(list_sinks, wiring)
    return next(state for state in states if state.name == name)


@router.get("/deliveries")
def list_deliveries(
    wiring: Wired,
    state: Literal["dead", "waiting"] = "dead",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Letter]:
    """List deliveries that were given up, or that wait, the oldest first."""
    return wiring.outbox.letters(state, limit)


@router.post("/sinks/{name}/retry")
def retry(
    name: str, wiring: Wired, delivery: Annotated[int | None, Query(ge=1, lt=2**63)] = None
) -> Revived:
    """Try one delivery that was given up, or all of the sink's, anew."""
    _known(wiring, name)
    if wiring.dispatcher.why_off(name) is not None:
        raise Conflict(f"{name} is switched off; switch it on first.")
    count = wiring.outbox.revive(name, delivery)
    if delivery is not None and not count:
        raise NotFound(f"{name} has no delivery {delivery} that was given up.")
    wiring.dispatcher.wake()
    return Revived(count=count)


def _known(wiring: Wiring, name: str) -> None:
    if name not in {sink_name(sink) for sink in wiring.settings.sinks}:
        raise NotFound(f"There is no sink {name}.")


def _test_event() -> LiveAlert:
    at = now()
    return LiveAlert(
        0,
        Alert(
            alert_id=AlertId("test"), stream_id=StreamId("test"), stream_name="Test of this sink",
            track_id=TrackId(0), phase=AlertPhase.OPENED, opened_at=at, updated_at=at,
            closed_at=None, opened_s=0.0, time_s=0.0, fake_prob=0.0, peak_prob=0.0, threshold=1.0,
            reasons=(Reason("test", 0.0, "Somebody tried this sink out; nothing was seen."),),
            model="none",
        ),
    )  # fmt: skip
