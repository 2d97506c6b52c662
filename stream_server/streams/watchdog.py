"""Watches a stream for silent faults: no pictures, always the same picture, a model that hangs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image


@dataclass(frozen=True, slots=True)
class StallSettings:
    """When silence is a fault."""

    after_s: float | None = 5.0
    """None: never, for a source that may be silent for minutes."""
    intervals: float = 10.0
    """A slow stream may be silent for so many of its usual frame intervals."""
    first_frame_s: float = 20.0
    """A new connection may take so long to open; its own time-outs are usually shorter."""


class StallWatch:
    """Says when no frame has come for too long. Pure: the time comes in."""

    def __init__(self, settings: StallSettings = StallSettings()) -> None:
        self._settings = settings
        self._last_s: float | None = None
        self._interval_s = 0.0
        self._looked_s: float | None = None
        self._waiting = True

    def start(self, now_s: float) -> None:
        """Begin to wait for the next frame at `now_s`, when a connection was opened."""
        self._last_s, self._interval_s, self._waiting = now_s, 0.0, True

    def saw(self, now_s: float) -> None:
        """Note a frame."""
        if self._last_s is not None and not self._waiting:
            self._interval_s += 0.1 * (now_s - self._last_s - self._interval_s)
        self._last_s, self._waiting = now_s, False

    @property
    def limit_s(self) -> float | None:
        """Longest silence that is still fine; None where there is none."""
        if self._settings.after_s is None:
            return None
        least_s = self._settings.first_frame_s if self._waiting else self._settings.after_s
        return max(least_s, self._settings.after_s, self._settings.intervals * self._interval_s)

    def is_stalled(self, now_s: float) -> bool:
        """Whether the silence is too long. To be asked often, at least once a second."""
        limit_s, asked_s = self.limit_s, self._looked_s
        self._looked_s = now_s
        if self._last_s is None or limit_s is None:
            return False
        if asked_s is not None and now_s - asked_s > 0.5 * limit_s:
            # The whole process slept (a closed laptop, SIGSTOP): the camera is not to blame.
            self._last_s = now_s
        return now_s - self._last_s > limit_s


class HangWatch:
    """Says when one call has lasted too long. Pure: the time comes in."""

    def __init__(self, after_s: float = 10.0) -> None:
        self._after_s = after_s
        self._looked_s = self._awake_s = -np.inf

    def is_hung(self, since_s: float | None, now_s: float) -> bool:
        """Whether the call that began at `since_s` hangs. To be asked about once a second."""
        if now_s - self._looked_s > 0.5 * self._after_s:
            self._awake_s = now_s  # the whole process slept: the call did not have its time
        self._looked_s = now_s
        return since_s is not None and now_s - max(since_s, self._awake_s) > self._after_s


_ROWS, _COLUMNS = 18, 32
_NOISE = 2
"""Levels by which a sample may differ in a picture that is the same."""


class FrozenWatch:
    """Says when the pictures keep coming but have long been the same one.

    A living camera shows sensor noise; a hung one repeats its last picture with new timestamps.
    Compares 576 samples, not the whole picture, so it costs microseconds.
    """

    def __init__(self, after_s: float = 10.0, every_s: float = 0.5) -> None:
        self._after_s, self._every_s = after_s, every_s
        self._first: NDArray[np.int16] | None = None
        self._since_s = 0.0
        self._looked_s = -np.inf
        self._frozen = False

    def is_frozen(self, image: Image, time_s: float) -> bool:
        """Look at a frame of media time `time_s`; a new epoch may start at zero again."""
        soon = 0 <= time_s - self._looked_s < self._every_s
        if soon and not self._frozen:
            return False
        moved = time_s < self._looked_s or self._has_changed(image)
        self._looked_s = time_s
        if moved:
            self._first, self._since_s = _sample(image), time_s
        self._frozen = time_s - self._since_s >= self._after_s
        return self._frozen

    def _has_changed(self, image: Image) -> bool:
        sample = _sample(image)
        if self._first is None or sample.shape != self._first.shape:
            return True
        return bool(np.abs(sample - self._first).max() > _NOISE)


def _sample(image: Image) -> NDArray[np.int16]:
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, min(_ROWS, height)).astype(int)
    columns = np.linspace(0, width - 1, min(_COLUMNS, width)).astype(int)
    return np.asarray(image[np.ix_(rows, columns)], np.int16)
