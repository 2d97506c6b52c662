"""What the calibration's recordings looked like, and whether a stream still looks like them.

Each cue is cut into bins that held equal shares of the reference. The population stability index
sums (live - reference) ln(live / reference) over them; times the effective sizes it follows a
chi-square law while nothing has changed (Yurdakul 2018), so a few windows never warn.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_server.calibration.recordings import CUES, SAMPLE_EVERY_S, Floats, Recording

BINS = 8
LEAST_SAMPLES = 45
"""Three minutes of windows."""
LIVE_SAMPLES = 225
"""Fifteen minutes: what is older no longer counts."""
STRONG = 0.25
"""From this index on a population is usually said to have changed."""
_CHI2_999 = 24.32
"""The 99.9 % quantile of chi-square with `BINS` - 1 degrees of freedom."""
_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class Reference:
    """Inner edges of the bins of every cue, and how much the reference is worth."""

    edges: tuple[tuple[float, ...], ...]
    """In the order of `CUES`."""
    samples: float
    """Independent samples that stand behind it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a stream is from the calibration."""

    index: float
    """The largest population stability index of the cues."""
    cue: str
    drifted: bool


def summarise(recordings: Sequence[Recording]) -> Reference:
    """Bins of equal shares; what a recording repeats of itself counts less."""
    rows = np.array([row for recording in recordings for row in recording.samples])
    shares = np.arange(1, BINS) / BINS
    edges = tuple(
        tuple(round(float(edge), 4) for edge in np.quantile(rows[:, cue], shares))
        for cue in range(len(CUES))
    )
    worth = sum(_effective(np.array(r.samples)[:, 0]) for r in recordings if r.samples)
    return Reference(edges, round(worth, 1))


_MOVED = {
    "logit": "what the model says of its faces has changed",
    "side_px": "its faces have another size",
    "blur": "its pictures are sharper or softer",
    "exposure": "its light is another",
}


def warning_of(drift: Drift) -> str | None:
    """One sentence where the calibration no longer holds."""
    if not drift.drifted:
        return None
    return (
        f"No longer looks like the calibration ({_MOVED[drift.cue]}); its thresholds are not valid"
        " here. Run fakewatch calibrate again on recordings like this."
    )


class DriftWatch:
    """The newest windows of one stream held against the reference; one thread writes."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._rows: deque[tuple[float, ...]] = deque(maxlen=LIVE_SAMPLES)
        self._next_s = -math.inf
        self.drift: Drift | None = None
        """None until enough has been seen."""

    def add(self, row: tuple[float, ...], time_s: float) -> None:
        """Take in values of `CUES`; one every few seconds counts."""
        # A reconnect sets the clock of the pictures back to zero.
        if self._next_s - SAMPLE_EVERY_S <= time_s < self._next_s:
            return
        self._next_s = time_s + SAMPLE_EVERY_S
        self._rows.append(row)
        if len(self._rows) >= LEAST_SAMPLES:
            self.drift = drift_of(np.array(self._rows), self._reference)


def drift_of(rows: Floats, reference: Reference) -> Drift:
    """The cue that has moved most: (N, cues) live values against the reference."""
    found = []
    for number, cue in enumerate(CUES):
        live = rows[:, number]
        index = stability_index(live, reference.edges[number])
        worth = 1 / (1 / _effective(live) + 1 / max(1.0, reference.samples))
        found.append(Drift(round(index, 3), cue, index >= STRONG and index * worth > _CHI2_999))
    return max(found, key=lambda drift: (drift.drifted, drift.index))


def stability_index(live: Floats, edges: Sequence[float]) -> float:
    """The population stability index against bins of equal shares; 0 where nothing changed."""
    counts = np.bincount(np.searchsorted(edges, live), minlength=len(edges) + 1)
    shares = np.maximum(_FLOOR, counts / len(live))
    even = 1 / (len(edges) + 1)
    return float(((shares - even) * np.log(shares / even)).sum())


def _effective(values: Floats) -> float:
    """How many independent samples n correlated ones are worth: n (1 - r) / (1 + r)."""
    if len(values) < 3 or values.std() == 0:
        return 1.0
    centred = values - values.mean()
    r = float((centred[1:] * centred[:-1]).sum() / (centred**2).sum())
    r = min(0.98, max(0.0, r))
    return max(1.0, len(values) * (1 - r) / (1 + r))
