"""The alert book: every alert from open to close, kept together with what is to be delivered."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import TypeAdapter

from pipeline.types import Alert, AlertChange, AlertId, AlertPhase, Reason, StreamId
from stream_server.live import LiveAlert
from stream_server.outbox import Outbox
from stream_server.problems import NotFound
from stream_server.store import Run, StorageError, Store

_UNSAVED = 1000
"""Changes kept in memory while the disk is full."""
_ALERT = TypeAdapter(Alert)


def severity_of(alert: Alert) -> str:
    """Grade an alert: "high" once it has escalated, else "moderate"."""
    return "high" if alert.escalated else "moderate"


class AlertBook:
    """Keeps alerts, their history and their deliveries; safe to call from any thread.

    Each change is written in one transaction with its deliveries, so neither exists without the
    other. While nothing can be written the changes wait in memory and detection goes on.
    """

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self._lock = threading.RLock()
        self._unsaved: deque[tuple[Alert, bool]] = deque(maxlen=_UNSAVED)
        self._open = {alert.alert_id: alert for alert in self._read("WHERE is_open = 1")}
        newest = store.read("SELECT max(seq) AS seq FROM event")[0]
        self.last_seq: int = newest["seq"] or 0
        self.on_change: Callable[[], None] = lambda: None
        """Called, from any thread, after every change: something may be there to deliver."""

    def apply(
        self,
        stream_id: StreamId,
        stream_name: str,
        change: AlertChange,
        model: str,
        at: datetime,
        *,
        suspended: bool = False,
    ) -> LiveAlert:
        """Record a step of the analysis; `at` is aware, UTC. Never raises for a full disk.

        While the stream is `suspended` its alerts are kept and not delivered. One that outlasts
        the suspension is told as opened then; one that was told before is told its end.
        """
        with self._lock:
            before = self._open.get(change.alert_id)
            alert = _after(before, stream_id, stream_name, change, model, at)
            return self._record(_muted(alert, before, suspended=suspended), held=suspended)

    def close_open(
        self,
        at: datetime,
        why: str,
        stream_id: StreamId | None = None,
        *,
        unless: Callable[[Alert], bool] = lambda _: False,
    ) -> list[LiveAlert]:
        """Close what is still open, of one stream or of all, and note why."""
        with self._lock:
            asked = [a for a in self._open.values() if stream_id in (None, a.stream_id)]
            closing = [alert for alert in asked if not unless(alert)]
            return [self._record(_closed(alert, at, why)) for alert in closing]

    def acknowledge(self, alert_id: AlertId, at: datetime) -> LiveAlert:
        """Note that somebody has seen the alert; the first time counts.

        Raises:
            NotFound: there is no such alert.
        """
        with self._lock:
            self.catch_up()
            alert = self.get(alert_id)
            return self._amend(replace(alert, acknowledged_at=alert.acknowledged_at or at))

    def judge(self, alert_id: AlertId, *, manipulated: bool, at: datetime) -> LiveAlert:
        """Note the user's own verdict, which also acknowledges.

        Raises:
            NotFound: there is no such alert.
        """
        with self._lock:
            self.catch_up()
            alert = self.get(alert_id)
            seen_at = alert.acknowledged_at or at
            return self._amend(replace(alert, judged=manipulated, acknowledged_at=seen_at))

    def get(self, alert_id: AlertId) -> Alert:
        """Look an alert up.

        Raises:
            NotFound: there is none of that id, or it is past its retention.
        """
        with self._lock:
            known = self._open.get(alert_id)
        if known is not None:
            return known
        found = self._read("WHERE alert_id = :alert", alert=alert_id)
        if not found:
            raise NotFound(f"There is no alert {alert_id}.")
        return found[0]

    def recent(
        self,
        *,
        stream_id: StreamId | None = None,
        state: Literal["all", "open", "closed"] = "all",
        limit: int = 100,
    ) -> list[Alert]:
        """List alerts, the newest first; state is "all", "open" or "closed"."""
        which: dict[str, object] = {}
        if stream_id is not None:
            which["stream_id"] = stream_id
        if state != "all":
            which["is_open"] = int(state == "open")
        chosen = " AND ".join(["1 = 1", *(f"{name} = :{name}" for name in which)])
        newest = "ORDER BY opened_at DESC, alert_id DESC LIMIT :most"
        return self._read(f"WHERE {chosen} {newest}", **which, most=limit)

    def since(self, seq: int, limit: int = 500) -> list[LiveAlert]:
        """List the changes after `seq`, in order: what a client missed."""
        rows = self._store.read(
            "SELECT body, seq FROM event WHERE seq > :seq ORDER BY seq LIMIT :most",
            seq=seq,
            most=limit,
        )
        return [LiveAlert(row["seq"], _ALERT.validate_json(row["body"])) for row in rows]

    def open_alerts(self) -> list[Alert]:
        """List what is open now, from memory."""
        with self._lock:
            return list(self._open.values())

    def prune(self, before: datetime) -> None:
        """Delete closed alerts, with their history, that were last touched before that.

        Raises:
            StorageError: the database cannot be written.
        """
        old = "SELECT alert_id FROM alert WHERE is_open = 0 AND updated_at < :before"
        with self._store.transaction() as run:
            # Only constant text is put together here.
            run(f"DELETE FROM event WHERE alert_id IN ({old})", before=_iso(before))  # noqa: S608
            run(f"DELETE FROM alert WHERE alert_id IN ({old})", before=_iso(before))  # noqa: S608

    def catch_up(self) -> None:
        """Write what waits in memory, if the database takes it by now."""
        with self._lock:
            if not self._unsaved:
                return
            try:
                with self._store.transaction() as run:
                    seqs = [self._write(run, kept, deliver=yes) for kept, yes in self._unsaved]
            except StorageError:
                return
            self._unsaved.clear()
            self.last_seq = seqs[-1]
        self.on_change()

    def _read(self, where: str, **values: object) -> list[Alert]:
        rows = self._store.read(f"SELECT body FROM alert {where}", **values)  # noqa: S608 - constants
        return [_ALERT.validate_json(row["body"]) for row in rows]

    def _record(self, alert: Alert, *, held: bool = False) -> LiveAlert:
        """Keep a change in memory and, with all that waits, on disk."""
        if alert.closed_at is None:
            self._open[alert.alert_id] = alert
        else:
            self._open.pop(alert.alert_id, None)
        told = not alert.suspended and (not held or alert.phase is AlertPhase.CLOSED)
        self._unsaved.append((alert, told))
        self.catch_up()
        return LiveAlert(self.last_seq, alert)

    def _amend(self, alert: Alert) -> LiveAlert:
        """Write what a user did; unlike an analysis, a user is told when that fails."""
        with self._store.transaction() as run:
            self.last_seq = self._write(run, alert, deliver=False)
        if alert.alert_id in self._open:
            self._open[alert.alert_id] = alert
        self.on_change()
        return LiveAlert(self.last_seq, alert)

    def _write(self, run: Run, alert: Alert, *, deliver: bool) -> int:
        body, at = _ALERT.dump_json(alert).decode(), _iso(alert.updated_at)
        run(
            "INSERT INTO alert (alert_id, stream_id, is_open, opened_at, updated_at, body)"
            " VALUES (:alert, :stream, :is_open, :opened_at, :at, :body) ON CONFLICT (alert_id)"
            " DO UPDATE SET is_open = excluded.is_open, updated_at = excluded.updated_at,"
            " body = excluded.body",
            alert=alert.alert_id,
            stream=alert.stream_id,
            is_open=int(alert.closed_at is None),
            opened_at=_iso(alert.opened_at),
            at=at,
            body=body,
        )
        insert = "INSERT INTO event (alert_id, at, body) VALUES (:alert, :at, :body) RETURNING seq"
        event = LiveAlert(run(insert, alert=alert.alert_id, at=at, body=body).scalar_one(), alert)
        if deliver:
            self._outbox.post(run, event)
        return event.seq


def _after(
    before: Alert | None,
    stream_id: StreamId,
    stream_name: str,
    change: AlertChange,
    model: str,
    at: datetime,
) -> Alert:
    """The alert as it is after a change; what a user said about it is kept.

    A crash may have come between its opening and the book: then it opens with its next news.
    """
    lost = before is None and change.phase is not AlertPhase.CLOSED
    return Alert(
        alert_id=change.alert_id,
        stream_id=stream_id,
        stream_name=stream_name,
        track_id=change.track_id,
        phase=AlertPhase.OPENED if lost else change.phase,
        opened_at=before.opened_at if before else at,
        updated_at=at,
        closed_at=at if change.phase is AlertPhase.CLOSED else None,
        opened_s=change.opened_s,
        time_s=change.time_s,
        fake_prob=change.fake_prob,
        peak_prob=max(change.peak_prob, before.peak_prob if before else 0.0),
        threshold=change.threshold,
        reasons=change.reasons,
        model=model,
        acknowledged_at=before.acknowledged_at if before else None,
        judged=before.judged if before else None,
        escalated=change.escalated or (before is not None and before.escalated),
    )


def _muted(alert: Alert, before: Alert | None, *, suspended: bool) -> Alert:
    """An alert that begins in a suspension is suspended, until the first news after it."""
    if before is None:
        return replace(alert, suspended=suspended)
    if before.suspended and not suspended and alert.phase is not AlertPhase.CLOSED:
        return replace(alert, suspended=False, phase=AlertPhase.OPENED)
    return replace(alert, suspended=before.suspended)


def _closed(alert: Alert, at: datetime, why: str) -> Alert:
    return replace(
        alert,
        phase=AlertPhase.CLOSED,
        updated_at=at,
        closed_at=at,
        reasons=(*alert.reasons, Reason("service", 0.0, why)),
    )


def _iso(at: datetime) -> str:
    """Write UTC so that text sorts like time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
