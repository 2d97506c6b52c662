"""Keeps one source running: connects, feeds the slot, and tries again when it is right to."""

import threading
import time
from collections.abc import Callable

import structlog

from pipeline.errors import SourceError, SourceRefused
from pipeline.interfaces import Source
from pipeline.types import Frame, StreamId
from stream_server.source_errors import source_error
from stream_server.streams.backoff import Backoff
from stream_server.streams.health import StreamHealth, Traffic
from stream_server.streams.slot import FrameSlot
from stream_server.streams.status import StreamState
from stream_server.streams.watchdog import StallSettings, StallWatch

_log = structlog.get_logger("fakewatch.runner")

_FULL_SLOT_S = 0.5


class Supervisor:
    """The reader thread of one stream.

    It owns the connection; `watch` is called often by the other thread, because this one may
    hang in a library's read and could not watch itself.
    """

    def __init__(
        self,
        stream_id: StreamId,
        open_source: Callable[[int], Source],
        slot: FrameSlot,
        health: StreamHealth,
        backoff: Backoff,
        stall: StallSettings,
        changed: Callable[[], None],
    ) -> None:
        """Call `changed` whenever the stream's state may be another."""
        self._log = _log.bind(stream=stream_id)
        self._open_source, self._slot, self._health = open_source, slot, health
        self._backoff, self._stall_settings, self._changed = backoff, stall, changed
        self._stop = threading.Event()
        self._source: Source | None = None
        self._stall: StallWatch | None = None
        self._connected = False
        self._stalled = False
        self._epoch = 0

    def stop(self) -> None:
        """Let `run` end soon; the source's read time-out bounds how soon."""
        self._stop.set()
        self._close_source()

    def run_live(self, *, retry: bool) -> None:
        """Put frames into the slot, the newest wins, until stopped or nothing can come."""
        self._run(self._put_newest, retry=retry)

    def run_every_frame(self) -> None:
        """Put every frame of one connection into the slot, waiting while it is full."""
        self._run(self._put_patiently, retry=False)

    def watch(self, now_s: float) -> None:
        """Close the source when no frame has come for too long."""
        stall = self._stall
        if stall is None or self._stalled or not stall.is_stalled(now_s):
            return
        self._stalled = True
        self._health.lost(StreamState.STALLED, source_error("stalled"))
        self._changed()
        self._close_source()

    def _run(self, put: Callable[[Frame], None], *, retry: bool) -> None:
        while not self._stop.is_set():
            error = self._connect(put)
            if retry:
                self._slot.clear()
            if self._stop.is_set() or (not retry and (error is None or error.code == "ended")):
                self._health.ended()
                break
            delay_s = self._plan(error or source_error("ended"), retry=retry)
            if delay_s is None or self._stop.wait(delay_s):
                break
        self._slot.finish()
        self._changed()

    def _connect(self, put: Callable[[Frame], None]) -> SourceError | None:
        """Run one connection to its end; None where the source itself came to its end."""
        self._health.connecting()
        self._changed()
        self._epoch += 1
        self._connected = self._stalled = False
        try:
            self._source = self._open_source(self._epoch)
            self._stall = self._watch_for(self._source)
            for frame in self._source.frames():
                if self._stop.is_set():
                    break
                self._received(frame)
                put(frame)
        except SourceError as error:
            return source_error("stalled") if self._stalled else error
        except Exception:  # noqa: BLE001 - the top of a thread: one broken source costs only itself
            self._log.exception("source_failed")
            return source_error("internal")
        finally:
            self._stall = None
            self._close_source()
            self._source = None
        return source_error("stalled") if self._stalled else None

    def _received(self, frame: Frame) -> None:
        now_s = time.monotonic()
        if self._stall is not None:
            self._stall.saw(now_s)
        self._backoff.worked(now_s)
        self._health.received(frame, _traffic(self._source), now_s)
        if not self._connected:
            self._connected = True
            height, width = frame.image.shape[:2]
            self._log.info("stream_connected", epoch=self._epoch, width=width, height=height)

    def _plan(self, error: SourceError, *, retry: bool) -> float | None:
        """Say what happened, and how long to wait for the next try; None where there is none."""
        now_s = time.monotonic()
        delay_s = self._backoff.delay_s(error, now_s) if retry else None
        refused = isinstance(error, SourceRefused)
        if refused:
            state = StreamState.REJECTED
        elif error.code == "stalled" and self._connected:
            state = StreamState.STALLED
        elif delay_s is None:
            state = StreamState.FAILED
        else:
            state = StreamState.RECONNECTING
        self._health.lost(state, error)
        if delay_s is not None:
            self._health.retrying(error.code, now_s + delay_s)
        self._changed()
        self._log.warning("stream_lost", code=error.code, reason=str(error), retry_in_s=delay_s)
        return delay_s

    def _watch_for(self, source: Source) -> StallWatch | None:
        if getattr(source, "may_be_silent", False):
            return None
        watch = StallWatch(self._stall_settings)
        watch.start(time.monotonic())
        return watch

    def _put_newest(self, frame: Frame) -> None:
        self._slot.put(frame, time.monotonic())

    def _put_patiently(self, frame: Frame) -> None:
        while not self._stop.is_set():
            if self._slot.put_waiting(frame, time.monotonic(), _FULL_SLOT_S):
                return

    def _close_source(self) -> None:
        source = self._source
        if source is not None:
            source.close()


def _traffic(source: Source | None) -> Traffic | None:
    """What a source has counted, where it counts (the av source does)."""
    decoded = getattr(source, "decoded_frames", None)
    if decoded is None:
        return None
    damaged = getattr(source, "damaged_frames", 0)
    return Traffic(decoded, damaged, getattr(source, "bytes_in", 0))
