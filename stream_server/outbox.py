"""The outbox: deliveries that wait until a sink has taken them, or gave up for good."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from pipeline.types import AlertPhase
from stream_server.live import LiveAlert, to_json
from stream_server.store import Run, Store

_EVENT = TypeAdapter(LiveAlert)
_LONGEST_WAIT_S = 12 * 3600.0
"""No delivery waits longer; one that claims to was written under another clock."""

# The oldest of each alert only, so that "closed" never overtakes "opened".
_DUE = """
SELECT * FROM outbox AS this WHERE sink = :sink AND dead = 0 AND (due_s <= :now OR due_s > :far)
AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.sink = :sink AND earlier.dead = 0
                AND earlier.alert_id = this.alert_id AND earlier.id < this.id)
ORDER BY id LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one sink."""

    delivery_id: int
    event: LiveAlert
    created_s: float
    """Unix time."""
    attempts: int
    """How often it was tried before."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person is shown of a delivery that has not been taken yet."""

    delivery_id: int
    sink: str
    alert_id: str
    phase: str
    attempts: int
    created_s: float
    """Unix time."""
    due_s: float
    """Unix time of the next try; 0 is at once."""
    dead: bool
    """It was given up, and waits for a person."""
    error: str | None


class Outbox:
    """Deliveries of all sinks; an event is written here in the transaction of its alert."""

    def __init__(self, store: Store, sinks: Sequence[str]) -> None:
        self._store = store
        self.sinks = tuple(sinks)
        """Names of those that get every event; a reload replaces it."""

    def post(self, run: Run, event: LiveAlert) -> None:
        """Queue an event for every sink; it replaces an update that still waits."""
        alert, body = event.alert, to_json(event)
        if alert.phase is not AlertPhase.OPENED:
            run(
                "DELETE FROM outbox WHERE alert_id = :alert AND phase = :phase AND dead = 0",
                alert=alert.alert_id,
                phase=AlertPhase.UPDATED.value,
            )
        for sink in self.sinks:
            run(
                "INSERT INTO outbox (sink, seq, alert_id, phase, created_s, body)"
                " VALUES (:sink, :seq, :alert, :phase, :created_s, :body)",
                sink=sink,
                seq=event.seq,
                alert=alert.alert_id,
                phase=alert.phase.value,
                created_s=alert.updated_at.timestamp(),
                body=body,
            )

    def due(self, sink: str, now_s: float, limit: int = 8) -> list[Delivery]:
        """List what may be sent now (Unix time), at most one delivery an alert."""
        rows = self._store.read(_DUE, sink=sink, now=now_s, far=now_s + _LONGEST_WAIT_S, most=limit)
        return [
            Delivery(
                row["id"], _EVENT.validate_json(row["body"]), row["created_s"], row["attempts"]
            )
            for row in rows
        ]

    def done(self, delivery: Delivery) -> None:
        """Forget a delivery that the sink has taken."""
        with self._store.transaction() as run:
            run("DELETE FROM outbox WHERE id = :id", id=delivery.delivery_id)

    def put_off(self, delivery: Delivery, due_s: float, error: str) -> None:
        """Try again at `due_s` (Unix time)."""
        with self._store.transaction() as run:
            run(
                "UPDATE outbox SET attempts = attempts + 1, due_s = :due_s, error = :error"
                " WHERE id = :id",
                due_s=due_s,
                error=error,
                id=delivery.delivery_id,
            )

    def bury(self, delivery: Delivery, error: str) -> None:
        """Give up: the dead letter stays and is counted where people look."""
        with self._store.transaction() as run:
            run(
                "UPDATE outbox SET attempts = attempts + 1, dead = 1, error = :error"
                " WHERE id = :id",
                error=error,
                id=delivery.delivery_id,
            )

    def bury_all(self, sink: str, error: str) -> int:
        """Give up all that waits for a sink, also what is not due yet; says how many."""
        with self._store.transaction() as run:
            return run(
                "UPDATE outbox SET dead = 1, error = :error WHERE sink = :sink AND dead = 0",
                error=error,
                sink=sink,
            ).rowcount

    def letters(self, state: str, limit: int) -> list[Letter]:
        """List deliveries that are "dead" or "waiting", the oldest first."""
        rows = self._store.read(
            "SELECT id AS delivery_id, sink, alert_id, phase, attempts, created_s, due_s, dead,"
            " error FROM outbox WHERE dead = :dead ORDER BY id LIMIT :most",
            dead=int(state == "dead"),
            most=limit,
        )
        return [Letter(**{**dict(row), "dead": bool(row["dead"])}) for row in rows]

    def revive(self, sink: str, delivery_id: int | None = None) -> int:
        """Let one or all dead letters of a sink be tried anew; says how many."""
        which = {"sink": sink} if delivery_id is None else {"sink": sink, "id": delivery_id}
        chosen = " AND ".join(f"{name} = :{name}" for name in which)
        anew = f"UPDATE outbox SET dead = 0, attempts = 0, due_s = 0 WHERE dead = 1 AND {chosen}"  # noqa: S608 - constants
        with self._store.transaction() as run:
            return run(anew, **which).rowcount

    def counts(self) -> dict[str, tuple[int, int]]:
        """Count (waiting, dead) deliveries of each sink."""
        rows = self._store.read(
            "SELECT sink, dead, count(*) AS number FROM outbox GROUP BY sink, dead"
        )
        found = {(row["sink"], row["dead"]): row["number"] for row in rows}
        return {s: (found.get((s, 0), 0), found.get((s, 1), 0)) for s in self.sinks}

    def trim(self, most_rows: int) -> None:
        """Keep the table bounded: the oldest updates go first, then the oldest dead letters."""
        surplus = self._store.read("SELECT count(*) AS number FROM outbox")[0]["number"] - most_rows
        for kind in ("phase = 'updated'", "dead = 1"):
            if surplus <= 0:
                return
            oldest = f"SELECT id FROM outbox WHERE {kind} ORDER BY id LIMIT :surplus"  # noqa: S608
            with self._store.transaction() as run:
                surplus -= run(
                    f"DELETE FROM outbox WHERE id IN ({oldest})",  # noqa: S608 - constants
                    surplus=surplus,
                ).rowcount
