"""Pairs of a genuine face and its forgery, made on the fly and kept for a few uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.codec import CodecSettings, encoded
from export.crops import CropStore
from export.forgery import FaceCrop, Family, forge
from export.forgery.camera import grained
from export.forgery.colour import smoothed, texture
from export.forgery.face import Mask
from export.forgery.masks import EYES
from pipeline.types import Image

DONORS_TRIED = 24
SHADE_WEIGHT = 8.0
"""Of a colour difference, beside one of shape, when a donor is chosen."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of the same place, one with a forged face, before the shared augmentation."""

    real: Image
    fake: Image
    box: NDArray[np.float32]
    family: str
    mask: Mask
    """(height, width) in [0, 1]: how much of each pixel was forged, before compression."""

    @property
    def reach(self) -> NDArray[np.bool_]:
        """(height, width): where the forgery may have changed anything."""
        return self.mask > 0


def usable(store: CropStore, index: int) -> bool:
    """The points are known and the eyes are far enough apart to forge anything."""
    points = store.landmarks[index]
    if not np.isfinite(points).all():
        return False
    eyes = points[list(EYES)]
    return bool(np.linalg.norm(eyes[:16].mean(0) - eyes[16:].mean(0)) >= 28)


def face_of(store: CropStore, index: int) -> FaceCrop:
    """A stored crop as the forgery families see it."""
    crop = store[index]
    return FaceCrop(crop.image, crop.landmarks, crop.box)


def genuine_faces(folder: Path) -> list[FaceCrop]:
    """Every usable genuine face of a store."""
    store = CropStore(folder)
    labels = store.column("label")
    return [
        face_of(store, index)
        for index in range(len(store))
        if labels[index] == 0 and usable(store, index)
    ]


class PairMaker:
    """Draws a genuine face by square-root source share, finds a donor, forges, compresses."""

    def __init__(
        self,
        store: CropStore,
        indices: Sequence[int],
        table: dict[str, Family],
        shares: dict[str, float],
    ) -> None:
        self._store, self._table, self._shares = store, table, shares
        self._indices = np.array([i for i in indices if usable(store, int(i))], dtype=np.int64)
        if len(self._indices) == 0:
            raise ValueError("There is no genuine face to make pairs from.")
        sources = np.array(store.column("source"))[self._indices]
        names, counts = np.unique(sources, return_counts=True)
        share = dict(zip(names.tolist(), 1 / np.sqrt(counts), strict=True))
        weights = np.array([share[name] for name in sources])
        self._weights = np.cumsum(weights / weights.sum())
        self._shapes = np.stack([_shape(store.landmarks[i]) for i in self._indices])
        self._shades = np.stack([_shade(store.serve[i]) for i in self._indices])

    def make(self, rng: np.random.Generator) -> Pair:
        """A new pair."""
        place = min(int(np.searchsorted(self._weights, rng.random())), len(self._indices) - 1)
        target = face_of(self._store, int(self._indices[place]))
        goal = min(target.side_px, float(rng.uniform(110, 215)))
        target = target.scaled(goal / target.side_px)
        if rng.random() < 0.18:
            target = _hard(target, rng)
        if rng.random() < 0.35:
            target = FaceCrop(grained(target.image, rng), target.points, target.box)
        donor = face_of(self._store, self._donor(place, rng))
        family, forged = forge(self._table, self._shares, target, donor, rng)
        real, fake = forged.target, forged.fake
        return _compressed(Pair(real, fake, target.box, family, forged.mask), rng)

    def _donor(self, place: int, rng: np.random.Generator) -> int:
        tried = rng.integers(len(self._indices), size=DONORS_TRIED)
        tried = tried[tried != place]
        distance = np.square(self._shapes[tried] - self._shapes[place]).sum((1, 2))
        distance += SHADE_WEIGHT * np.square(self._shades[tried] - self._shades[place]).sum(1)
        return int(self._indices[tried[int(distance.argmin())]])


def _shape(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points without place and size; turning is kept, since a donor should be turned alike."""
    chosen = points[::12] - points.mean(0)
    return np.asarray(chosen / (np.abs(chosen).max() + 1e-6), np.float32)


def _shade(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colour of the middle of a face, (3,) in [0, 1]."""
    middle = crop.shape[0] // 4
    inner = crop[middle:-middle:4, middle:-middle:4]
    return np.asarray(inner.mean((0, 1)) / 255, np.float32)


def _hard(face: FaceCrop, rng: np.random.Generator) -> FaceCrop:
    """A whole picture beautified or resampled stays genuine: "smooth" must not mean "forged"."""
    base = face.image.astype(np.float32)
    out = smoothed(base, rng) if rng.random() < 0.5 else texture(base, rng)
    return FaceCrop(np.rint(out).astype(np.uint8), face.points, face.box)


def _compressed(pair: Pair, rng: np.random.Generator) -> Pair:
    """Half of the pairs go through the video encoder, at the size of the face in the video."""
    if rng.random() < 0.5:
        return pair
    factor = float(rng.uniform(0.5, 1.0))
    nowhere = np.zeros((1, 2), np.float32)
    real = FaceCrop(pair.real, nowhere, pair.box).scaled(factor)
    fake = FaceCrop(pair.fake, nowhere, pair.box).scaled(factor)
    settings = CodecSettings.draw(rng)
    side = real.image.shape[0]
    mask = cv2.resize(pair.mask, (side, side), interpolation=cv2.INTER_LINEAR)
    return Pair(
        encoded(real.image, settings),
        encoded(fake.image, settings),
        real.box,
        pair.family,
        np.asarray(mask, np.float32),
    )
