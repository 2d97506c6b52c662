"""Runs one stream: a reader thread and an analyser thread around a slot that holds one frame."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pipeline.interfaces import Source
from pipeline.types import StreamId
from stream_server.live import LiveEvent, LiveStatus
from stream_server.streams.analyst import Analyst, AnalystSettings, AnyAnalyzer
from stream_server.streams.backoff import Backoff, BackoffSettings
from stream_server.streams.health import StreamHealth
from stream_server.streams.slot import FrameSlot
from stream_server.streams.status import StreamStatus
from stream_server.streams.supervisor import Supervisor
from stream_server.streams.watchdog import StallSettings

_log = structlog.get_logger("fakewatch.runner")
_COMPLAIN_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How a stream is kept alive and fresh."""

    analyst: AnalystSettings = field(default_factory=AnalystSettings)
    stall: StallSettings = field(default_factory=StallSettings)
    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    provider: str = "cpu"
    """Where the models run, as the status says it."""


_SETTINGS = RunnerSettings()


class StreamRunner:
    """One stream, from its source to its events.

    The reader connects and decodes; the analyser takes the newest frame, judges it and publishes.
    Neither can stop the other, nor another stream: whatever fails is counted, said and retried.
    `publish` is called from both threads and must not block for long.
    """

    def __init__(
        self,
        stream_id: StreamId,
        open_source: Callable[[int], Source],
        analyzer_for: Callable[[], AnyAnalyzer],
        publish: Callable[[LiveEvent], None],
        settings: RunnerSettings = _SETTINGS,
        *,
        live: bool = True,
        retry: bool = True,
    ) -> None:
        """Nothing runs before `start`. `open_source` gets the epoch, which grows.

        A stream that is not `live` drops no frame, waits for the analysis and never retries.
        """
        self.stream_id = stream_id
        self._publish, self._live, self._retry = publish, live, retry
        self._log = _log.bind(stream=stream_id)
        self._health = StreamHealth(stream_id, settings.provider)
        self._slot = FrameSlot(self._health.drops)
        self._supervisor = Supervisor(
            stream_id,
            open_source,
            self._slot,
            self._health,
            Backoff(settings.backoff),
            settings.stall,
            self._changed,
        )
        self._analyst = Analyst(
            stream_id, self._slot, self._health, analyzer_for, self._emit, settings.analyst
        )
        self._told = threading.Lock()
        self._told_at_s = 0.0
        self._complained_s = -_COMPLAIN_EVERY_S
        self._losses = _LossLog(stream_id)
        self._threads = (
            threading.Thread(target=self._read, name=f"read-{stream_id}", daemon=True),
            threading.Thread(target=self._analyse, name=f"analyse-{stream_id}", daemon=True),
        )

    def start(self) -> None:
        """Start both threads; call it once."""
        self._tell()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the stream, close its alerts and wait for its threads, at most `timeout_s`.

        A reader that hangs in a network read ends by itself when that read times out; it can
        no longer put a frame anywhere.
        """
        deadline_s = time.monotonic() + timeout_s
        self._health.ended()
        self._supervisor.stop()
        self._slot.close()
        for thread in reversed(self._threads):
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - time.monotonic()))

    def status(self) -> StreamStatus:
        """How the stream is doing at this moment."""
        return self._health.status(time.monotonic())

    @property
    def is_running(self) -> bool:
        """Whether frames may still come."""
        return any(thread.is_alive() for thread in self._threads)

    def _read(self) -> None:
        if self._live:
            self._supervisor.run_live(retry=self._retry)
        else:
            self._supervisor.run_every_frame()

    def _analyse(self) -> None:
        budget_s = None if not self._live else self._analyst.settings.age_budget_s
        self._analyst.run(budget_s, self._tick)
        self._health.refresh(time.monotonic())
        self._tell()

    def _tick(self, now_s: float) -> None:
        """Do what is due a few times a second, also while no frame comes."""
        self._supervisor.watch(now_s)
        self._losses.report(self._health, now_s)
        if self._health.refresh(now_s) or now_s - self._told_at_s >= 1.0:
            self._tell()

    def _changed(self) -> None:
        if self._health.refresh(time.monotonic()):
            self._tell()

    def _tell(self) -> None:
        with self._told:
            now_s = self._told_at_s = time.monotonic()
            self._emit(LiveStatus(self.stream_id, self._health.status(now_s)))

    def _emit(self, event: LiveEvent) -> None:
        try:
            self._publish(event)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the eyes
            now_s = time.monotonic()
            if now_s - self._complained_s >= _COMPLAIN_EVERY_S:
                self._complained_s = now_s
                self._log.exception("publish_failed")


class _LossLog:
    """Sums up in one line every ten seconds what was lost; a line a frame would help nobody."""

    def __init__(self, stream_id: StreamId) -> None:
        self._log = _log.bind(stream=stream_id)
        self._told: Counter[str] = Counter()
        self._told_at_s = 0.0

    def report(self, health: StreamHealth, now_s: float) -> None:
        if now_s - self._told_at_s < _COMPLAIN_EVERY_S:
            return
        status = health.status(now_s)
        losses = Counter({**status.drops, "damaged": status.frames_damaged})
        news, self._told, self._told_at_s = losses - self._told, losses, now_s
        if news:
            self._log.info("frames_lost", **news)
