"""Does a face take on the colours that a screen shows? Their schedule, and a correlation.

After Gerstner and Farid, "Detecting real-time deep-fake videos using active illumination", CVPR
Workshops 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.glimpse import Tint

T = TypeVar("T")
Rgb: TypeAlias = tuple[int, int, int]

COLOURS: tuple[Rgb, ...] = ((255, 150, 90), (90, 235, 150), (110, 150, 255), (235, 120, 225))
"""Bright, since they light a face, and none a saturated red (WCAG 2.3.1)."""
SHOWN_S = 2.0
"""A colour every two seconds, half of it a fade: six times slower than what may disturb."""
FADE_S = 1.0
LAGS_S = tuple(np.arange(0.0, 1.01, 0.2).tolist())
"""How late the light may come: from the page to the screen, through camera and network."""
_LEAST_FRAMES = 40


class Chance(Protocol):
    """What draws, from outside: `random.Random` in tests, `random.SystemRandom` in the service."""

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """Draw `k` different ones."""
        ...

    def randrange(self, start: int) -> int:
        """Draw a number from 0 to below `start`."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which colours are shown, in which order."""

    colours: tuple[Rgb, ...]

    @property
    def duration_s(self) -> float:
        """From the first colour to the end of the last."""
        return SHOWN_S * len(self.colours)

    def tints(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) shares of red and blue that the screen shows, fades included."""
        shares = np.array([(r / (r + g + b), b / (r + g + b)) for r, g, b in self.colours])
        knots: list[float] = []
        for index in range(len(self.colours)):
            knots += [index * SHOWN_S + FADE_S, (index + 1) * SHOWN_S]
        held = np.repeat(shares, 2, axis=0)
        return np.stack([np.interp(times_s, knots, held[:, i]) for i in (0, 1)], axis=1)


def schedule(chance: Chance) -> Schedule:
    """Draw the order: each colour once, and one of the first two again."""
    order = chance.sample(COLOURS, len(COLOURS))
    return Schedule((*order, order[chance.randrange(2)]))


def echo(shown: Schedule, seen: Sequence[tuple[float, Tint]]) -> float | None:
    """How well tints follow the schedule: the best correlation over the lags, in [-1, 1].

    `seen` holds (seconds since the first colour, tint). What drifts evenly is taken out first.
    None where too few were seen, or nothing changed.
    """
    if len(seen) < _LEAST_FRAMES:
        return None
    times_s = np.array([time_s for time_s, _ in seen])
    tints = _without_trend(times_s, np.array([tint for _, tint in seen]))
    spread = float(np.linalg.norm(tints))
    if not spread > 1e-6 * len(seen):
        return None
    best = -1.0
    for lag_s in LAGS_S:
        wanted = _without_trend(times_s, shown.tints(times_s - lag_s))
        length = float(np.linalg.norm(wanted))
        if length > 0:
            best = max(best, float(np.sum(wanted * tints)) / (length * spread))
    return min(1.0, best)


def _without_trend(times_s: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    ramp = np.stack([np.ones_like(times_s), times_s], axis=1)
    fitted, *_ = np.linalg.lstsq(ramp, rows, rcond=None)
    return np.asarray(rows - ramp @ fitted, np.float64)
