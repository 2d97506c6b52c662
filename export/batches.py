"""Training batches: fresh pairs of genuine and forged, and labelled pictures balanced by source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.augment import Look, seen
from export.codec import CodecSettings, encoded
from export.crops import Crop, CropStore
from export.pairs import Pair, PairMaker
from export.where import Cells, cells_of, same_cells, swapped_cells


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops with labels; the first `2 * pairs` rows are genuine, forged, genuine, forged, ..."""

    crops: NDArray[np.uint8]
    """(N, size, size, 3) BGR."""
    labels: NDArray[np.float32]
    """(N,): 1 = fake."""
    pairs: int
    cells: NDArray[np.float32] | None = None
    """(N, size / 16, size / 16): the forged share of each cell, NaN where it is not known."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One crop of a batch."""

    crop: NDArray[np.uint8]
    cells: Cells


class AnyMaker:
    """One of several pair makers, by share."""

    def __init__(self, makers: Sequence[PairMaker], shares: Sequence[float]) -> None:
        self._makers, self._shares = list(makers), np.array(shares) / sum(shares)

    def make(self, rng: np.random.Generator) -> Pair:
        """A new pair from one of them."""
        return self._makers[int(rng.choice(len(self._makers), p=self._shares))].make(rng)


class PairPool:
    """A ring of made pairs; each is used a few times with fresh augmentation."""

    def __init__(self, maker: PairMaker | AnyMaker, size: int, uses: float) -> None:
        self._maker, self._size, self._uses = maker, size, uses
        self._pairs: list[Pair] = []
        self._next = 0

    def draw(self, count: int, rng: np.random.Generator) -> list[Pair]:
        """`count` pairs; while the pool fills, every one is new."""
        for _ in range(count):
            full = len(self._pairs) >= self._size
            if full and rng.random() > 1 / self._uses:
                continue
            made = self._maker.make(rng)
            if full:
                self._pairs[self._next] = made
                self._next = (self._next + 1) % self._size
            else:
                self._pairs.append(made)
        return [self._pairs[int(i)] for i in rng.integers(len(self._pairs), size=count)]


class Labelled:
    """Pictures with known labels, drawn by a weight a source, half genuine and half fake."""

    def __init__(self, store: CropStore, indices: Sequence[int], weights: dict[str, float]) -> None:
        self._store = store
        self._rows: dict[tuple[str, int], NDArray[np.int64]] = {}
        for source in weights:
            for label in (0, 1):
                rows = [
                    index
                    for index in indices
                    if store.facts[index]["source"] == source
                    and store.facts[index]["label"] == label
                ]
                self._rows[source, label] = np.array(rows, dtype=np.int64)
        both = [s for s in weights if all(len(self._rows[s, label]) for label in (0, 1))]
        if not both:
            raise ValueError("No source holds both genuine and fake pictures.")
        self._sources = both
        self._shares = np.array([weights[source] for source in both])
        self._shares /= self._shares.sum()

    def draw(self, size_px: int, rng: np.random.Generator) -> list[Shown]:
        """[genuine, fake] of one source, each with its own augmentation."""
        source = str(rng.choice(self._sources, p=self._shares))
        return [self._seen(source, label, size_px, rng) for label in (0, 1)]

    def _seen(self, source: str, label: int, size_px: int, rng: np.random.Generator) -> Shown:
        crop = self._store[int(rng.choice(self._rows[source, label]))]
        if rng.random() < 0.15:
            crop = replace(crop, image=encoded(crop.image, CodecSettings.draw(rng)))
        return _shown(crop, Look.draw(rng), size_px)


def _shown(crop: Crop, look: Look, size_px: int) -> Shown:
    """A labelled crop as `look` says."""
    fake = crop.facts["label"] == 1
    cells = swapped_cells(crop, look, size_px) if fake else same_cells(0.0, size_px)
    return Shown(seen(crop.image, crop.box, look, size_px), cells)


class Couples:
    """A genuine and a fake picture of one clip group, so that nothing but the swap differs."""

    def __init__(self, store: CropStore, indices: Sequence[int]) -> None:
        self._store = store
        groups: dict[str, tuple[list[int], list[int]]] = {}
        for index in indices:
            fact = store.facts[index]
            groups.setdefault(fact["group"], ([], []))[fact["label"]].append(index)
        self._groups = [rows for rows in groups.values() if rows[0] and rows[1]]
        if not self._groups:
            raise ValueError("No group holds both genuine and fake pictures.")

    def draw(self, size_px: int, rng: np.random.Generator) -> list[Shown]:
        """[genuine, fake], seen the same way: the swap is all that sets them apart."""
        rows = self._groups[int(rng.integers(len(self._groups)))]
        look = Look.draw(rng)
        return [
            _shown(self._store[int(rng.choice(rows[label]))], look, size_px) for label in (0, 1)
        ]


class Generated:
    """A genuine picture of one store and a wholly generated one of another."""

    def __init__(self, genuine: CropStore, rows: Sequence[int], generated: CropStore) -> None:
        if not rows or not len(generated):
            raise ValueError("Generated faces need genuine ones to be shown beside.")
        self._genuine, self._rows, self._generated = genuine, np.array(rows), generated

    def draw(self, size_px: int, rng: np.random.Generator) -> list[Shown]:
        """[genuine, fake], each with its own augmentation, half of them through the encoder."""
        crops = [
            self._genuine[int(rng.choice(self._rows))],
            self._generated[int(rng.integers(len(self._generated)))],
        ]
        images = [crop.image for crop in crops]
        if rng.random() < 0.5:
            images = [encoded(image, CodecSettings.draw(rng)) for image in images]
        return [
            Shown(seen(image, crop.box, Look.draw(rng), size_px), same_cells(share, size_px))
            for image, crop, share in zip(images, crops, (0.0, 1.0), strict=True)
        ]


class Either:
    """One of several sources of couples, by share."""

    def __init__(
        self, sources: Sequence[Labelled | Couples | Generated], shares: Sequence[float]
    ) -> None:
        self._sources, self._shares = list(sources), np.array(shares) / sum(shares)

    def draw(self, size_px: int, rng: np.random.Generator) -> list[Shown]:
        """[genuine, fake] from one of them."""
        return self._sources[int(rng.choice(len(self._sources), p=self._shares))].draw(size_px, rng)


class Batches:
    """Draws whole batches."""

    def __init__(
        self, pool: PairPool | None, labelled: Labelled | Couples | Generated | Either, size_px: int
    ) -> None:
        self._pool, self._labelled, self._size_px = pool, labelled, size_px

    def draw(self, pairs: int, labelled: int, rng: np.random.Generator) -> Batch:
        """`pairs` pairs and `labelled` genuine/fake couples."""
        shown: list[Shown] = []
        for pair in self._pool.draw(pairs, rng) if self._pool else ():
            shown += _both(pair, Look.draw(rng), self._size_px)
        for _ in range(labelled):
            shown += self._labelled.draw(self._size_px, rng)
        labels = np.tile(np.array([0, 1], np.float32), pairs + labelled)
        crops, cells = np.stack([one.crop for one in shown]), np.stack([one.cells for one in shown])
        return Batch(crops, labels, pairs, cells)


def _both(pair: Pair, look: Look, size_px: int) -> list[Shown]:
    """[genuine, forged], seen the same way."""
    peak = max(float(pair.mask.max()), 1e-6)  # a faint blend is as much a forgery
    cells = cells_of(pair.mask / np.float32(peak), pair.box, look, size_px)
    return [
        Shown(seen(pair.real, pair.box, look, size_px), same_cells(0.0, size_px)),
        Shown(seen(pair.fake, pair.box, look, size_px), cells),
    ]
