"""Alerts: list, acknowledge, judge."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.types import Alert, AlertId, StreamId
from stream_server.auth.asking import Asking
from stream_server.wiring import Wired, now

router = APIRouter(prefix="/api/alerts", tags=["alerts"])


class Verdict(BaseModel):
    """The user's own judgement of an alert."""

    model_config = ConfigDict(extra="forbid")

    manipulated: bool
    """False: it was a false alarm."""


# Plain `def`: the database is read and written in a worker thread, off the event loop.


@router.get("")
def list_alerts(
    wiring: Wired,
    asking: Asking,
    stream: StreamId | None = None,
    state: Literal["all", "open", "closed"] = "all",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Alert]:
    """List alerts, the newest first."""
    if stream is not None or asking.streams is None:
        return wiring.alerts.recent(stream_id=stream, state=state, limit=limit)
    mine = (
        alert
        for one in asking.streams | asking.started()
        for alert in wiring.alerts.recent(stream_id=one, state=state, limit=limit)
    )
    return sorted(mine, key=lambda alert: alert.opened_at, reverse=True)[:limit]


@router.get("/{alert_id}")
def get_alert(alert_id: AlertId, wiring: Wired) -> Alert:
    """Look an alert up."""
    return wiring.alerts.get(alert_id)


@router.post("/{alert_id}/acknowledge")
def acknowledge(alert_id: AlertId, wiring: Wired) -> Alert:
    """Note that somebody has seen the alert."""
    event = wiring.alerts.acknowledge(alert_id, now())
    wiring.hub.publish(event)
    return event.alert


@router.post("/{alert_id}/judge")
def judge(alert_id: AlertId, verdict: Verdict, wiring: Wired) -> Alert:
    """Note the user's own verdict: manipulation, or a false alarm."""
    event = wiring.alerts.judge(alert_id, manipulated=verdict.manipulated, at=now())
    wiring.hub.publish(event)
    return event.alert
