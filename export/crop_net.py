"""What every network here is: uint8 crops in; logit, embedding, feature map and heat-map out."""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

EMBEDDING_SIZE = 128

Channels = tuple[float, float, float]
"""One number for each of red, green and blue."""


class CropNet(nn.Module):
    """A backbone with one logit; normalisation is part of it, so it cannot differ in service.

    A network says in `maps` how normalised RGB becomes a map of features. The head is linear over
    the mean of that map, unless a network overrides `pool` and says so in `exact_cam`.
    """

    exact_cam: ClassVar[bool] = True
    """`logit = Linear(mean(featmap))`: what a cell adds is then known without gradients."""

    def __init__(
        self, features: int, mean: Channels, scale: Channels, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, 1)
        projection = torch.empty(EMBEDDING_SIZE, features)
        nn.init.orthogonal_(projection, generator=torch.Generator().manual_seed(0))
        self.register_buffer("projection", projection)
        # Not in checkpoints: they belong to the architecture, not to what was learnt.
        for name, values in (("mean", mean), ("scale", scale)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) normalised RGB to (N, C, h, w)."""
        raise NotImplementedError

    def normalised(self, crops: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 BGR to (N, 3, H, W) RGB as the network was trained on."""
        pixels = crops.permute(0, 3, 1, 2)[:, [2, 1, 0]].to(torch.float32)
        return (pixels - cast("Tensor", self.mean)) / cast("Tensor", self.scale)

    def features(self, crops: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 BGR to (N, C, h, w)."""
        return self.maps(self.normalised(crops))

    def pool(self, featmap: Tensor) -> Tensor:
        """(N, C, h, w) to what the head judges, (N, F)."""
        return featmap.mean((2, 3))

    def embed(self, pooled: Tensor) -> Tensor:
        """(N, F) to unit length in a fixed random projection, (N, 128)."""
        projected = pooled @ cast("Tensor", self.projection).t()
        return projected / (projected.square().sum(1, keepdim=True).sqrt() + 1e-6)

    def judged(self, featmap: Tensor) -> Tensor:
        """(N, C, h, w) to raw logits (N,), 1 = fake."""
        return cast("Tensor", self.head(self.dropout(self.pool(featmap)))).squeeze(1)

    def forward(self, crops: Tensor) -> Tensor:
        """Raw logits (N,), 1 = fake."""
        return self.judged(self.features(crops))


class Served(nn.Module):
    """What is exported of a network that judges single crops: all outputs of one pass."""

    def __init__(self, net: CropNet) -> None:
        super().__init__()
        self.net = net
        self.outputs = ("logit", "embedding", "featmap", "cam")[: 4 if net.exact_cam else 3]

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Logit (N, 1), embedding (N, 128), featmap (N, C, h, w), cam (N, h, w) where exact.

        `mean(cam) + bias = logit`: what each cell adds, in raw-logit units (Zhou et al. 2016).
        """
        featmap = self.net.features(crops)
        pooled = self.net.pool(featmap)
        answers = (self.net.head(pooled), self.net.embed(pooled), featmap)
        if not self.net.exact_cam:
            return answers
        # A product of matrices and not a 1x1 convolution, which the int8 variant would round.
        cells = self.net.head.weight @ featmap.flatten(2)
        return (*answers, cells.reshape(-1, featmap.shape[2], featmap.shape[3]))
