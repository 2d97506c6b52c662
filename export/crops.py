"""The crop store: face crops with landmarks, each with its origin and label.

`fakewatch data prepare` writes one (export/prepare.py).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.faces import FoundFace
from export.splits import TRAIN
from pipeline.errors import SettingsError
from pipeline.geometry import square
from pipeline.preprocess import crop_face
from pipeline.types import Box, Image

STORE_MARGIN = 1.6
MAX_SIDE_PX = 352
SERVE_SIZE_PX = 160
SERVE_MARGIN = 1.3


@dataclass(frozen=True, slots=True)
class Crop:
    """One stored face."""

    image: Image
    """(side, side, 3): the square 1.6 times the face box, at its own scale up to 352 px."""
    box: NDArray[np.float32]
    """(4,) left, top, right, bottom in `image`."""
    landmarks: NDArray[np.float32]
    """(478, 2) px in `image`; NaN where no face mesh was found."""
    facts: dict[str, Any]
    """path, label (1 = fake), method, source, group, identity, split, time_s, quality, ..."""


class CropStore:
    """Crops in one flat file, read through the page cache so that processes share them."""

    def __init__(self, folder: Path) -> None:
        """Open a finished store.

        Raises:
            SettingsError: there is none.
        """
        if not (folder / "facts.json").is_file():
            raise SettingsError(f"{folder} is no crop store; fakewatch data prepare makes one.")
        self.folder = folder
        self.facts: list[dict[str, Any]] = json.loads((folder / "facts.json").read_text())
        geometry = np.load(folder / "geometry.npz")
        self.offsets: NDArray[np.int64] = geometry["offsets"]
        self.sides: NDArray[np.int32] = geometry["sides"]
        self.boxes: NDArray[np.float32] = geometry["boxes"]
        self.landmarks: NDArray[np.float32] = geometry["landmarks"]
        self._pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")
        self.serve: NDArray[np.uint8] = np.load(folder / "serve.npy", mmap_mode="r")
        """(N, 160, 160, 3): cut from the full frame exactly as the service cuts."""

    def __len__(self) -> int:
        return len(self.facts)

    def __getitem__(self, index: int) -> Crop:
        side, start = int(self.sides[index]), int(self.offsets[index])
        pixels = self._pixels[start : start + side * side * 3].reshape(side, side, 3)
        return Crop(np.array(pixels), self.boxes[index], self.landmarks[index], self.facts[index])

    def rows(self, split: str) -> list[int]:
        """Which crops are of one side of the split and good enough to be judged live.

        A store that was never split is for training.
        """
        return [
            index
            for index, facts in enumerate(self.facts)
            if facts.get("split", TRAIN) == split and facts.get("usable", True)
        ]

    def column(self, name: str) -> list[Any]:
        """One fact of every crop, in order."""
        return [facts[name] for facts in self.facts]


def cut(image: Image, face: FoundFace, facts: dict[str, Any]) -> Crop:
    """The stored crop: 1.6 times the box, never enlarged, at most 352 px."""
    region: Box = square(face.box, STORE_MARGIN)
    native = max(1, round(region.right - region.left))
    side = min(native, MAX_SIDE_PX)
    origin = np.array([round(region.left), round(region.top)], dtype=np.float32)
    factor = side / native
    corners = np.array(
        [[face.box.left, face.box.top], [face.box.right, face.box.bottom]], dtype=np.float32
    )
    return Crop(
        image=crop_face(image, face.box, side, STORE_MARGIN),
        box=((corners - origin) * factor).reshape(4).astype(np.float32),
        landmarks=((face.landmarks - origin) * factor).astype(np.float32),
        facts=facts,
    )
