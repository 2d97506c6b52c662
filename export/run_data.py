"""What a run draws its batches from: pairs and couples of single crops, or clips of videos."""

import json
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from export.augment import Look, seen
from export.batches import AnyMaker, Batch, Batches, Couples, Either, Generated, Labelled, PairPool
from export.crops import CropStore
from export.folds import folds
from export.forgery import families
from export.pairs import PairMaker
from export.run_config import RunConfig
from export.splits import TRAIN


class Drawn(Protocol):
    """Anything that gives whole batches."""

    def draw(self, pairs: int, labelled: int, rng: np.random.Generator) -> Batch:
        """`pairs` pairs and `labelled` genuine/fake couples."""
        ...


class Clips:
    """Genuine and fake clips: crops of one video that follow each other, seen the same way."""

    def __init__(self, store: CropStore, rows: Sequence[int], frames: int, size_px: int) -> None:
        self._store, self._frames, self._size_px = store, frames, size_px
        self._videos: tuple[list[NDArray[np.int64]], ...] = ([], [])
        for label, indices in videos_of(store, rows):
            self._videos[label].append(indices)
        if not all(self._videos):
            raise ValueError("A sequence network needs genuine and fake videos, not stills.")

    def draw(self, pairs: int, labelled: int, rng: np.random.Generator) -> Batch:
        """As many couples as both numbers say: there are no pairs of clips."""
        clips = [
            self._clip(self._videos[label][int(rng.integers(len(self._videos[label])))], rng)
            for _ in range(pairs + labelled)
            for label in (0, 1)
        ]
        labels = np.tile(np.array([0, 1], np.float32), pairs + labelled)
        return Batch(np.stack(clips), labels, pairs=0)

    def _clip(self, indices: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
        look = Look.draw(rng)
        first = int(rng.integers(max(1, len(indices) - self._frames + 1)))
        crops = [self._store[int(i)] for i in spread(indices[first:], self._frames)]
        return np.stack([seen(crop.image, crop.box, look, self._size_px) for crop in crops])


def videos_of(store: CropStore, rows: Sequence[int]) -> list[tuple[int, NDArray[np.int64]]]:
    """(label, rows in order of time) of every file with two crops or more."""
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(store.facts[row]["path"], []).append(row)
    return [
        (int(store.facts[indices[0]]["label"]), np.array(indices))
        for indices in found.values()
        if len(indices) > 1
    ]


def spread(indices: NDArray[np.int64], frames: int) -> NDArray[np.int64]:
    """The first `frames` of them; of a shorter video, some twice, in order."""
    if len(indices) >= frames:
        return indices[:frames]
    return indices[np.linspace(0, len(indices) - 1, frames).round().astype(int)]


def allowed_rows(store: CropStore, config: RunConfig, held_out: Collection[int]) -> list[int]:
    """The rows that may be trained on: those of the store's train part, if it is split."""
    exclude = config.data.exclude
    barred = set(json.loads(exclude.read_text())) if exclude else set()
    barred.update(held_out)
    return [index for index in store.rows(TRAIN) if index not in barred]


def batches_of(config: RunConfig, held_out: Collection[int] = ()) -> Drawn:
    """The data of a run; `held_out` are rows of the training store kept for validation."""
    data = config.data
    store = CropStore(data.store)
    allowed = allowed_rows(store, config, held_out)
    if config.frames > 1:
        return Clips(store, allowed, config.frames, config.size_px)
    makers = [_maker(store, allowed, config)] if data.pairs else []
    labelled: list[Labelled | Couples | Generated] = [Labelled(store, allowed, data.weights)]
    shares = [1.0]
    if data.generated is not None:
        sources = store.column("source")
        rows = [
            index
            for index in allowed
            if store.facts[index]["label"] == 0 and sources[index] in data.generated.against
        ]
        labelled.append(Generated(store, rows, CropStore(data.generated.store)))
        shares = [1 - data.generated.share, data.generated.share]
    extra = data.extra
    if extra is None:
        pool = PairPool(makers[0], data.pool, data.uses) if makers else None
        return Batches(pool, Either(labelled, shares), config.size_px)
    clips = CropStore(extra.store)
    kept = [index for index, fold in enumerate(folds(clips.facts)) if fold != extra.hold_out]
    names = np.array(clips.column("source"))
    labelled += [Couples(clips, [i for i in kept if names[i] == name]) for name in extra.weights]
    shares = [(1 - extra.labelled_share) * share for share in shares]
    shares += [extra.labelled_share * weight for weight in extra.weights.values()]
    pool = None
    if makers:
        makers.append(_maker(clips, kept, config))
        maker = AnyMaker(makers, [1 - extra.pair_share, extra.pair_share])
        pool = PairPool(maker, data.pool, data.uses)
    return Batches(pool, Either(labelled, shares), config.size_px)


def _maker(store: CropStore, indices: list[int], config: RunConfig) -> PairMaker:
    genuine = [index for index in indices if store.facts[index]["label"] == 0]
    data = config.data
    return PairMaker(store, genuine, families(data.generator), data.families)
