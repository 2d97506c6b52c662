"""How long to wait before the next try to connect: growing, jittered, and reset by success."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import SourceError, SourceRefused

_NEVER = frozenset({"codec_unsupported", "protocol_unsupported"})
"""Only a change of the settings can help."""


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Seconds, all of them."""

    shortest_s: float = 1.0
    longest_s: float = 60.0
    auth_shortest_s: float = 60.0
    """Cameras lock an account after a few wrong passwords."""
    auth_longest_s: float = 900.0
    refused_s: float = 900.0
    """After a refusal that may be repaired at the camera (no video in it, too large)."""
    returning_s: float = 180.0
    """So long after its last frame a stream that worked is expected to come back soon."""
    returning_longest_s: float = 3.0


class Backoff:
    """The schedule of one stream. Pure: it neither waits nor reads a clock.

    Delays are drawn between the shortest and a ceiling that doubles with every failure ("full
    jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that
    cameras which failed together do not return together.
    """

    def __init__(
        self,
        settings: BackoffSettings = BackoffSettings(),
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Draw with `chance`, a uniform number in [0, 1)."""
        self._settings, self._chance = settings, chance
        self._failures = 0
        self._auth_failures = 0
        self._worked_at_s: float | None = None

    def worked(self, now_s: float) -> None:
        """Note that a frame came at `now_s`: the next failure starts the schedule anew."""
        self._failures = self._auth_failures = 0
        self._worked_at_s = now_s

    def delay_s(self, error: SourceError, now_s: float) -> float | None:
        """Seconds until the next try after a failure at `now_s`; None means never."""
        if isinstance(error, SourceRefused):
            return None if error.code in _NEVER else self._settings.refused_s
        if error.code == "auth_failed":
            return self._auth_delay_s()
        doubled_s = self._settings.shortest_s * 2.0 ** (self._failures + 1)
        ceiling_s = min(self._settings.longest_s, doubled_s)
        self._failures = min(self._failures + 1, 32)
        if self._is_returning(now_s):
            ceiling_s = min(ceiling_s, self._settings.returning_longest_s)
        low_s = min(self._settings.shortest_s, ceiling_s)
        return low_s + self._chance() * (ceiling_s - low_s)

    def _auth_delay_s(self) -> float:
        low_s = self._settings.auth_shortest_s * 2.0**self._auth_failures
        self._auth_failures = min(self._auth_failures + 1, 32)
        return min(self._settings.auth_longest_s, low_s * (1 + 0.2 * self._chance()))

    def _is_returning(self, now_s: float) -> bool:
        last_s = self._worked_at_s
        return last_s is not None and now_s - last_s < self._settings.returning_s
