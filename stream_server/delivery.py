"""Delivers alerts: each sink has its own task, so that one that fails delays no other."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from pipeline.errors import SinkError
from stream_server.live import LiveAlert
from stream_server.metrics import Metrics
from stream_server.outbox import Delivery, Outbox
from stream_server.pacing import Pace
from stream_server.redact import redact
from stream_server.sinks import GroupingSink, Sink, SinkGone
from stream_server.store import StorageError

log = structlog.get_logger("fakewatch.delivery")

RETRY_AFTER_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)
"""5 s to 10 h; after the last the delivery is dead and waits for a person."""
_JITTER = 0.2
_SEND_S = 15.0
_LOOK_EVERY_S = 2.0
_AT_ONCE = 8
_IN_A_GROUP = 50


def retry_delay_s(attempts: int, chance: Callable[[], float] = random.random) -> float | None:
    """Seconds to the next try after `attempts` failed ones, spread by 20 %; None: give up."""
    if attempts > len(RETRY_AFTER_S):
        return None
    return RETRY_AFTER_S[attempts - 1] * (1 + _JITTER * (2 * chance() - 1))


class Dispatcher:
    """Sends what waits in the outbox, at least once, in order for each alert.

    A sink gets no more messages a minute than it should; what is above that waits. A sink that
    writes to people gets all that waits in one message. One whose receiver is gone is switched
    off: nothing more is sent there, and all that is for it becomes dead letters, until a person
    switches it on, changes its settings or starts the service anew.
    """

    def __init__(
        self, outbox: Outbox, sinks: Mapping[str, Sink], metrics: Metrics, per_minute: int = 60
    ) -> None:
        self._outbox = outbox
        self._sinks = dict(sinks)
        self._metrics = metrics
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent: set[int] = set()
        """Sent, but the full disk did not let us note it: not to be sent every two seconds."""
        self._off: dict[str, str] = {}
        """Why a sink is switched off, by its name."""
        self._switching = asyncio.Lock()
        """Whoever has switched a sink on may be sure that nothing is given up any more for that."""
        self._per_minute = per_minute
        self._paces = {name: Pace(per_minute, time.monotonic()) for name in sinks}
        self._wakes = {name: asyncio.Event() for name in sinks}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin with what an earlier run left over."""
        self._loop = asyncio.get_running_loop()
        for name in self._sinks:
            self._begin(name)
        await self.count()

    def _begin(self, name: str) -> None:
        for result in ("delivered", "retried", "dead"):
            self._metrics.deliveries.labels(name, result)
        self._tasks[name] = asyncio.create_task(self._serve(name))

    def adjust(self, per_minute: int) -> None:
        """Keep another pace from now on."""
        self._per_minute = per_minute
        for pace in self._paces.values():
            pace.adjust(per_minute)
        self._wake()

    async def replace(self, sinks: Mapping[str, Sink], ended: Collection[str]) -> None:
        """Put these sinks in; those of `ended` go. What waits for a name that stays is kept."""
        gone = [self._sinks.pop(name) for name in ended]
        tasks = [self._tasks.pop(name) for name in ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(sink.aclose() for sink in gone))
        for name in ended:
            self._off.pop(name, None)
        for name, sink in sinks.items():
            self._sinks[name] = sink
            self._paces.setdefault(name, Pace(self._per_minute, time.monotonic()))
            self._wakes.setdefault(name, asyncio.Event())
            self._begin(name)

    def wake(self) -> None:
        """Look into the outbox now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def stop(self, flush_s: float) -> None:
        """Try once more what is due, for at most `flush_s` seconds, then let the sinks go."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
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

    def why_off(self, name: str) -> str | None:
        """Why nothing is sent to this sink; None while it is on."""
        return self._off.get(name)

    async def switch_on(self, name: str) -> None:
        """Send to it again. What became a dead letter meanwhile waits until somebody asks."""
        async with self._switching:
            if self._off.pop(name, None) is not None:
                log.info("enable_sink", sink=name)

    def _switch_off(self, name: str, error: SinkGone) -> None:
        if name not in self._off:
            self._off[name] = redact(str(error))
            log.warning("disable_sink", sink=name, reason=self._off[name])

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
        """Send what is due now and within the pace; False when nothing was."""
        if name in self._off:
            async with self._switching:
                await self._give_up_all(name)
            return False
        pace, sink = self._paces[name], self._sinks[name]
        allowed = pace.allowance(time.monotonic())
        if allowed < 1:
            return False
        grouping = isinstance(sink, GroupingSink)
        limit = _IN_A_GROUP if grouping else min(allowed, _AT_ONCE)
        due = await asyncio.to_thread(self._outbox.due, name, time.time(), limit)
        if not due:
            return False
        if isinstance(sink, GroupingSink):
            pace.spend(1)
            events = [delivery.event for delivery in due]
            await self._send(name, due, partial(sink.send_group, events))
            return True
        pace.spend(len(due))
        await asyncio.gather(
            *(self._send(name, [one], partial(sink.send, one.event)) for one in due)
        )
        return True

    async def try_out(self, name: str, event: LiveAlert) -> None:
        """Send an event past the outbox, so that a person sees at once whether a sink works.

        One that was switched off and takes it is on again.

        Raises:
            SinkError: it did not.
        """
        try:
            async with asyncio.timeout(_SEND_S):
                await self._sinks[name].send(event)
        except SinkGone as error:
            self._switch_off(name, error)
            raise
        except TimeoutError:
            raise SinkError("The sink did not answer in time.") from None
        await self.switch_on(name)

    async def _send(
        self, name: str, deliveries: Sequence[Delivery], send: Callable[[], Awaitable[None]]
    ) -> None:
        """Send one message that carries these deliveries, and note what became of them."""
        if all(delivery.delivery_id in self._sent for delivery in deliveries):
            await self._forget(deliveries)
            return
        try:
            async with asyncio.timeout(_SEND_S):
                await send()
        except SinkGone as error:
            self._switch_off(name, error)
            for delivery in deliveries:
                await self._give_up(name, delivery, str(error))
        except (SinkError, TimeoutError) as error:
            reason = str(error) or "The sink did not answer in time."
            for delivery in deliveries:
                await self._put_off(name, delivery, reason)
        else:
            self._metrics.deliveries.labels(name, "delivered").inc(len(deliveries))
            for delivery in deliveries:
                lag_s = max(0.0, time.time() - delivery.created_s)  # the clock may be set back
                self._metrics.delivery_lag.labels(name).observe(lag_s)
                self._sent.add(delivery.delivery_id)
            await self._forget(deliveries)

    async def _forget(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
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

    async def _give_up_all(self, name: str) -> None:
        """Make dead letters of all that waits for a sink, where it is still switched off."""
        if name not in self._off:
            return
        reason = f"Not sent, since this is switched off: {self._off[name]}"
        count = await asyncio.to_thread(self._outbox.bury_all, name, reason)
        if count:
            self._metrics.deliveries.labels(name, "dead").inc(count)
            log.error("deliveries_dead", sink=name, count=count, reason=reason)
