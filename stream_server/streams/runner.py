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
from stream_server.streams.watchdog import HangWatch, StallSettings

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
        self._new_analyst: Callable[[], Analyst] = lambda: Analyst(
            stream_id, self._slot, self._health, analyzer_for, self._emit, settings.analyst
        )
        self._analyst = self._new_analyst()
        self._hang = HangWatch(settings.analyst.hung_after_s)
        self._left_behind: list[threading.Thread] = []
        self._told, self._told_at_s = threading.Lock(), 0.0
        self._complained_s = -_COMPLAIN_EVERY_S
        self._losses = _LossLog(stream_id)
        self._reader = threading.Thread(target=self._read, name=f"read-{stream_id}", daemon=True)
        self._analyser = self._analyser_thread()

    def start(self) -> None:
        """Start both threads; call it once."""
        self._tell()
        self._reader.start()
        self._analyser.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the stream, close its alerts and wait for its threads, at most `timeout_s`.

        A reader that hangs in a network read ends by itself when that read times out; it can
        no longer put a frame anywhere.
        """
        deadline_s = time.monotonic() + timeout_s
        self._health.ended()
        self._supervisor.stop()
        self._slot.close()
        for thread in (self._analyser, self._reader):
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - time.monotonic()))

    def status(self) -> StreamStatus:
        """How the stream is doing at this moment."""
        return self._health.status(time.monotonic())

    @property
    def is_running(self) -> bool:
        """Whether frames may still come."""
        return self._reader.is_alive() or self._analyser.is_alive()

    def watch(self, now_s: float) -> None:
        """Replace an analysis that hangs in a model. To be asked once a second, by one thread.

        A thread cannot be killed: it is left behind, and what it says later is not heard.
        """
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
        settings = self._analyst.settings
        hangs = self._live and self._hang.is_hung(self._analyst.busy_since_s, now_s)
        if not hangs or self._slot.closed or len(self._left_behind) >= settings.most_hung:
            return
        self._left_behind.append(self._analyser)
        hung, self._analyst = self._analyst, self._new_analyst()
        hung.abandon()
        self._changed()
        self._analyser = self._analyser_thread()
        self._analyser.start()

    def _analyser_thread(self) -> threading.Thread:
        name = f"analyse-{self.stream_id}"
        return threading.Thread(target=self._analyse, args=(self._analyst,), name=name, daemon=True)

    def _read(self) -> None:
        if self._live:
            self._supervisor.run_live(retry=self._retry)
        else:
            self._supervisor.run_every_frame()

    def _analyse(self, analyst: Analyst) -> None:
        budget_s = None if not self._live else analyst.settings.age_budget_s
        analyst.run(budget_s, self._tick)
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
