"""A face crop in grey with what each region of it added, in colour."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

TOWARDS, AWAY = (36, 44, 205), (190, 110, 20)
"""BGR: towards manipulation (red) and away from it (blue); told apart without red-green sight."""
_STRONGEST_SHARE = 0.72
"""Of the colour where the scale ends; the face must stay visible under it."""


def paint(crop: Image, cells: NDArray[np.float32], reach: float) -> Image:
    """Lay (h, w) raw log-odds over a crop; `reach` is where the scale ends on both sides."""
    rows, columns = crop.shape[:2]
    # Between the centres of two cells the values blend, so no edge shows that the model never saw.
    smooth = cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_LINEAR)
    share = np.clip(np.asarray(smooth, np.float32) / reach, -1, 1)[..., None]
    grey = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    colour = np.where(share > 0, np.array(TOWARDS, np.float32), np.array(AWAY, np.float32))
    weight = _STRONGEST_SHARE * np.abs(share)
    return np.asarray(grey * (1 - weight) + colour * weight, np.uint8)


def common_reach(maps: list[NDArray[np.float32]]) -> float:
    """One end of the scale for all pictures of a report, so that they can be compared.

    The largest absolute value, rounded up to one that reads well; at least 1.
    """
    largest = max((float(np.abs(cells).max()) for cells in maps), default=1.0)
    step = 10.0 ** math.floor(math.log10(max(1.0, largest)))
    return math.ceil(max(1.0, largest) / step - 1e-6) * step
