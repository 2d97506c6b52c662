"""A question that only training asks: which cells of the crop are forged.

Recordings differ more from each other than a swap from its original, so a network that may only
say "forged" learns recordings. Asked for the forged part of a picture, it must compare that part
with the genuine rest of the same picture. After Face X-ray (Li et al. 2020), by a linear layer on
features of 16 px cells; nothing of it is exported.
"""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.augment import Look, place_of
from export.crops import Crop
from export.forgery.masks import OVAL
from export.nets import MIDDLE_CHANNELS, Lite0

CELL_PX = 16

Cells = NDArray[np.float32]
"""(size / 16, size / 16): the forged share of each cell in [0, 1]; NaN where it is not known."""


def cells_of(
    region: NDArray[np.float32], box: NDArray[np.float32], look: Look, size_px: int
) -> Cells:
    """What a forged region, (height, width) in [0, 1], covers of the crop that `look` cuts."""
    place = place_of(region, box, look, size_px)
    side = size_px // CELL_PX
    return np.asarray(cv2.resize(place, (side, side), interpolation=cv2.INTER_AREA) / 255, "f4")


def same_cells(share: float, size_px: int) -> Cells:
    """Every cell alike: 0 of a genuine crop, 1 of a wholly generated one, NaN of who knows."""
    return np.full((size_px // CELL_PX,) * 2, share, np.float32)


def swapped_cells(crop: Crop, look: Look, size_px: int) -> Cells:
    """Of a labelled swap nobody kept the mask: the face's oval stands for it."""
    points = crop.landmarks[list(OVAL)]
    if not np.isfinite(points).all():
        return same_cells(np.nan, size_px)
    region = np.zeros(crop.image.shape[:2], np.float32)
    cv2.fillConvexPoly(region, cv2.convexHull(np.round(points).astype(np.int32)), 1.0)
    return cells_of(region, crop.box, look, size_px)


class Where(nn.Module):
    """The layer that answers; the network is asked for both answers in one pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(MIDDLE_CHANNELS, 1, 1)

    def forward(self, net: Lite0, crops: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 to raw logits (N,) and those of the cells, (N, H/16, W/16)."""
        middle = net.middle(net.normalised(crops))
        cells = cast("Tensor", self.layer(middle)).squeeze(1)
        return net.judged(net.rest(middle)), cells


def where_loss(answers: Tensor, known: Sequence[Cells] | NDArray[np.float32]) -> Tensor:
    """Mean binary cross-entropy over the cells that are known."""
    wanted = torch.from_numpy(np.asarray(known, np.float32)).to(answers.device)
    sure = torch.isfinite(wanted)
    if not bool(sure.any()):
        return answers.sum() * 0
    return nn.functional.binary_cross_entropy_with_logits(answers[sure], wanted[sure])
