"""Events a second over a short sliding window."""

from collections import deque


class Rate:
    """Counts events and says how many came a second lately. The time comes in."""

    def __init__(self, window_s: float = 3.0) -> None:
        self.total = 0
        self._window_s = window_s
        self._first_s: float | None = None
        self._events: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, count: int = 1) -> None:
        """Count events that happened at `now_s`."""
        if self._first_s is None:
            self._first_s = now_s
        self.total += count
        self._events.append((now_s, count))
        self._forget(now_s)

    def per_s(self, now_s: float) -> float:
        """Events a second over the window, or since the first event where that is shorter."""
        self._forget(now_s)
        if self._first_s is None or not self._events:
            return 0.0
        # At least a second: two frames in a burst are no rate.
        span_s = min(self._window_s, max(1.0, now_s - self._first_s))
        return sum(count for _, count in self._events) / span_s

    def is_settled(self, now_s: float) -> bool:
        """Whether the window has been filled, so that the rate means something."""
        return self._first_s is not None and now_s - self._first_s >= self._window_s

    def _forget(self, now_s: float) -> None:
        while self._events and now_s - self._events[0][0] > self._window_s:
            self._events.popleft()
        if not self._events:
            # After a silence the rate builds up anew instead of being diluted by it.
            self._first_s = None
