"""What a forgery family works on and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

Mask: TypeAlias = NDArray[np.float32]
"""(height, width) in [0, 1]: how much of the forged patch shows."""


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A genuine face with its points."""

    image: Image
    points: NDArray[np.float32]
    """(478, 2) px in `image`, MediaPipe's numbering."""
    box: NDArray[np.float32]
    """(4,) left, top, right, bottom px."""

    @property
    def side_px(self) -> float:
        """Longer side of the box."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    def scaled(self, factor: float) -> "FaceCrop":
        """The same face in a smaller or larger picture."""
        if abs(factor - 1.0) < 0.02:
            return self
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        side = max(1, round(self.image.shape[0] * factor))
        exact = side / self.image.shape[0]
        image = cv2.resize(self.image, (side, side), interpolation=way)
        return FaceCrop(np.asarray(image, np.uint8), self.points * exact, self.box * exact)


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forged patch over a genuine picture."""

    target: Image
    """The genuine partner (a family may have changed its look as a whole)."""
    patch: NDArray[np.float32]
    """(height, width, 3): the forged pixels."""
    mask: Mask

    @property
    def fake(self) -> Image:
        """The blend; where the mask is 0 it is the partner, bit by bit."""
        weight = self.mask[:, :, None]
        blend = self.patch * weight + self.target * (1.0 - weight)
        pixels = np.clip(np.rint(blend), 0, 255).astype(np.uint8)
        return np.where(weight > 0, pixels, self.target)


Family: TypeAlias = Callable[[FaceCrop, FaceCrop, np.random.Generator], Forgery]
"""(target, donor, rng) to a forgery of the target; a family is free to ignore the donor."""
