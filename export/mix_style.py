"""Shows the network each couple as if another recording's camera had taken it.

What a recording looks like (its light, contrast, noise, sharpness) lies in the means and
deviations of early channels; exchanging them between pictures teaches a network not to judge by
them (MixStyle, Zhou et al. 2021). Here the genuine and the fake picture of a couple get the same
change, measured on the genuine ones: the look of the recording changes, never what sets the two
apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from export.nets import Lite0

PLACES = (0, 2)
"""Blocks after whose outputs styles are mixed: cells of 2 and 4 px."""
SPREAD = 0.3
"""Of Beta(a, a), from which the share of the own style is drawn: mostly near 0 or 1."""
FURTHEST = 3.0
"""A deviation is not stretched or shrunk by more: silent channels would explode."""
TINY = 1e-3


def mixed(maps: Tensor, partners: Tensor, own: Tensor) -> Tensor:
    """Couples (2K, C, H, W) of genuine, fake in the mixed style of themselves and their partners.

    `partners` (K,) are indices of couples, `own` (K,) the share of their own style that is kept.
    """
    couples = maps.reshape(-1, 2, *maps.shape[1:])
    with torch.no_grad():
        genuine = couples[:, 0]
        mean = genuine.mean((2, 3), keepdim=True)
        deviation = genuine.std((2, 3), keepdim=True) + TINY
        share = own.reshape(-1, 1, 1, 1)
        stretch = (share * deviation + (1 - share) * deviation[partners]) / deviation
        stretch = stretch.clamp(1 / FURTHEST, FURTHEST)
        wanted = share * mean + (1 - share) * mean[partners]
        shift = wanted - mean * stretch
    return (couples * stretch[:, None] + shift[:, None]).reshape(maps.shape)


class MixStyle:
    """Changes a share of the passes; the network itself stays as it is."""

    def __init__(self, net: Lite0, share: float) -> None:
        self._net, self._share = net, share

    @contextmanager
    def __call__(self, rows: int) -> Iterator[None]:
        """For one pass over so many rows: couples of genuine, fake."""
        if float(torch.rand(())) >= self._share:
            yield
            return
        partners = torch.randperm(rows // 2)
        own = torch.distributions.Beta(SPREAD, SPREAD).sample((rows // 2,))

        def change(_: nn.Module, __: Any, maps: Tensor) -> Tensor:
            return mixed(maps, partners.to(maps.device), own.to(maps.device))

        handles = [self._net.blocks[place].register_forward_hook(change) for place in PLACES]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
