"""Delivers alerts: each sink has its own task, so that one that fails delays no other."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import structlog

from pipeline.errors import SinkError
from stream_server.metrics import Metrics
from stream_server.outbox import Delivery, Outbox
from stream_server.redact import redact
from stream_server.sinks import Sink, SinkGone
from stream_server.store import StorageError

log = structlog.get_logger("fakewatch.delivery")

RETRY_AFTER_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)
"""5 s to 10 h; after the last the delivery is dead and waits for a person."""
_JITTER = 0.2
_SEND_S = 15.0
_LOOK_EVERY_S = 2.0


def retry_delay_s(attempts: int, chance: Callable[[], float] = random.random) -> float | None:
    """Seconds to the next try after `attempts` failed ones, spread by 20 %; None: give up."""
    if attempts > len(RETRY_AFTER_S):
        return None
    return RETRY_AFTER_S[attempts - 1] * (1 + _JITTER * (2 * chance() - 1))


class Dispatcher:
    """Sends what waits in the outbox, at least once, in order for each alert."""

    def __init__(self, outbox: Outbox, sinks: Mapping[str, Sink], metrics: Metrics) -> None:
        self._outbox = outbox
        self._sinks = dict(sinks)
        self._metrics = metrics
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent: set[int] = set()
        """Sent, but the full disk did not let us note it: not to be sent every two seconds."""
        self._wakes = {name: asyncio.Event() for name in sinks}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin with what an earlier run left over."""
        self._loop = asyncio.get_running_loop()
        for name in self._sinks:
            for result in ("delivered", "retried", "dead"):
                self._metrics.deliveries.labels(name, result)
        await self.count()
        self._tasks = [asyncio.create_task(self._serve(name)) for name in self._sinks]

    def wake(self) -> None:
        """Look into the outbox now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def stop(self, flush_s: float) -> None:
        """Try once more what is due, for at most `flush_s` seconds, then let the sinks go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(flush_s):
                await asyncio.gather(*(self._flush(name) for name in self._sinks))
        except TimeoutError:
            log.warning("flush_timed_out")
        await asyncio.gather(*(sink.aclose() for sink in self._sinks.values()))

    async def count(self) -> None:
        """Bring the gauges up to date."""
        for name, (waiting, dead) in (await asyncio.to_thread(self._outbox.counts)).items():
            self._metrics.outbox_pending.labels(name).set(waiting)
            self._metrics.outbox_dead.labels(name).set(dead)

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    async def _serve(self, name: str) -> None:
        wake = self._wakes[name]
        while True:
            wake.clear()
            try:
                while await self._send_due(name):
                    pass
                await self.count()
            except StorageError as error:
                log.warning("outbox_unreadable", sink=name, reason=str(error))
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await wake.wait()
            except TimeoutError:
                pass

    async def _flush(self, name: str) -> None:
        try:
            while await self._send_due(name):
                pass
        except StorageError as error:
            log.warning("outbox_unreadable", sink=name, reason=str(error))

    async def _send_due(self, name: str) -> bool:
        """Send what is due now; False when nothing was."""
        due = await asyncio.to_thread(self._outbox.due, name, time.time())
        await asyncio.gather(*(self._send(name, delivery) for delivery in due))
        return bool(due)

    async def _send(self, name: str, delivery: Delivery) -> None:
        if delivery.delivery_id in self._sent:
            await self._forget(delivery)
            return
        try:
            async with asyncio.timeout(_SEND_S):
                await self._sinks[name].send(delivery.event)
        except SinkGone as error:
            await self._give_up(name, delivery, str(error))
        except (SinkError, TimeoutError) as error:
            await self._put_off(name, delivery, str(error) or "The sink did not answer in time.")
        else:
            self._metrics.deliveries.labels(name, "delivered").inc()
            self._metrics.delivery_lag.labels(name).observe(time.time() - delivery.created_s)
            self._sent.add(delivery.delivery_id)
            await self._forget(delivery)

    async def _forget(self, delivery: Delivery) -> None:
        await asyncio.to_thread(self._outbox.done, delivery)
        self._sent.discard(delivery.delivery_id)

    async def _put_off(self, name: str, delivery: Delivery, reason: str) -> None:
        delay_s = retry_delay_s(delivery.attempts + 1)
        if delay_s is None:
            await self._give_up(name, delivery, reason)
            return
        due_s = time.time() + delay_s
        await asyncio.to_thread(self._outbox.put_off, delivery, due_s, redact(reason))
        self._metrics.deliveries.labels(name, "retried").inc()
        log.warning(
            "delivery_failed", sink=name, reason=redact(reason), retry_in_s=round(delay_s, 1)
        )

    async def _give_up(self, name: str, delivery: Delivery, reason: str) -> None:
        await asyncio.to_thread(self._outbox.bury, delivery, redact(reason))
        self._metrics.deliveries.labels(name, "dead").inc()
        log.error(
            "delivery_dead",
            sink=name,
            alert_id=delivery.event.alert.alert_id,
            reason=redact(reason),
        )
