"""Trains the autoencoder of the live-swap family in minutes: `python -m export.fit_autoencoder`."""

import argparse
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from export.forgery.autoencoder import SIZE_PX, FaceAutoencoder, as_input
from export.forgery.warp import aligned_face
from export.pairs import genuine_faces

BATCH = 24
PEAK_RATE = 1.5e-3


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
