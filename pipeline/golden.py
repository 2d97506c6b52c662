"""Four drawn crops whose logits a card may carry, so that loading proves model and framework right.

An altered graph, a swapped colour order, a lost normalisation or a broken execution provider
changes what these pictures give. Integers only: the same bytes on every machine.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelLoadError
from pipeline.model_card import Golden, ModelCard

TOLERANCE = 0.05
"""Logit: far above what fp16 or another processor changes, far below what a mistake does."""
BOUND = 8.0
"""Beyond it a framework's own 32-bit probability is too coarse to tell logits apart."""


def golden_crops(size_px: int) -> NDArray[np.uint8]:
    """(4, size, size, 3) BGR: coloured ramps, a chessboard and texture, of rising contrast."""
    row, column = np.mgrid[0:size_px, 0:size_px].astype(np.int64)
    last = max(1, size_px - 1)
    squares = (row // 8 + column // 8) % 2 * 96
    blue, green = column * 160 // last, row * 160 // last
    red = (last - (row + column) // 2) * 160 // last
    texture = (row * 7919 ^ column * 104729) % 61
    flat = np.stack([blue + texture, green + squares, red + texture], axis=2) - 128
    crops = [128 + flat * strength // 4 + np.array(tint) for strength, tint in _LOOKS]
    return np.asarray(np.clip(np.stack(crops), 0, 255), np.uint8)


_LOOKS = ((1, (45, 0, -45)), (2, (-40, 20, 30)), (3, (0, -40, 40)), (4, (25, 0, -25)))
"""Contrast in quarters, and what is added to blue, green and red: a swap must show at once."""


def crops_sha256(crops: NDArray[np.uint8]) -> str:
    """Says whether two machines draw the same pictures."""
    return hashlib.sha256(np.ascontiguousarray(crops).tobytes()).hexdigest()


def largest_gap(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Largest difference in logit, both held within `BOUND`; infinite where one is no number."""
    gaps = np.abs(np.clip(found, -BOUND, BOUND) - np.clip(expected, -BOUND, BOUND))
    return float(gaps.max()) if np.isfinite(gaps).all() else float("inf")


def require_golden(card: ModelCard, golden: Golden, logits: NDArray[np.floating]) -> None:
    """Refuse a model that answers the drawn crops otherwise than its card says.

    Raises:
        ModelLoadError: the logits (4,) are not those of the card, or the pictures are not.
    """
    size_px = card.crop.size_px if card.crop else 0
    if crops_sha256(golden_crops(size_px)) != golden.crops_sha256:
        raise ModelLoadError(
            f"The card of {card.name} was tested with other pictures: import the model again."
        )
    gap = largest_gap(logits, np.array(golden.logits))
    if not gap <= TOLERANCE:
        raise ModelLoadError(
            f"The model {card.name} differs by {gap:.2g} in logit from what {golden.framework} "
            "gave for its test pictures: import it again, or run it on another device."
        )
