"""Small crop stores for tests."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.crops import SERVE_MARGIN, SERVE_SIZE_PX, Crop, CropStore
from pipeline.preprocess import crop_face
from pipeline.types import Box


def write_store(folder: Path, crops: Sequence[Crop]) -> CropStore:
    """A store of these crops, whose served pictures are cut from the stored ones."""
    sides = np.array([crop.image.shape[0] for crop in crops])
    (folder / "pixels.bin").write_bytes(b"".join(crop.image.tobytes() for crop in crops))
    (folder / "facts.json").write_text(json.dumps([crop.facts for crop in crops]))
    np.savez(
        folder / "geometry.npz",
        offsets=np.concatenate([[0], np.cumsum(sides**2 * 3)])[:-1],
        sides=sides,
        boxes=np.stack([crop.box for crop in crops]),
        landmarks=np.stack([crop.landmarks for crop in crops]),
    )
    served = [
        crop_face(crop.image, Box(*map(float, crop.box)), SERVE_SIZE_PX, SERVE_MARGIN)
        for crop in crops
    ]
    np.save(folder / "serve.npy", np.stack(served))
    return CropStore(folder)
