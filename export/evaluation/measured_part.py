"""The part of a crop store that a model is measured on."""

from pathlib import Path

import numpy as np

from export.crops import CropStore
from export.splits import TEST


class MeasuredPart(CropStore):
    """The clips that training left out, where a store says which they are; else all of it.

    `whole` takes all of it in any case: a model that was trained on none of it is measured.
    """

    def __init__(self, folder: Path, *, whole: bool = False) -> None:
        super().__init__(folder)
        kept = np.array([facts.get("split") == TEST for facts in self.facts], np.bool_)
        self.is_part = bool(kept.any()) and not bool(kept.all()) and not whole
        if not self.is_part:
            return
        self.facts = [facts for facts, yes in zip(self.facts, kept, strict=True) if yes]
        self.offsets, self.sides = self.offsets[kept], self.sides[kept]
        self.boxes, self.landmarks = self.boxes[kept], self.landmarks[kept]
        self.serve = self.serve[kept]
