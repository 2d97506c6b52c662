"""Meso4 and MesoInception4, the small networks of MesoNet (Afchar et al. 2018, WIFS).

Written from the paper. Their head sees where in the face a feature lies, so that there is no exact
heat-map; theirs says P(genuine), ours fake = 1 like every network here.
"""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from export.crop_net import CropNet

HIDDEN = 16
POOLS = (2, 2, 2, 4)
SIZE_PX = 256


class _Meso(CropNet):
    """The end that both share: dropout, 16 units, dropout, one logit."""

    exact_cam: ClassVar[bool] = False

    def __init__(self, size_px: int) -> None:
        super().__init__(HIDDEN, (0.0,) * 3, (255.0,) * 3, dropout=0.5)
        cells = size_px
        for pool in POOLS:
            cells = -(-cells // pool)
        self.before = nn.Dropout(0.5)
        self.dense = nn.Linear(HIDDEN * cells**2, HIDDEN)

    def pool(self, featmap: Tensor) -> Tensor:
        """(N, 16, h, w) to (N, 16)."""
        return nn.functional.leaky_relu(self.dense(self.before(featmap.flatten(1))), 0.1)


def _filtered(inputs: int, outputs: int, kernel: int, pool: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(pool, ceil_mode=True),
    ]


class Meso4(_Meso):
    """Four convolutions."""

    def __init__(self, size_px: int = SIZE_PX) -> None:
        super().__init__(size_px)
        self.body = nn.Sequential(
            *_filtered(3, 8, 3, POOLS[0]),
            *_filtered(8, 8, 5, POOLS[1]),
            *_filtered(8, 16, 5, POOLS[2]),
            *_filtered(16, 16, 5, POOLS[3]),
        )

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 16, H/32, W/32)."""
        return cast("Tensor", self.body(pixels))


class _Branches(nn.Module):
    """Four paths of growing reach, side by side."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            _path(inputs, width, reach) for reach, width in enumerate(widths)
        )
        self.norm = nn.BatchNorm2d(sum(widths), eps=1e-3, momentum=0.01)
        self.shrink = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/2, W/2)."""
        joined = torch.cat([path(x) for path in self.paths], 1)
        return cast("Tensor", self.shrink(self.norm(joined)))


def _path(inputs: int, width: int, reach: int) -> nn.Sequential:
    """A 1x1 convolution, then 3x3 ones of dilation `reach`; reach 0 is the 1x1 alone."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, width, 1), nn.ReLU()]
    if reach:
        layers += [nn.Conv2d(width, width, 3, padding=reach, dilation=reach), nn.ReLU()]
    return nn.Sequential(*layers)


class MesoInception4(_Meso):
    """Its first two convolutions are paths side by side."""

    def __init__(self, size_px: int = SIZE_PX) -> None:
        super().__init__(size_px)
        self.body = nn.Sequential(
            _Branches(3, (1, 4, 4, 2)),
            _Branches(11, (2, 4, 4, 2)),
            *_filtered(12, 16, 5, POOLS[2]),
            *_filtered(16, 16, 5, POOLS[3]),
        )

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 16, H/32, W/32)."""
        return cast("Tensor", self.body(pixels))
