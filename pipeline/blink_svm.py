"""Blinks by a linear support vector machine over a window of eye openings: the alternative.

After Soukupova and Cech (CVWW 2016), who give it 13 frames; here 13 moments of 0.4 s, so that the
frame rate does not matter. Its weights are numbers in blink_svm.json, made by
export/fit_blink_svm.py from the development recordings of benchmarks/blink.py.
"""

import json
from collections import deque
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.blink_events import Blink, OpenEyeLevel, SegmentSettings

WEIGHTS = Path(__file__).with_suffix(".json")
MOMENTS = 13
HALF_S = 0.2
"""The window reaches so far to either side, so a blink is known this much later."""
_STEPS_S = np.linspace(-HALF_S, HALF_S, MOMENTS)


@cache
def weights() -> tuple[tuple[float, ...], float]:
    """The shipped weights of the 13 moments, and the constant."""
    facts = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return tuple(facts["weights"]), float(facts["constant"])


class SvmSegmenter:
    """The same seam as `BlinkSegmenter`, another rule: inside a blink while the sum is positive."""

    def __init__(
        self,
        settings: SegmentSettings,
        chosen: tuple[Sequence[float], float] | None = None,
    ) -> None:
        weights_, self._constant = chosen or weights()
        self._weights = np.asarray(weights_)
        self._settings = settings
        self._level = OpenEyeLevel(settings.baseline_s, settings.baseline_share, settings.warmup_s)
        self._recent: deque[tuple[float, float]] = deque()
        self._began_s: float | None = None
        self._lowest = 1.0
        self.baseline: float | None = None

    @property
    def closed(self) -> bool:
        """A closure is in progress."""
        return self._began_s is not None

    def break_off(self) -> None:
        """Forget a closure in progress: what happened since the last sample is unknown."""
        self._recent.clear()
        self._began_s = None

    def add(self, ear: float, _shut: float | None, time_s: float, dt_s: float) -> Blink | None:
        """Take a sample; return the blink that is known to have ended."""
        window = self.window(ear, time_s, dt_s)
        if window is None:
            return None
        center_s = time_s - HALF_S
        if float(self._weights @ window) + self._constant > 0:
            if self._began_s is None:
                self._began_s, self._lowest = center_s, 1.0
            self._lowest = min(self._lowest, float(window[MOMENTS // 2]))
            return None
        began_s, self._began_s = self._began_s, None
        if began_s is None or center_s - began_s > self._settings.max_s:
            return None
        return Blink(began_s, center_s, max(0.0, 1 - self._lowest))

    def window(self, ear: float, time_s: float, dt_s: float) -> NDArray[np.float64] | None:
        """Take a sample; the 13 openings around the moment 0.2 s ago, over the open eye's."""
        if self._began_s is None or time_s - self._began_s > self._settings.give_up_s:
            self._level.add(ear, time_s, dt_s)
        self.baseline = self._level.value
        self._recent.append((time_s, ear))
        while len(self._recent) > 2 and self._recent[1][0] <= time_s - 2 * HALF_S:
            self._recent.popleft()
        if self.baseline is None or self.baseline <= 0:
            return None
        if self._recent[0][0] > time_s - 2 * HALF_S:
            return None
        times, ears = np.array(self._recent).T
        opened = np.interp(time_s - HALF_S + _STEPS_S, times, ears) / self.baseline
        return np.asarray(opened, np.float64)
