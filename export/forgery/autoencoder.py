"""A small autoencoder of faces: what a swapper's generator does to a face, trained here in minutes.

Live swappers rebuild the aligned face by an encoder and a decoder (the open tools of 2018-2023 all
do): skin loses its grain, the decoder's upsampling leaves its own texture, and the shape follows
the faces that it was trained on. Two decoders differ in how they upsample; mixing their outputs
and their codes with another face's gives many looks from one training.
"""

import argparse
import math
import time
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from export.forgery.warp import aligned_face

SIZE_PX = 96
BATCH = 24
PEAK_RATE = 1.5e-3
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


def loss_of(net: FaceAutoencoder, wanted: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their horizontal and vertical steps."""
    code = net.encoder(wanted)
    loss = torch.zeros(())
    for decoder in net.decoders:
        rebuilt = decoder(code)
        loss = loss + (rebuilt - wanted).abs().mean()
        for axis in (2, 3):
            loss = loss + 0.7 * (rebuilt.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean()
    return loss


def _shown(faces: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A batch of aligned faces, each a little turned, scaled, moved and perhaps mirrored."""
    batch = faces[rng.integers(len(faces), size=BATCH)].copy()
    for index, face in enumerate(batch):
        middle = (SIZE_PX / 2, SIZE_PX / 2)
        turn = cv2.getRotationMatrix2D(middle, rng.normal(0, 4), rng.uniform(0.94, 1.1))
        matrix = np.asarray(turn, np.float64)
        matrix[:, 2] += rng.normal(0, 2, 2)
        picture = face[:, ::-1] if rng.random() < 0.5 else face
        batch[index] = cv2.warpAffine(
            picture, matrix, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REFLECT
        )
    return batch


def fit(faces: NDArray[np.uint8], minutes: float, out: Path) -> None:
    """Train on (N, 96, 96, 3) aligned genuine faces and write the weights."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = FaceAutoencoder()
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99))
    started, done = time.monotonic(), 0.0
    with tqdm(total=round(minutes * 60), unit="s", mininterval=5) as bar:
        while done < 1:
            done = (time.monotonic() - started) / (minutes * 60)
            for group in optimiser.param_groups:
                group["lr"] = PEAK_RATE * (
                    0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(1, done)))
                )
            batch = as_input(_shown(faces, rng))
            loss = loss_of(net, batch)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            bar.update(round(min(1.0, done) * minutes * 60) - bar.n)
            bar.set_postfix(loss=round(float(loss.detach()), 4))
    torch.save(net.state_dict(), out)


def main() -> None:
    """Train on the genuine faces of the training store."""
    from export.pairs import genuine_faces

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("data/crops/train"))
    parser.add_argument("--out", type=Path, default=Path("data/autoencoder.pt"))
    parser.add_argument("--minutes", type=float, default=14.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces = [aligned_face(face, SIZE_PX) for face in genuine_faces(options.store)]
    fit(np.array(faces), options.minutes, options.out)


if __name__ == "__main__":
    main()
