"""Judges the newest frames of one stream: drops what is too old, publishes what was found."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from pipeline.errors import SourceLost
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.live import LiveAnalysis, LiveEvent
from stream_server.streams.health import StreamHealth
from stream_server.streams.shedding import Load, Shedding, ShedSettings
from stream_server.streams.slot import FrameSlot
from stream_server.streams.watchdog import FrozenWatch

_log = structlog.get_logger("fakewatch.runner")
_WAKE_S = 0.2


class AnyAnalyzer(Protocol):
    """What `pipeline.analyzer.StreamAnalyzer` offers; a test may pass its own."""

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Judge one frame."""
        ...

    def finish(self) -> tuple[AlertChange, ...]:
        """Close the open alerts: the stream is over."""
        ...


@dataclass(frozen=True, slots=True)
class AnalystSettings:
    """How fresh a frame must be, and what to do about a broken analysis."""

    age_budget_s: float = 0.4
    frozen_after_s: float = 10.0
    finish_after_s: float = 10.0
    """After so long without a judged frame, open alerts are closed: nothing is known any more."""
    restarts: int = 5
    restart_window_s: float = 60.0
    """At most so many restarts of a failing analysis in that time."""
    hung_after_s: float = 10.0
    """A frame's analysis that takes longer hangs in a model."""
    most_hung: int = 5
    """So many hanging analyses are left behind; then the stream stays failed."""
    shed: ShedSettings = field(default_factory=ShedSettings)


class Analyst:
    """The analyser thread of one stream; it alone touches the analyzer."""

    def __init__(
        self,
        stream_id: StreamId,
        slot: FrameSlot,
        health: StreamHealth,
        analyzer_for: Callable[[], AnyAnalyzer],
        publish: Callable[[LiveEvent], None],
        settings: AnalystSettings,
    ) -> None:
        self.settings = settings
        self._log = _log.bind(stream=stream_id)
        self._stream_id, self._slot, self._health = stream_id, slot, health
        self._analyzer_for, self._publish = analyzer_for, publish
        self._analyzer: AnyAnalyzer | None = None
        self._last: Analysis | None = None
        self._last_s = 0.0
        self._frozen = FrozenWatch(settings.frozen_after_s)
        self._shedding = Shedding(settings.shed)
        self._failures: deque[float] = deque()
        self._busy_s = 0.0
        self._measured_s = 0.0
        self._abandoned = False
        self.busy_since_s: float | None = None
        """When the analysis of the present frame began (monotonic), for whoever watches it."""

    def abandon(self) -> None:
        """Give up on an analysis that hangs, from another thread: close its alerts, hear no more.

        Its frame counts as failed. Whoever calls this puts another analyst in its place.
        """
        self._abandoned = True
        self._health.drops["failed"] += 1
        text = f"A model did not answer for {self.settings.hung_after_s:g} s; see the log."
        self._health.broke(SourceLost("model_hung", text))
        self._log.error("analysis_hung")
        self._finish()

    @property
    def _is_over(self) -> bool:
        return self._abandoned or self._slot.closed

    def run(self, age_budget_s: float | None, tick: Callable[[float], None]) -> None:
        """Serve until the slot is closed; `tick` is called several times a second.

        Live frames older than `age_budget_s` are dropped, and so are those of a frozen picture;
        without a budget (files) every frame is judged.
        """
        while not self._is_over:
            try:
                self._serve(age_budget_s, tick)
            except Exception:  # noqa: BLE001 - top of a thread: a fault costs this stream only
                self._log.exception("analysis_failed")
                if not self._abandoned:
                    self._failed(tick)
        self._finish()

    def _serve(self, age_budget_s: float | None, tick: Callable[[float], None]) -> None:
        while not self._is_over:
            held = self._slot.take(_WAKE_S)
            now_s = time.monotonic()
            if held is not None and not self._is_dropped(*held, age_budget_s):
                self._judge(*held)
            elif self._last is not None and now_s - self._last_s > self.settings.finish_after_s:
                self._finish()
            if age_budget_s is not None:
                self._measure(now_s)
            tick(time.monotonic())

    def _is_dropped(self, frame: Frame, received_s: float, age_budget_s: float | None) -> bool:
        if age_budget_s is None:
            return False
        frozen = self._frozen.is_frozen(frame.image, frame.time_s)
        self._health.froze(frame, frozen=frozen)
        if frozen:
            self._health.drops["frozen"] += 1
            return True
        if time.monotonic() - received_s > age_budget_s:
            self._health.drops["stale"] += 1
            return True
        return False

    def _judge(self, frame: Frame, received_s: float) -> None:
        started_s = time.monotonic()
        if self._analyzer is None:
            self._analyzer = self._analyzer_for()
        self.busy_since_s = started_s
        try:
            analysis = self._analyzer(frame, self._shedding.level)
        finally:
            self.busy_since_s = None
        if self._abandoned:
            return
        self._last, self._last_s = analysis, (now_s := time.monotonic())
        self._busy_s += now_s - started_s
        self._health.analysed(frame, analysis, now_s - received_s, now_s)
        self._tell(analysis, now_s - received_s)

    def _tell(self, analysis: Analysis, age_s: float) -> None:
        received_at_ms = 1000 * (time.time() - age_s)
        age_ms = round(1000 * age_s, 1)
        self._publish(LiveAnalysis(self._stream_id, analysis, age_ms, received_at_ms))

    def _measure(self, now_s: float) -> None:
        """Adapt the load about once a second."""
        elapsed_s = now_s - self._measured_s
        if elapsed_s < 1.0:
            return
        received, analysed = self._health.rates(now_s)
        busy = min(1.0, self._busy_s / elapsed_s)
        self._measured_s, self._busy_s = now_s, 0.0
        if self._health.is_settled(now_s):
            load = Load(received, analysed, self._health.age_s(95, now_s), busy)
            self._health.shed(self._shedding.update(load, now_s))

    def _finish(self) -> None:
        """Close the open alerts and tell so; the next frame gets a fresh analyzer."""
        analyzer, last = self._analyzer, self._last
        self._analyzer = self._last = None
        if analyzer is None:
            return
        try:
            changes = analyzer.finish()
            if changes and last is not None:
                self._tell(replace(last, readings=(), alerts=changes, stage_s=()), 0.0)
        except Exception:  # noqa: BLE001 - the end of a thread: nothing is left to do but say so
            self._log.exception("analysis_failed")

    def _failed(self, tick: Callable[[float], None]) -> None:
        """Count a fault, drop the broken analyzer, and wait where faults come too often."""
        now_s = time.monotonic()
        self._health.drops["failed"] += 1
        text = "The analysis failed unexpectedly and was started anew; see the log."
        self._health.broke(SourceLost("internal", text))
        self._finish()
        self._failures.append(now_s)
        while now_s - self._failures[0] > self.settings.restart_window_s:
            self._failures.popleft()
        resume_s = now_s
        if len(self._failures) > self.settings.restarts:
            resume_s = self._failures[0] + self.settings.restart_window_s
        while not self._slot.closed and time.monotonic() < resume_s:
            if self._slot.take(_WAKE_S) is not None:
                self._health.drops["failed"] += 1
            tick(time.monotonic())
