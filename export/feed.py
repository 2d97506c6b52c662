"""Where batches come from: this process on a CPU, or processes that keep a GPU busy."""

import signal
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from export.batches import Batch
from export.run_config import RunConfig
from export.run_data import batches_of


@dataclass(frozen=True, slots=True)
class Lot:
    """What decides every draw of a stretch of a run: seed, worker and the step it starts at."""

    seed: int
    rank: int
    step: int

    def generator(self, process: int = 0) -> np.random.Generator:
        """The same for the same lot, another for another."""
        return np.random.default_rng([self.seed, self.rank, self.step, process])


def drawn_here(config: RunConfig, held_out: Collection[int], lot: Lot) -> Iterator[Batch]:
    """Batches made in this process, without end."""
    batches, rng = batches_of(config, held_out), lot.generator()
    while True:
        yield batches.draw(config.data.pairs, config.data.labelled, rng)


def drawn_elsewhere(config: RunConfig, held_out: Collection[int], lot: Lot) -> Iterator[Batch]:
    """Batches made by `workers` processes, without end and always in the same order."""
    loader = DataLoader(
        _Draws(config, frozenset(held_out), lot), batch_size=None, collate_fn=_as_it_is,
        num_workers=config.workers, prefetch_factor=2, multiprocessing_context="spawn",
    )  # fmt: skip
    return iter(loader)


def _as_it_is(batch: Any) -> Any:
    return batch


class _Draws(IterableDataset[Batch]):
    """What each of the processes does."""

    def __init__(self, config: RunConfig, held_out: frozenset[int], lot: Lot) -> None:
        self._config, self._held_out, self._lot = config, held_out, lot

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to answer
        info = get_worker_info()
        process = info.id if info else 0
        batches, rng = batches_of(self._config, self._held_out), self._lot.generator(process)
        while True:
            yield batches.draw(self._config.data.pairs, self._config.data.labelled, rng)
