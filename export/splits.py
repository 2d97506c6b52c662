"""Splits by person and source: what shares either is tied together and stays on one side."""

from collections import Counter
from collections.abc import Iterable, Sequence

TRAIN, VAL, TEST, APART = "train", "val", "test", "apart"
SHARES = {TRAIN: 0.8, VAL: 0.1, TEST: 0.1}
TOO_LARGE = 0.5
"""A knot with more of all files is cut: in Celeb-DF everybody swaps with everybody."""

Keys = tuple[str, ...]
Counts = list[int]
"""[genuine, fake] files."""


def connected(links: Iterable[Keys]) -> dict[str, str]:
    """Each name to the first name, by the alphabet, of all that it is tied to."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for names in links:
        for name in names:
            low, high = sorted((root(names[0]), root(name)))
            parent[high] = low
    return {name: root(name) for name in parent}


def split(keys: Sequence[Keys], labels: Sequence[int]) -> list[str]:
    """The side of each file, 8:1:1 by what it shows: "train", "val", "test" or "apart".

    `keys[i]` are the people and source clips of file i; no key is ever on two of the three sides.
    Where one knot holds most files, its people are dealt out one by one, and a file that shows
    people of two sides is set apart. The order of the files does not matter.
    """
    knot = connected(set(keys))
    files = Counter(knot[names[0]] for names in keys)
    members = Counter(knot.values())
    cut = {k for k, n in files.items() if n > TOO_LARGE * len(keys) and members[k] > len(SHARES)}
    units = [names if knot[names[0]] in cut else (knot[names[0]],) for names in keys]
    sides = _deal(units, labels)
    return [_common([sides[name] for name in unit]) for unit in units]


def _common(sides: list[str]) -> str:
    return sides[0] if len(set(sides)) == 1 else APART


def _deal(units: Sequence[Keys], labels: Sequence[int]) -> dict[str, str]:
    """A side for every unit: one small one of each label to val and test, the rest by need."""
    counts: dict[str, Counts] = {}
    for names, label in zip(units, labels, strict=True):
        for name in set(names):
            counts.setdefault(name, [0, 0])[label] += 1
    order = sorted(counts, key=lambda name: (-sum(counts[name]), name))
    sides = _reserved(order, counts)
    total = [max(1, sum(count[label] for count in counts.values())) for label in (0, 1)]
    held = {side: [0, 0] for side in SHARES}
    for name, side in sides.items():
        held[side] = [a + b for a, b in zip(held[side], counts[name], strict=True)]
    for name in order:
        if name in sides:
            continue
        count = counts[name]
        side = min(SHARES, key=lambda side: _load(held[side], count, total, SHARES[side]))
        sides[name] = side
        held[side] = [a + b for a, b in zip(held[side], count, strict=True)]
    return sides


def _load(held: Counts, more: Counts, total: Counts, share: float) -> float:
    """How full a side would be, over the labels that this unit holds."""
    return sum((held[i] + more[i]) / (share * total[i]) for i in (0, 1) if more[i])


def _reserved(order: Sequence[str], counts: dict[str, Counts]) -> dict[str, str]:
    """The smallest units for val and test, as long as something of each label is left to train."""
    sides: dict[str, str] = {}
    for side in (TEST, VAL):
        for label in (0, 1):
            if any(counts[name][label] for name, taken in sides.items() if taken == side):
                continue
            free = [name for name in order if name not in sides]
            left = [sum(counts[name][i] > 0 for name in free) for i in (0, 1)]
            spare = [
                name
                for name in free
                if counts[name][label] and all(left[i] > 1 for i in (0, 1) if counts[name][i])
            ]
            both = [name for name in spare if all(counts[name])]
            if spare:
                sides[(both or spare)[-1]] = side
    return sides
