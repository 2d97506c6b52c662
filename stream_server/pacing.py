"""How many messages a sink may be sent: a bucket that fills as time goes by."""


class Pace:
    """A token bucket: a full minute's worth at once, then steadily."""

    def __init__(self, per_minute: int, now_s: float) -> None:
        self._per_minute = per_minute
        self._tokens = float(per_minute)
        self._at_s = now_s

    def adjust(self, per_minute: int) -> None:
        """Keep another pace from now on."""
        self._per_minute = per_minute

    def allowance(self, now_s: float) -> int:
        """How many may be sent now (monotonic seconds)."""
        passed_s = max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._tokens = min(self._per_minute, self._tokens + passed_s * self._per_minute / 60)
        return int(self._tokens)

    def spend(self, count: int) -> None:
        """Note that so many were sent."""
        self._tokens -= count
