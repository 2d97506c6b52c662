"""What a bad line does to the looks of a video: fewer frames a second, frozen pictures.

Both need no new look: a slow or frozen stream shows the classifier pictures that it has seen.
"""

import numpy as np
from numpy.typing import NDArray

from export.evaluation.rows import Floats

RATES_FPS = (30.0, 15.0, 10.0, 5.0, 2.0, 1.0)
FROZEN = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Share of the looks that begin a freeze; it lasts two looks on average."""
HOLD = 0.5


def at_rate(times_s: Floats, logits: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """The looks that remain of one video when the stream has `fps` frames a second.

    A look takes the newest frame, which the nearest stored crop stands for; a frame that was
    looked at is not looked at again.
    """
    phase_s = rng.random() / fps
    shown_s = np.floor((times_s - phase_s) * fps + 1e-6) / fps + phase_s
    nearest = np.abs(times_s[:, None] - shown_s[None, :]).argmin(axis=0)
    return np.asarray(logits[np.unique(nearest)], np.float64)


def frozen(logits: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Looks of one video with freezes: a lost picture is the last one shown, looked at again."""
    lost = np.zeros(len(logits), np.bool_)
    for place in range(1, len(logits)):
        lost[place] = rng.random() < (HOLD if lost[place - 1] else share)
    shown: NDArray[np.int64] = np.where(lost, 0, np.arange(len(logits)))
    return np.asarray(logits[np.maximum.accumulate(shown)], np.float64)
