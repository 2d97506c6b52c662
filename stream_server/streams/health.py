"""The health of one stream while it runs: counts what happens and says how it is doing."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipeline.errors import SourceError
from pipeline.types import Analysis, Frame, State, StreamId
from stream_server.redact import redact
from stream_server.streams.rates import Rate
from stream_server.streams.status import StreamState, StreamStatus

_LINGER_S = 1.0
"""A face that is lost for an instant does not change the stream's state."""
_AGES_S = 10.0
_DAMAGED_SHARE = 0.2
_SLOW_SHARE = 0.6
"""Less than this share of the frames could be analysed."""
_ENOUGH_FPS = 12.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a source has counted on its connection so far."""

    decoded: int = 0
    damaged: int = 0
    bytes_in: int = 0


def utc_now() -> datetime:
    """Say what the clock on the wall shows: for display, never for arithmetic."""
    return datetime.now(UTC)


class StreamHealth:
    """Everything that `StreamStatus` says, gathered from two threads under one lock.

    `now_s` is always the monotonic clock; `wall` gives the times that people read.
    """

    def __init__(
        self, stream_id: StreamId, provider: str = "cpu", wall: Callable[[], datetime] = utc_now
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._stream_id, self._provider, self._wall = stream_id, provider, wall
        # The state while no frames are judged; None while they are.
        self._phase: StreamState | None = StreamState.CONNECTING
        self._state, self._since = StreamState.CONNECTING, wall()
        self._epoch: int | None = None
        self._worked = self._broken = self._frozen = False
        self._last_frame_at: datetime | None = None
        self._size: tuple[int, int] | None = None
        self._received, self._analysed = Rate(), Rate()
        self._decoded, self._damaged, self._bytes = Rate(), Rate(10.0), Rate()
        self._traffic = Traffic()
        self._scored = 0
        self._ages: deque[tuple[float, float]] = deque(maxlen=1000)
        self._seen_s = self._judged_s = -np.inf
        self._shed = 0
        self._retries: Counter[str] = Counter()
        self._retry_at_s: float | None = None
        self._error: SourceError | None = None

    def connecting(self) -> None:
        """Note that a connection is being tried."""
        with self._lock:
            self._retry_at_s = None
            self._traffic = Traffic()
            if self._phase is StreamState.STALLED:
                self._phase = StreamState.RECONNECTING

    def received(self, frame: Frame, traffic: Traffic | None, now_s: float) -> None:
        """Note a frame from the source; `traffic` where the source counts for itself."""
        with self._lock:
            self._epoch, self._worked = frame.epoch, True
            self._received.add(now_s)
            if traffic is None:
                self._decoded.add(now_s)
                self._damaged.add(now_s, int(frame.damaged))
            else:
                self._decoded.add(now_s, traffic.decoded - self._traffic.decoded)
                self._damaged.add(now_s, traffic.damaged - self._traffic.damaged)
                self._bytes.add(now_s, traffic.bytes_in - self._traffic.bytes_in)
                self._traffic = traffic
            self._last_frame_at = self._wall()
            self._size = (frame.image.shape[1], frame.image.shape[0])

    def analysed(self, frame: Frame, analysis: Analysis, age_s: float, now_s: float) -> None:
        """Note a finished analysis of a frame that was `age_s` old by then."""
        with self._lock:
            self._flows(frame.epoch)
            if self._broken:
                self._broken, self._error = False, None
            self._analysed.add(now_s)
            self._scored += any(reading.scored for reading in analysis.readings)
            self._ages.append((now_s, age_s))
            if analysis.readings:
                self._seen_s = now_s
            if any(reading.state is not State.INSUFFICIENT for reading in analysis.readings):
                self._judged_s = now_s

    def froze(self, frame: Frame, *, frozen: bool) -> None:
        """Note whether the pictures are all the same."""
        with self._lock:
            self._frozen = frozen
            if frozen:
                self._flows(frame.epoch)

    def _flows(self, epoch: int) -> None:
        """Frames are looked at; a late answer from a lost connection does not count."""
        if epoch == self._epoch and self._phase not in {None, StreamState.ENDED}:
            self._phase = self._error = None
            self._seen_s = self._judged_s = -np.inf

    def lost(self, state: StreamState, error: SourceError) -> None:
        """Note that no frames come any more, and why."""
        with self._lock:
            if self._phase is StreamState.ENDED:
                return
            first = state is StreamState.RECONNECTING and not self._worked
            self._phase = StreamState.CONNECTING if first else state
            self._error, self._epoch, self._frozen = error, None, False

    def broke(self, error: SourceError) -> None:
        """Note that the analysis itself failed; the next one that succeeds mends it."""
        with self._lock:
            self._broken, self._error = True, error

    def retrying(self, code: str, at_s: float) -> None:
        """Note that another try is planned at `at_s`."""
        with self._lock:
            self._retries[code] += 1
            self._retry_at_s = at_s

    def ended(self) -> None:
        """Note that the stream is over: nothing more will come."""
        with self._lock:
            self._phase, self._retry_at_s = StreamState.ENDED, None

    def shed(self, level: int) -> None:
        """Note the level of load shedding."""
        with self._lock:
            self._shed = level

    def rates(self, now_s: float) -> tuple[float, float]:
        """(frames received, frames analysed) a second."""
        with self._lock:
            return self._received.per_s(now_s), self._analysed.per_s(now_s)

    def is_settled(self, now_s: float) -> bool:
        """Whether frames have been judged for long enough that the rates mean something."""
        with self._lock:
            settled = self._received.is_settled(now_s) and self._analysed.is_settled(now_s)
            return settled and self._phase is None and not self._frozen

    def age_s(self, percent: float, now_s: float) -> float | None:
        """Percentile of the recent ages; None where there are none."""
        with self._lock:
            while self._ages and now_s - self._ages[0][0] > _AGES_S:
                self._ages.popleft()
            ages = [age for _, age in self._ages]
        return float(np.percentile(ages, percent)) if ages else None

    def refresh(self, now_s: float) -> bool:
        """Work the state out anew; True when it changed."""
        with self._lock:
            state = self._phase or self._flowing(now_s)
            if self._broken and self._epoch is not None and state is not StreamState.ENDED:
                state = StreamState.FAILED
            if state is self._state:
                return False
            self._state, self._since = state, self._wall()
            return True

    def _flowing(self, now_s: float) -> StreamState:
        if self._frozen:
            return StreamState.FROZEN
        if self._is_degraded(now_s):
            return StreamState.DEGRADED
        if now_s - self._seen_s > _LINGER_S:
            return StreamState.NO_FACE
        if now_s - self._judged_s > _LINGER_S:
            return StreamState.INSUFFICIENT
        return StreamState.ANALYSING

    def _is_degraded(self, now_s: float) -> bool:
        if not self.is_settled(now_s):
            return False
        if self._damaged.per_s(now_s) > _DAMAGED_SHARE * self._decoded.per_s(now_s):
            return True
        enough = min(_ENOUGH_FPS, self._received.per_s(now_s))
        return self._analysed.per_s(now_s) < _SLOW_SHARE * enough

    def status(self, now_s: float) -> StreamStatus:
        """Everything, as one value."""
        with self._lock:
            width, height = self._size or (None, None)
            retry_at_s, error = self._retry_at_s, self._error
            return StreamStatus(
                stream_id=self._stream_id,
                state=self._state,
                since=self._since,
                last_frame_at=self._last_frame_at,
                fps_decoded=round(self._decoded.per_s(now_s), 2),
                fps_analysed=round(self._analysed.per_s(now_s), 2),
                drops=dict(self.drops),
                frames_received=self._received.total,
                frames_decoded=self._decoded.total,
                frames_analysed=self._analysed.total,
                frames_scored=self._scored,
                frames_damaged=self._damaged.total,
                age_p50_ms=_ms(self.age_s(50, now_s)),
                age_p95_ms=_ms(self.age_s(95, now_s)),
                reconnects=self._retries.total(),
                reconnects_by_code=dict(self._retries),
                last_error=error.code if error else None,
                last_error_text=redact(str(error)) if error else None,
                bitrate_bps=8 * self._bytes.per_s(now_s) if self._bytes.total else None,
                width=width,
                height=height,
                provider=self._provider,
                shed=self._shed,
                retry_in_s=None if retry_at_s is None else max(0.0, retry_at_s - now_s),
            )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
