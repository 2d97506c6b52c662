"""Looks for shortcuts in the training pairs.

What carries no sign of a forgery must not tell the two pictures of a pair apart: the pixels outside
the forged region, the size of the file, the number of pixels, and labels that were shuffled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from export.augment import Look, place_of, seen
from export.pairs import Pair
from export.probes import Finding, Floats, coded_sizes, probe, texture

SIZE_PX = 160
BLOCK_REACH_PX = 33
"""A coded block and its deblocking filter carry a change this far, both sides together."""


@dataclass(slots=True)
class Rows:
    """Features by probe; each pair appends its genuine picture and then its forged one."""

    features: dict[str, list[Floats]] = field(default_factory=dict)
    families: list[str] = field(default_factory=list)

    def add(self, pair: Pair, look: Look) -> None:
        """Look at one pair as the network would see it."""
        self.families.append(pair.family)
        place = place_of(pair.reach, pair.box, look, SIZE_PX)
        reach = cv2.dilate(place, np.ones((BLOCK_REACH_PX,) * 2, np.uint8)) > 0
        for image in (pair.real, pair.fake):
            shown = seen(image, pair.box, look, SIZE_PX)
            row = {
                "metadata": coded_sizes(shown, reach),
                "periphery": texture(shown, ~reach),
                "resolution": np.array([*image.shape[:2], *pair.box], np.float64),
                "control": texture(shown, reach),
            }
            for name, values in row.items():
                self.features.setdefault(name, []).append(values)


def audit(pairs: Iterable[Pair], rng: np.random.Generator) -> list[Finding]:
    """What every probe sees; all belong in 0.45-0.55 but the control.

    `control` looks at the forged region itself and shows that the probe can see at all.
    """
    rows = Rows()
    for pair in pairs:
        rows.add(pair, Look.draw(rng))
    return findings(rows, rng)


def findings(rows: Rows, rng: np.random.Generator) -> list[Finding]:
    """Every probe over rows that were looked at."""
    count = len(rows.families)
    labels = np.tile(np.array([0, 1], np.int64), count)
    numbers = np.repeat(np.arange(count), 2)
    found = [probe(name, np.stack(rows.features[name]), labels, numbers) for name in rows.features]
    turned = _turned(labels, rng)
    return [*found, probe("shuffled", np.stack(rows.features["control"]), turned, numbers)]


def _turned(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Exactly half of the pairs with their labels exchanged: more could be learnt as a rule."""
    both = labels.reshape(-1, 2).copy()
    chosen = rng.permutation(len(both)) < len(both) // 2
    both[chosen] = both[chosen][:, ::-1]
    return both.ravel()
