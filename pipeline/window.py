"""The last seconds of one face's classifier scores, as one score with a band."""

import math
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from pipeline.types import FrameScore, WindowScore

Sample: TypeAlias = tuple[float, float, float]
"""Time in s, logit, weight."""

_TRIM_SHARE = 0.2
"""Weight cut off at either end before the mean: a few odd frames decide nothing."""
_CORRELATION_S = 0.5
"""Scores this close in time repeat each other: neighbours of a stream are no independent votes."""
_Z_90 = 1.645


class ScoreWindow:
    """A sliding window in seconds, not samples, so that drops thin it instead of stretching it.

    The score is a weighted trimmed mean of log-odds; there is none until enough samples exist.
    """

    def __init__(
        self,
        *,
        window_s: float = 4.0,
        every_s: float = 0.25,
        min_samples: int = 8,
        samples: Sequence[Sample] = (),
    ) -> None:
        """Start empty, or with what another window held."""
        self._window_s = window_s
        self._every_s = every_s
        self._min_samples = min_samples
        self._samples: deque[Sample] = deque(samples)
        self._start_s = samples[0][0] if samples else None

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What it holds, the oldest first."""
        return tuple(self._samples)

    def add(self, score: FrameScore, time_s: float, weight: float = 1.0) -> None:
        """Take a score; one that is not finite, weighs nothing or comes late is left out."""
        if self._start_s is None:
            self._start_s = time_s
        late = bool(self._samples) and time_s < self._samples[-1][0]
        if late or not math.isfinite(score.logit) or not weight > 0:
            return
        self._samples.append((time_s, score.logit, weight))

    def score(self, time_s: float) -> WindowScore:
        """The window that ends at `time_s`, exclusive of its far end."""
        if self._start_s is None:
            self._start_s = time_s
        while self._samples and self._samples[0][0] <= time_s - self._window_s:
            self._samples.popleft()
        start_s = max(self._start_s, time_s - self._window_s)
        planned = max(1.0, (time_s - start_s) / self._every_s)
        count = len(self._samples)
        coverage = min(1.0, count / planned)
        if count < self._min_samples:
            return WindowScore(start_s, time_s, count, coverage, None, None)
        logit, half = self._center_and_half_band()
        return WindowScore(
            start_s=start_s,
            end_s=time_s,
            samples=count,
            coverage=coverage,
            logit=logit,
            fake_prob=_sigmoid(logit),
            low_prob=_sigmoid(logit - half),
            high_prob=_sigmoid(logit + half),
            suspicious=sum(value >= 0 for _, value, _ in self._samples),
        )

    def _center_and_half_band(self) -> tuple[float, float]:
        """The trimmed mean and half its 90 % band, from the samples' spread.

        n correlated samples are worth n (1 - r) / (1 + r) independent ones, with r the
        correlation of neighbours; Student's t by its first Cornish-Fisher term.
        """
        samples = self._samples
        center = _trimmed_mean(sorted((logit, weight) for _, logit, weight in samples))
        total = sum(weight for _, _, weight in samples)
        variance = sum(w * (logit - center) ** 2 for _, logit, w in samples) / total
        spacing_s = (samples[-1][0] - samples[0][0]) / max(1, len(samples) - 1)
        neighbours = math.exp(-spacing_s / _CORRELATION_S)
        effective = max(2.0, len(samples) * (1 - neighbours) / (1 + neighbours))
        t = _Z_90 + (_Z_90**3 + _Z_90) / (4 * (effective - 1))
        return center, t * math.sqrt(variance / (effective - 1))


def _trimmed_mean(ordered: list[tuple[float, float]]) -> float:
    """The mean of ordered (value, weight) pairs without `_TRIM_SHARE` of the weight at each end."""
    total = sum(weight for _, weight in ordered)
    low, high = _TRIM_SHARE * total, (1 - _TRIM_SHARE) * total
    passed = result = 0.0
    for value, weight in ordered:
        inside = min(passed + weight, high) - max(passed, low)
        result += value * max(0.0, inside)
        passed += weight
    return result / (high - low)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, logit))))
