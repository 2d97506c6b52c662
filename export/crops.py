"""The crop store: pictures and videos to face crops with landmarks, each with its origin and label.

`python -m export.crops --data FOLDER --out data/crops`: FOLDER holds `manifest.csv` (path, set,
kind, label, method, source, group). Every picture takes one path: decode, detect, crop, store raw.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.faces import FaceFinder, FoundFace
from pipeline.geometry import square
from pipeline.preprocess import crop_face
from pipeline.types import Box, Image

STORE_MARGIN = 1.6
MAX_SIDE_PX = 352
SERVE_SIZE_PX = 160
SERVE_MARGIN = 1.3
VIDEO_FPS = 4.0


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
    """path, set, label (1 = fake), method, source, group, time_s."""


class CropStore:
    """Crops in one flat file, read through the page cache so that processes share them."""

    def __init__(self, folder: Path) -> None:
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

    def column(self, name: str) -> list[Any]:
        """One fact of every crop, in order."""
        return [facts[name] for facts in self.facts]


def pictures(path: Path, kind: str) -> Iterator[tuple[float, Image]]:
    """(time_s, BGR picture): one for an image, four a second for a video."""
    if kind == "image":
        image = cv2.imread(str(path))
        if image is not None:
            yield 0.0, np.asarray(image, dtype=np.uint8)
        return
    next_s = 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            time_s = float(frame.time or 0.0)
            if time_s + 1e-6 >= next_s:
                next_s = time_s + 1 / VIDEO_FPS - 0.01
                yield time_s, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


@lru_cache(maxsize=1)
def _finder(models: Path) -> FaceFinder:
    return FaceFinder(models)


def crops_of(row: dict[str, str], root: Path, models: Path) -> list[tuple[Crop, Image]]:
    """The largest face of every sampled picture, with the crop that the service would cut."""
    found: list[tuple[Crop, Image]] = []
    for time_s, image in pictures(root / row["path"], row["kind"]):
        face = _finder(models).largest(image)
        if face is None:
            continue
        serve = crop_face(image, face.box, SERVE_SIZE_PX, SERVE_MARGIN)
        found.append((cut(image, face, {**_facts(row), "time_s": round(time_s, 3)}), serve))
    return found


def _facts(row: dict[str, str]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("path", "set", "method", "source", "group")}
    return {**kept, "label": int(row["label"] == "fake")}


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


def build(rows: Sequence[dict[str, str]], root: Path, models: Path, out: Path, jobs: int) -> int:
    """Write the store of these manifest rows; returns how many crops it holds."""
    out.mkdir(parents=True, exist_ok=True)
    facts, boxes, landmarks, sides, serve = [], [], [], [], []
    work = partial(crops_of, root=root, models=models)
    with (out / "pixels.bin").open("wb") as pixels, ProcessPoolExecutor(jobs) as pool:
        for found in tqdm(pool.map(work, rows, chunksize=8), total=len(rows), unit="file"):
            for crop, served in found:
                pixels.write(crop.image.tobytes())
                facts.append(crop.facts)
                boxes.append(crop.box)
                landmarks.append(crop.landmarks)
                sides.append(crop.image.shape[0])
                serve.append(served)
    area = np.array(sides, dtype=np.int64) ** 2 * 3
    np.savez(
        out / "geometry.npz",
        offsets=np.concatenate([[0], np.cumsum(area)[:-1]]).astype(np.int64),
        sides=np.array(sides, dtype=np.int32),
        boxes=np.array(boxes, dtype=np.float32),
        landmarks=np.array(landmarks, dtype=np.float32),
    )
    np.save(out / "serve.npy", np.array(serve, dtype=np.uint8))
    (out / "facts.json").write_text(json.dumps(facts))
    return len(facts)


def main() -> None:
    """Build one store a set of the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--models", type=Path, required=True, help="folder with YuNet and FaceMesh")
    parser.add_argument("--out", type=Path, default=Path("data/crops"))
    parser.add_argument("--sets", nargs="*", default=["train", "dev"])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with (options.data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] in ("image", "video")]
    for name in options.sets:
        chosen = [row for row in rows if row["set"] == name]
        count = build(chosen, options.data, options.models, options.out / name, options.jobs)
        tqdm.write(f"{name}: {count} crops from {len(chosen)} files")


if __name__ == "__main__":
    main()
