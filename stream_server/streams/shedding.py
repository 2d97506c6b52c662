"""Load shedding of one stream: when the analysis cannot keep up, it does less, not later."""

from dataclasses import dataclass

MOST = 3


@dataclass(frozen=True, slots=True)
class ShedSettings:
    """When to do less, and when to do more again."""

    fps_at_least: float = 12.0
    """Below that rate blinks are missed."""
    age_at_most_s: float = 0.2
    raise_every_s: float = 2.0
    lower_after_s: float = 10.0
    """Seconds without trouble before one step back."""
    busy_at_most: float = 0.7
    """Share of the time spent analysing below which there is room for more."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured over the last seconds."""

    fps_received: float
    fps_analysed: float
    age_p95_s: float | None
    busy: float
    """Share of the time that the analyser thread was working, in [0, 1]."""


class Shedding:
    """Turns measured load into a level from 0 (nothing is left out) to 3. Pure.

    Rises quickly and falls slowly, so that it does not swing at the limit.
    """

    def __init__(self, settings: ShedSettings = ShedSettings()) -> None:
        self._settings = settings
        self.level = 0
        self._changed_s: float | None = None
        self._calm_since_s = 0.0

    def update(self, load: Load, now_s: float) -> int:
        """Take a measurement at `now_s` (monotonic) and answer the level."""
        if self._changed_s is None:
            self._changed_s = self._calm_since_s = now_s
        if self._is_trouble(load):
            self._calm_since_s = now_s
            if now_s - self._changed_s >= self._settings.raise_every_s:
                self._step(+1, now_s)
        elif load.busy <= self._settings.busy_at_most:
            calm_s = now_s - max(self._changed_s, self._calm_since_s)
            if calm_s >= self._settings.lower_after_s:
                self._step(-1, now_s)
        return self.level

    def _is_trouble(self, load: Load) -> bool:
        wanted = min(self._settings.fps_at_least, 0.85 * load.fps_received)
        late = load.age_p95_s is not None and load.age_p95_s > self._settings.age_at_most_s
        return load.fps_analysed < wanted or late

    def _step(self, by: int, now_s: float) -> None:
        level = min(max(self.level + by, 0), MOST)
        if level != self.level:
            self.level, self._changed_s = level, now_s
