"""A crop store of drawn faces: the manipulated ones are brighter, so a toy model can see them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.crops import SERVE_MARGIN, SERVE_SIZE_PX, STORE_MARGIN
from pipeline.preprocess import crop_face
from pipeline.types import Box
from tests.media import draw_face

SIDE_PX = 112
CROPS = 8
BRIGHTER = 45


def write_store(folder: Path, *, persons: int = 6, split: Sequence[str] = ()) -> Path:
    """Two sources with one genuine and one manipulated video a person, and a genuine-only one."""
    folder.mkdir(parents=True, exist_ok=True)
    face = SIDE_PX / STORE_MARGIN
    edge = (SIDE_PX - face) / 2
    box = np.array([edge, edge, edge + face, edge + face], np.float32)
    facts: list[dict[str, Any]] = []
    crops, served = [], []
    for number in range(persons):
        source = ("tool_a", "tool_b", "alone")[number % 3]
        for label in (0, 1) if source != "alone" else (0,):
            for look in range(CROPS):
                image = _picture(number, look, label)
                crops.append(image)
                served.append(crop_face(image, Box(*box.tolist()), SERVE_SIZE_PX, SERVE_MARGIN))
                facts.append(
                    {
                        "path": f"{source}/{number}_{label}.mp4", "set": "dev", "label": label,
                        "source": source, "group": f"person{number}", "time_s": look / 4,
                        "method": f"{source} swap -> Somebody {number}" if label else "none",
                        **({"split": split[number % len(split)]} if split else {}),
                    }
                )  # fmt: skip
    _write(folder, facts, np.stack(crops), np.stack(served), box)
    return folder


def _picture(number: int, look: int, label: int) -> np.ndarray:
    rng = np.random.default_rng([number, look, label])
    image = draw_face(SIDE_PX, seed=number).astype(np.int16) + rng.integers(-12, 13, 3)
    lift = BRIGHTER * label + rng.integers(-18, 19)
    return np.clip(image + lift, 0, 255).astype(np.uint8)


def _write(
    folder: Path, facts: list[dict[str, Any]], crops: np.ndarray, served: np.ndarray, box: Any
) -> None:
    count = len(facts)
    points = np.random.default_rng(0).uniform(30, 80, (478, 2)).astype(np.float32)
    # The outline of both cheeks, where the skin's tone is read; the rest is anywhere in the face.
    for middle, cheek in ((44, (117, 118, 101, 36)), (68, (346, 347, 330, 266))):
        corners = ((-5, -5), (5, -5), (5, 5), (-5, 5))
        points[list(cheek)] = [(middle + x, 64 + y) for x, y in corners]
    (folder / "pixels.bin").write_bytes(crops.tobytes())
    np.savez(
        folder / "geometry.npz",
        offsets=np.arange(count, dtype=np.int64) * SIDE_PX * SIDE_PX * 3,
        sides=np.full(count, SIDE_PX, np.int32),
        boxes=np.tile(box, (count, 1)),
        landmarks=np.tile(points, (count, 1, 1)),
    )
    np.save(folder / "serve.npy", served)
    (folder / "facts.json").write_text(json.dumps(facts))
