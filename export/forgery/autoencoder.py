"""A small autoencoder of faces: what a swapper's generator does to a face.

Live swappers rebuild the aligned face by an encoder and a decoder (the open tools of 2018-2023 all
do): skin loses its grain, the decoder's upsampling leaves its own texture, and the shape follows
the faces that it was trained on. Two decoders differ in how they upsample; mixing their outputs
and their codes with another face's gives many looks from one training (export/fit_autoencoder.py).
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIZE_PX = 96
WIDTHS = (24, 48, 96)
CODE = 20
"""Channels of the 12 x 12 code."""


class Encoder(nn.Module):
    """(N, 3, 96, 96) in [-1, 1] to a code (N, 20, 12, 12)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in WIDTHS:
            layers += [nn.Conv2d(inputs, width, 5, 2, 2), nn.LeakyReLU(0.1)]
            inputs = width
        layers.append(nn.Conv2d(inputs, CODE, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        return cast("Tensor", self.layers(x))


class Decoder(nn.Module):
    """A code to a picture; `shuffle` rearranges channels into pixels, else bilinear upsampling."""

    def __init__(self, upsampling: str) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(CODE, WIDTHS[-1], 1)]
        inputs = WIDTHS[-1]
        for width in (64, 32, 16):
            if upsampling == "shuffle":
                layers += [nn.Conv2d(inputs, width * 4, 3, 1, 1), nn.PixelShuffle(2)]
            else:
                layers += [
                    nn.Upsample(scale_factor=2, mode="bilinear"),
                    nn.Conv2d(inputs, width, 3, 1, 1),
                ]
            layers.append(nn.LeakyReLU(0.1))
            inputs = width
        layers.append(nn.Conv2d(inputs, 3, 3, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        """Decode to (N, 3, 96, 96), about [-1, 1]."""
        return cast("Tensor", self.layers(code))


class FaceAutoencoder(nn.Module):
    """One encoder, two decoders."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoders = nn.ModuleList([Decoder("shuffle"), Decoder("bilinear")])


def as_input(faces: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    """(N, 96, 96, 3) BGR 0..255 to (N, 3, 96, 96) in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(faces, dtype=np.float32))
    return pixels.permute(0, 3, 1, 2) / 127.5 - 1


class Rebuilder:
    """The trained autoencoder as the forgery families use it."""

    def __init__(self, path: Path) -> None:
        self._net = FaceAutoencoder()
        self._net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._net.eval()

    def rebuild(
        self,
        aligned: NDArray[np.float32],
        other: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """(96, 96, 3) rebuilt, its code drawn a random step towards `other`'s, (96, 96, 3)."""
        with torch.no_grad():
            codes = self._net.encoder(as_input(np.stack([aligned, other])))
            step = rng.uniform(0.0, 0.5) if rng.random() < 0.5 else 0.0
            code = codes[:1] * (1 - step) + codes[1:] * step
            code = (
                code
                + torch.from_numpy(
                    rng.normal(0, rng.uniform(0, 0.15), code.shape).astype(np.float32)
                )
                * codes.std()
            )
            share = float(rng.choice((0.0, 1.0, rng.random())))
            out = sum(
                weight * decoder(code)
                for weight, decoder in zip((share, 1 - share), self._net.decoders, strict=True)
                if weight > 0
            )
        picture = (cast("Tensor", out)[0].permute(1, 2, 0).numpy() + 1) * 127.5
        return np.asarray(np.clip(picture, 0, 255), np.float32)
