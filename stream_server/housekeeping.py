"""What the service does for itself, every few seconds: measures its own lag, tidies its store."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

import structlog

from stream_server.alerts import AlertBook
from stream_server.metrics import Metrics
from stream_server.outbox import Outbox
from stream_server.readiness import Health
from stream_server.settings import StorageSettings
from stream_server.store import StorageError

log = structlog.get_logger("fakewatch.housekeeping")

_LAG_EVERY_S = 1.0
_DISK_EVERY_S = 15.0
_TIDY_EVERY_S = 600.0


async def measure_lag(metrics: Metrics) -> None:
    """Observe how late the event loop wakes up, until cancelled."""
    while True:
        asked_s = time.perf_counter()
        await asyncio.sleep(_LAG_EVERY_S)
        metrics.event_loop_lag.observe(max(0.0, time.perf_counter() - asked_s - _LAG_EVERY_S))


async def measure_disk(health: Health) -> None:
    """Keep the free space up to date, until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(health.measure_disk)
        await asyncio.sleep(_DISK_EVERY_S)


async def tidy(alerts: AlertBook, outbox: Outbox, settings: StorageSettings) -> None:
    """Delete what is past its retention, until cancelled."""
    while True:
        before = datetime.now(UTC) - timedelta(days=settings.retention_days)
        try:
            await asyncio.to_thread(alerts.prune, before)
            await asyncio.to_thread(outbox.trim, settings.outbox_rows)
        except StorageError as error:
            log.warning("tidying_failed", reason=str(error))
        await asyncio.sleep(_TIDY_EVERY_S)
