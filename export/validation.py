"""The held-out part of the training store by which a run picks its best checkpoint.

Of a store that is split it is the val part. Otherwise whole groups are held out, so that nobody is
on both sides, and never a development clip: those measure the finished model.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.crops import CropStore
from export.metrics import auc
from export.run_config import RunConfig
from export.run_data import allowed_rows, spread, videos_of
from export.splits import VAL

BATCH = 32


@dataclass(frozen=True, slots=True)
class Judged:
    """What the moving average makes of the held-out part."""

    loss: float
    auc: float

    def better_than(self, best: float | None, metric: str) -> bool:
        """Whether this beats the best value so far of "auc" or "loss"."""
        value = self.value(metric)
        return bool(np.isfinite(value)) and (best is None or value > best)

    def value(self, metric: str) -> float:
        """The deciding number, more being better."""
        return self.auc if metric == "auc" else -self.loss


def held_out(facts: list[dict[str, Any]], share: float) -> set[int]:
    """Rows of whole groups, about `share` of every source, the same ones in every run.

    A group that would be more than twice its due (a source that is a single group) is trained on.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    totals: dict[str, int] = {}
    for row, fact in enumerate(facts):
        rows.setdefault((fact["source"], fact["group"]), []).append(row)
        totals[fact["source"]] = totals.get(fact["source"], 0) + 1
    found: set[int] = set()
    taken: dict[str, int] = {}
    for source, group in sorted(rows, key=_lot):
        members, due = rows[source, group], share * totals[source]
        if taken.get(source, 0) < due and taken.get(source, 0) + len(members) <= 2 * due:
            taken[source] = taken.get(source, 0) + len(members)
            found.update(members)
    return found


def _lot(key: tuple[str, str]) -> str:
    return hashlib.sha256("|".join(key).encode()).hexdigest()


class Validation:
    """Judges a network on the held-out part."""

    def __init__(self, config: RunConfig) -> None:
        """Choose the crops, or clips; `rows` are those of an unsplit store that are held out.

        Raises:
            ValueError: they do not hold both labels.
        """
        store = CropStore(config.data.store)
        own = store.rows(VAL)
        self.rows = set() if own else held_out(store.facts, config.validation.share)
        labels = np.array(store.column("label"))
        kept = own or sorted(self.rows & set(allowed_rows(store, config, ())))
        usable = np.array(kept, dtype=np.int64)
        rng = np.random.default_rng(0)
        clips = []
        for label, indices in _units(store, usable, config.frames):
            clips.append((label, indices))
        order = rng.permutation(len(clips))
        self._chosen = [
            clips[i]
            for wanted in (0, 1)
            for i in [i for i in order if clips[i][0] == wanted][: config.validation.most // 2]
        ]
        self._labels = np.array([label for label, _ in self._chosen])
        if not (labels[usable] == 0).any() or len(set(self._labels.tolist())) < 2:
            raise ValueError(
                "Validation needs genuine and fake pictures of held-out groups; this store has "
                "too few groups: set validation.share higher, or to 0 for none."
            )
        self._store, self._config = store, config

    @torch.no_grad()
    def __call__(self, net: nn.Module, device: torch.device) -> Judged:
        """Loss and AUC, both labels counting alike."""
        logits = []
        for start in range(0, len(self._chosen), BATCH):
            crops = np.stack([self._seen(indices) for _, indices in self._chosen[start:][:BATCH]])
            logits.append(net(torch.from_numpy(crops).to(device)).float().cpu().numpy())
        found = np.concatenate(logits).astype(np.float64)
        signed = np.where(self._labels == 1, -found, found)
        losses = np.logaddexp(0, signed)
        by_label = [losses[self._labels == label].mean() for label in (0, 1)]
        return Judged(float(np.mean(by_label)), auc(found, self._labels))

    def _seen(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A crop as the service cuts it, or a clip of them."""
        side = self._config.size_px
        crops = [np.asarray(self._store.serve[index]) for index in indices]
        if crops[0].shape[0] != side:
            crops = [np.asarray(cv2.resize(c, (side, side)), np.uint8) for c in crops]
        return np.stack(crops) if self._config.frames > 1 else crops[0]


def _units(
    store: CropStore, rows: NDArray[np.int64], frames: int
) -> list[tuple[int, NDArray[np.int64]]]:
    """(label, rows) of what is judged at once: a crop, or the start of a video."""
    if frames == 1:
        return [(int(store.facts[row]["label"]), np.array([row])) for row in rows]
    found = videos_of(store, rows.tolist())
    return [(label, spread(indices, frames)) for label, indices in found]
