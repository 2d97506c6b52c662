"""A StreamRunner under observation: every event is kept, and a toy analysis sees no faces."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

from pipeline.interfaces import Source
from pipeline.types import AlertChange, Analysis, Frame, StreamId
from stream_server.live import LiveAnalysis, LiveEvent, LiveStatus
from stream_server.plugins import build, parse_config
from stream_server.streams.runner import RunnerSettings, StreamRunner
from stream_server.streams.status import StreamState, StreamStatus
from tests.needs import wait_until

STREAM = StreamId("camera")


class NobodyAnalyzer:
    """Answers at once that there is no face; remembers the frames' facts."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, float, tuple[int, ...], bool]] = []

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        self.frames.append(
            (frame.epoch, frame.index, frame.time_s, frame.image.shape, frame.damaged)
        )
        height, width = frame.image.shape[:2]
        return Analysis(
            frame.stream_id, frame.epoch, frame.index, frame.time_s, width, height, (), ()
        )

    def finish(self) -> tuple[AlertChange, ...]:
        return ()


class WatchedStream:
    """Runs one source as the service would; a context manager that always stops it."""

    def __init__(
        self,
        open_source: Callable[[int], Source] | str,
        settings: RunnerSettings | None = None,
        *,
        live: bool = True,
        retry: bool = True,
        **source: object,
    ) -> None:
        self.analyzer = NobodyAnalyzer()
        self.events: list[tuple[float, LiveEvent]] = []
        self._lock = threading.Lock()
        if isinstance(open_source, str):
            config = parse_config("sources", {"type": "av", "url": open_source, **source})
            opener: Callable[[int], Source] = lambda epoch: build(config, STREAM, epoch)  # noqa: E731
        else:
            opener = open_source
        self.runner = StreamRunner(
            STREAM,
            opener,
            lambda: self.analyzer,
            self._keep,
            settings or RunnerSettings(),
            live=live,
            retry=retry,
        )

    def _keep(self, event: LiveEvent) -> None:
        with self._lock:
            self.events.append((time.monotonic(), event))

    def __enter__(self) -> "WatchedStream":
        self.runner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.runner.stop(timeout_s=15)

    @property
    def status(self) -> StreamStatus:
        return self.runner.status()

    @property
    def states(self) -> list[StreamState]:
        """The states that were published, in order, without repeats."""
        with self._lock:
            seen = [e.status.state for _, e in self.events if isinstance(e, LiveStatus)]
        return [state for i, state in enumerate(seen) if i == 0 or seen[i - 1] is not state]

    def entered_s(self, state: StreamState, since_s: float = 0.0) -> float | None:
        """When that state was first published after `since_s` (monotonic)."""
        with self._lock:
            return next(
                (
                    at_s
                    for at_s, e in self.events
                    if at_s >= since_s and isinstance(e, LiveStatus) and e.status.state is state
                ),
                None,
            )

    def analyses(self, since_s: float = 0.0) -> list[tuple[float, LiveAnalysis]]:
        with self._lock:
            return [
                (at_s, e)
                for at_s, e in self.events
                if at_s >= since_s and isinstance(e, LiveAnalysis)
            ]

    def wait_for_state(self, state: StreamState, timeout_s: float = 15.0) -> None:
        wait_until(lambda: self.status.state is state, timeout_s, f"the state {state}")

    def wait_for_analyses(self, count: int, timeout_s: float = 15.0) -> None:
        """Until so many more frames were analysed."""
        aim = self.status.frames_analysed + count
        wait_until(
            lambda: self.status.frames_analysed >= aim, timeout_s, f"{count} more analysed frames"
        )
