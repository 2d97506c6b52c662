"""What the service does for itself, every few seconds: watches, measures its lag, tidies."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from pipeline.absent import RECALLED_FOR_S
from stream_server.alerts import AlertBook
from stream_server.auth.accounts import Accounts
from stream_server.live import EventHub
from stream_server.metrics import Metrics
from stream_server.outbox import Outbox
from stream_server.readiness import Health
from stream_server.storage_settings import StorageSettings
from stream_server.store import StorageError
from stream_server.streams.memory_book import MemoryBook
from stream_server.streams.registry import StreamRegistry

log = structlog.get_logger("fakewatch.housekeeping")

_LAG_EVERY_S = 1.0
_HANG_EVERY_S = 1.0
_DISK_EVERY_S = 15.0
_TIDY_EVERY_S = 600.0
_LOOK_EVERY_S = 1.0
_ACCOUNTS_EVERY_S = 3.0
_REMEMBER_EVERY_S = 1.0
_RESUME_S = RECALLED_FOR_S + 10.0
"""After a crash cameras have so long to show again whom an open alert is about, and to judge."""
_CRASHED = "The service stopped without a farewell while this alert was open."


def close_ended(alerts: AlertBook, memories: MemoryBook) -> None:
    """Close, at the start, what a crash left open and nobody can go on with."""
    alerts.close_open(
        datetime.now(UTC), _CRASHED, unless=lambda alert: alert.alert_id in memories.open_alerts
    )


async def close_unheard(alerts: AlertBook, hub: EventHub, started_at: datetime) -> None:
    """Close what a crash left open, once whom it is about has had time to come back."""
    await asyncio.sleep(_RESUME_S)
    closing = partial(
        alerts.close_open,
        datetime.now(UTC),
        _CRASHED,
        unless=lambda alert: alert.updated_at >= started_at,
    )
    for closed in await asyncio.to_thread(closing):
        hub.publish(closed)


async def remember(memories: MemoryBook) -> None:
    """Write down what would have to be known after a crash, until cancelled."""
    while True:
        await asyncio.sleep(_REMEMBER_EVERY_S)
        await asyncio.to_thread(memories.write)


async def measure_lag(metrics: Metrics) -> None:
    """Observe how late the event loop wakes up, until cancelled."""
    while True:
        asked_s = time.perf_counter()
        await asyncio.sleep(_LAG_EVERY_S)
        metrics.event_loop_lag.observe(max(0.0, time.perf_counter() - asked_s - _LAG_EVERY_S))


async def watch_streams(streams: StreamRegistry) -> None:
    """Replace analyses that hang in a model, until cancelled."""
    while True:
        await asyncio.sleep(_HANG_EVERY_S)
        for runner in streams.runners():
            # Off the loop: the alerts of what hangs are closed, which writes.
            await asyncio.to_thread(runner.watch, time.monotonic())


async def measure_disk(health: Health) -> None:
    """Keep the free space up to date, until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(health.measure_disk)
        await asyncio.sleep(_DISK_EVERY_S)


async def follow_accounts(accounts: Accounts) -> None:
    """Notice users and tokens that a command changed, until cancelled."""
    while True:
        await asyncio.sleep(_ACCOUNTS_EVERY_S)
        try:
            await asyncio.to_thread(accounts.reload)
        except StorageError as error:
            log.warning("accounts_unreadable", reason=str(error))


async def tidy(alerts: AlertBook, outbox: Outbox, settings: Callable[[], StorageSettings]) -> None:
    """Write what waited for the database, delete what is past its retention, until cancelled."""
    done: StorageSettings | None = None
    done_s = 0.0
    while True:
        await asyncio.to_thread(alerts.catch_up)
        if settings() != done or time.monotonic() - done_s >= _TIDY_EVERY_S:
            done, done_s = settings(), time.monotonic()
            before = datetime.now(UTC) - timedelta(days=done.retention_days)
            try:
                await asyncio.to_thread(alerts.prune, before)
                await asyncio.to_thread(outbox.trim, done.outbox_rows)
            except StorageError as error:
                log.warning("tidying_failed", reason=str(error))
        await asyncio.sleep(_LOOK_EVERY_S)
