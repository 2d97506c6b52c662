"""Who is judged against which genuine stretch: the halves of the development clips, crosswise.

One half of a genuine clip is enrolled; the other half of the same clip, and of the swaps of it, is
judged. Then the halves change places. Half a second between them is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.folds import folds

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

GAP_S = 0.5
LEAST_CROPS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One stretch to be judged, and the one it is judged against; both are rows of the store."""

    judged: Rows
    reference: Rows
    label: int
    source: str
    group: str
    fold: int


def cases(facts: Sequence[dict[str, Any]], *, self_enrolled: bool = False) -> list[Case]:
    """All cases of a development store.

    `self_enrolled`: every clip is judged against its own other half, as if an attacker were there
    from the start; genuine clips are the same either way.
    """
    times = np.array([fact["time_s"] for fact in facts])
    numbers = folds(facts)
    clips = by_path(facts)
    found = []
    for path, rows in clips.items():
        partner = path if self_enrolled else genuine_of(facts[int(rows[0])], clips)
        if partner is None:
            continue
        first = facts[int(rows[0])]
        for judged, reference in _halves(times, rows, clips[partner]):
            if min(len(judged), len(reference)) >= LEAST_CROPS:
                fold = numbers[int(rows[0])]
                found.append(
                    Case(judged, reference, first["label"], first["source"], first["group"], fold)
                )
    return found


def by_path(facts: Sequence[dict[str, Any]]) -> dict[str, Rows]:
    """The rows of every clip, in order of time."""
    rows: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        rows.setdefault(fact["path"], []).append(index)
    return {path: np.array(indices, np.int64) for path, indices in rows.items()}


def genuine_of(fact: dict[str, Any], clips: dict[str, Rows]) -> str | None:
    """The genuine clip of the same person before the same camera; None where it is not there.

    A swap of FaceForensics++ shows its first number with the face of its second.
    """
    path = PurePosixPath(fact["path"])
    if fact["label"] == 0:
        return str(path)
    if fact["source"] == "deepfacelive":
        name = path.name
    else:
        name = f"youtube__{path.stem.split('__')[1].split('_')[0]}.mp4"
    wanted = str(path.parent.parent / "real" / name)
    return wanted if wanted in clips else None


def _halves(times: Floats, judged: Rows, reference: Rows) -> list[tuple[Rows, Rows]]:
    """(judged, reference) of late against early and of early against late."""
    end_s = min(times[judged].max(), times[reference].max())
    early_s, late_s = (end_s - GAP_S) / 2, (end_s + GAP_S) / 2

    def early(rows: Rows) -> Rows:
        return rows[times[rows] < early_s]

    def late(rows: Rows) -> Rows:
        return rows[(times[rows] > late_s) & (times[rows] <= end_s + 0.1)]

    return [(late(judged), early(reference)), (early(judged), late(reference))]
