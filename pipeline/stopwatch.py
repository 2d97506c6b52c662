"""Seconds spent per stage of one frame, with a clock that is handed in."""

from collections.abc import Callable


class Stopwatch:
    """Adds up laps by name; without a clock it costs nothing and says nothing.

    The core reads no clock of its own: whoever wants timings brings one.
    """

    def __init__(self, clock: Callable[[], float] | None) -> None:
        self._clock = clock
        self._last = 0.0
        self._seconds: dict[str, float] = {}

    def start(self) -> None:
        """Begin a new frame."""
        if self._clock is not None:
            self._seconds = {}
            self._last = self._clock()

    def lap(self, name: str) -> None:
        """Book the time since the last lap under `name`."""
        if self._clock is None:
            return
        now = self._clock()
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._last
        self._last = now

    def laps(self) -> tuple[tuple[str, float], ...]:
        """(stage, seconds) in the order in which the stages ran."""
        return tuple(self._seconds.items())
