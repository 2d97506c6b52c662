"""What is measured: one row a crop, a video or a window, with its logit and its facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.calibrate import windows

Floats = NDArray[np.float64]
Names = NDArray[np.str_]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of equal length."""

    logits: Floats
    """Raw, before temperature and bias."""
    labels: NDArray[np.int64]
    """1 = manipulated."""
    groups: Names
    """One person or one source clip."""
    sources: Names
    methods: Names
    paths: Names
    folds: NDArray[np.int64]
    """In which part a row was held out; 0 for all where nothing was."""

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, keep: Mask | NDArray[np.int64]) -> "Rows":
        """The rows of a mask or of indices."""
        return Rows(*(getattr(self, name)[keep] for name in self.__slots__))

    def scored(self, logits: Floats) -> "Rows":
        """The same rows with other logits."""
        return Rows(logits, *(getattr(self, name) for name in self.__slots__[1:]))


def frames(
    facts: Sequence[dict[str, Any]], logits: Floats, folds: NDArray[np.int64] | None = None
) -> Rows:
    """One row a crop of a store."""

    def column(name: str) -> Names:
        return np.array([str(fact[name]) for fact in facts], dtype=np.str_)

    return Rows(
        logits,
        np.array([int(fact["label"]) for fact in facts], dtype=np.int64),
        column("group"),
        column("source"),
        _nameless(column("method")),
        column("path"),
        np.zeros(len(facts), np.int64) if folds is None else folds,
    )


def _nameless(methods: Names) -> Names:
    """Models of swappers are called after people; "tool -> NAME" becomes "tool, model 1"."""
    out: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name in sorted(set(methods.tolist())):
        tool, arrow, _ = name.partition("->")
        counts[tool] = counts.get(tool, 0) + 1
        out[name] = f"{tool.strip()}, model {counts[tool]}" if arrow else name
    return np.array([out[name] for name in methods.tolist()], dtype=np.str_)


def videos(rows: Rows) -> Rows:
    """The mean logit of every video, in the order of their first rows."""
    _, first, code = np.unique(rows.paths, return_index=True, return_inverse=True)
    means = np.bincount(code, rows.logits) / np.bincount(code)
    order = np.argsort(first)
    return rows.only(first[order]).scored(means[order])


def window_rows(rows: Rows, facts: Sequence[dict[str, Any]]) -> Rows:
    """Means over four seconds, as the service's windows are."""
    found = windows(facts, rows.logits)
    return rows.only(found.rows).scored(found.means)


def both_labels(rows: Rows) -> Names:
    """The sources that hold genuine and manipulated rows, by name."""
    names = np.unique(rows.sources)
    return np.array(
        [name for name in names if len(set(rows.labels[rows.sources == name].tolist())) == 2],
        dtype=np.str_,
    )


def paired(rows: Rows) -> Rows:
    """The rows of the sources that hold both labels: elsewhere a source would tell the label."""
    return rows.only(np.isin(rows.sources, both_labels(rows)))


def spread(rows: Rows, per_video: int) -> NDArray[np.int64]:
    """Indices of at most so many rows a video, evenly spread over it."""
    chosen: list[int] = []
    for path in dict.fromkeys(rows.paths.tolist()):
        indices = np.flatnonzero(rows.paths == path)
        count = min(per_video, len(indices))
        chosen += indices[np.linspace(0, len(indices) - 1, count).round().astype(int)].tolist()
    return np.array(chosen, dtype=np.int64)
