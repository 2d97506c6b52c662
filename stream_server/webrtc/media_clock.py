"""Media time of a sender that may come and go: one time that never goes back."""

_LEAP_S = 5.0
"""The sender's time and ours may drift apart this far before ours is believed."""


class MediaClock:
    """Turns the timestamps of successive media tracks into seconds since the first picture.

    Within a leg (one media track) the sender's timestamps rule, since they say when the camera
    looked. A new leg, or a timestamp that leaps, begins where our clock stands.
    """

    def __init__(self) -> None:
        self._first_s: float | None = None
        self._offset_s: float | None = None
        self._last_s = 0.0

    def start_leg(self) -> None:
        """Expect the next timestamp to have a new origin."""
        self._offset_s = None

    def time_s(self, pts_s: float | None, now_s: float) -> float:
        """Seconds since the first picture, for one that arrives at `now_s` (monotonic clock)."""
        if self._first_s is None:
            self._first_s = now_s
        elapsed_s = now_s - self._first_s
        if pts_s is None:
            pts_s, self._offset_s = now_s, -self._first_s
        time_s = elapsed_s if self._offset_s is None else self._offset_s + pts_s
        if abs(time_s - elapsed_s) > _LEAP_S or time_s < self._last_s:
            time_s = max(elapsed_s, self._last_s)
        self._offset_s = time_s - pts_s
        self._last_s = time_s
        return time_s
