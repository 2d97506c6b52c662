"""An alert book on a real database, and changes to put into it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.types import AlertChange, AlertId, AlertPhase, Box, Reason, StreamId, TrackId
from stream_server.alerts import AlertBook
from stream_server.outbox import Outbox
from tests.databases import store_at

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CAM = StreamId("cam")
OPENED, UPDATED, CLOSED = AlertPhase.OPENED, AlertPhase.UPDATED, AlertPhase.CLOSED


def change(phase, alert_id="alert-1", *, prob=0.9, time_s=10.0, escalated=False):
    return AlertChange(
        alert_id=AlertId(alert_id),
        phase=phase,
        track_id=TrackId(3),
        time_s=time_s,
        opened_s=10.0,
        fake_prob=prob,
        peak_prob=prob,
        threshold=0.8,
        reasons=(Reason("classifier", 2.2, "The texture looks manipulated."),),
        box=Box(1, 2, 3, 4),
        escalated=escalated,
    )


class Desk:
    """A store with its book and its outbox of two sinks."""

    def __init__(self, directory: Path) -> None:
        self.store = store_at(directory)
        self.outbox = Outbox(self.store, ["log", "hook"])
        self.book = AlertBook(self.store, self.outbox)

    def apply(self, phase, alert_id="alert-1", *, seconds=0, stream=CAM, **facts):
        at = AT + timedelta(seconds=seconds)
        step = change(phase, alert_id, **facts)
        return self.book.apply(stream, "Camera", step, "m@1@abc", at)
