"""Freshness of what a reader delivers: skips a backlog, and gives files the pace of real time."""

_WAITED_S = 0.004
"""A read that took so long had to wait for the sender: nothing older is queued behind it."""
_TOLERATED_S = 0.3
"""Media seconds that may arrive without waiting: some cameras send in small bursts."""
_PAUSE_S = 1.0
"""After such a long wait (a stall, a suspended process) a backlog is likely."""
_STARVED_S = 0.5
"""Even a reader that never catches up lets one frame through so often."""


class Backlog:
    """Tells frames that come live from frames that waited in the network's buffers.

    The sign is the reading itself: where a read returns at once, more is waiting. The clocks of
    camera and machine need not agree, so drift and wrong frame rates do no harm.
    """

    def __init__(self) -> None:
        self._behind = True
        self._live_at_s = 0.0
        self._waited = True
        self._accepted_at_s: float | None = None

    def read(self, waited_s: float) -> None:
        """Note how long the newest read took."""
        if waited_s >= _PAUSE_S:
            self._behind = True
        elif waited_s >= _WAITED_S:
            self._behind, self._waited = False, True

    def is_fresh(self, time_s: float, now_s: float) -> bool:
        """Whether the frame of this media time is worth showing at `now_s` (monotonic)."""
        if self._waited:
            self._live_at_s, self._waited = time_s, False
        if time_s - self._live_at_s > _TOLERATED_S:
            self._behind = True
        starved = self._accepted_at_s is None or now_s - self._accepted_at_s > _STARVED_S
        if self._behind and not starved:
            return False
        self._accepted_at_s = now_s
        return True


class Pace:
    """Gives frames that could come at once (files, HTTP segments) the pace of real time."""

    def __init__(self) -> None:
        self._anchor_s: float | None = None

    def delay_s(self, time_s: float, now_s: float) -> float:
        """Seconds to wait at `now_s` (monotonic) before the frame of this media time is due."""
        if self._anchor_s is None:
            self._anchor_s = now_s - time_s
        late_s = now_s - time_s - self._anchor_s
        # Never hurry to make up for a pause: what is live goes on from here.
        self._anchor_s += max(0.0, late_s)
        return max(0.0, -late_s)
