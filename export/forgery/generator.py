"""A generator's look without a generator: faces rebuilt from few principal components.

Swappers rebuild an aligned face from a narrow code: skin loses its grain, small features take the
training identity's shape. Projection on eigenfaces (Turk and Pentland 1991) does the same cheaply.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.forgery.face import FaceCrop
from export.forgery.warp import alignment

SIZE_PX = 96
COVER = 1.45


class EigenFaces:
    """Mean and components of aligned faces."""

    def __init__(self, path: Path) -> None:
        stored = np.load(path)
        self._mean: NDArray[np.float32] = stored["mean"]
        self._basis: NDArray[np.float32] = stored["basis"].astype(np.float32)
        self._spread: NDArray[np.float32] = stored["spread"]

    def rebuild(
        self, aligned: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """(96, 96, 3) to its likeness from 80 to all components, the code slightly shaken."""
        count = int(rng.integers(80, len(self._basis) + 1))
        flat = aligned.reshape(-1)
        shade, contrast = flat.mean(), flat.std() + 1.0
        code = self._basis[:count] @ ((flat - shade) / contrast - self._mean)
        code += (
            rng.normal(0, 1, count).astype(np.float32)
            * self._spread[:count]
            * np.float32(rng.uniform(0.0, 0.35))
        )
        rebuilt = (code @ self._basis[:count] + self._mean) * contrast + shade
        return np.asarray(np.clip(rebuilt.reshape(SIZE_PX, SIZE_PX, 3), 0, 255), np.float32)


def aligned_face(face: FaceCrop, size_px: int = SIZE_PX, cover: float = COVER) -> NDArray[np.uint8]:
    """The face in an aligned square."""
    matrix = alignment(face, size_px, cover)
    warped = cv2.warpAffine(
        face.image, matrix, (size_px, size_px), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(warped, np.uint8)


def fit(faces: NDArray[np.uint8], components: int, path: Path) -> None:
    """Principal components of (N, 96, 96, 3) aligned faces, each at zero mean and unit spread."""
    flat = faces.reshape(len(faces), -1).astype(np.float32)
    flat = (flat - flat.mean(1, keepdims=True)) / (flat.std(1, keepdims=True) + 1.0)
    mean = flat.mean(0)
    flat -= mean
    values, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(values)[::-1][:components]
    basis = (vectors[:, order].T @ flat) / np.sqrt(values[order])[:, None]
    spread = np.sqrt(values[order] / len(faces)).astype(np.float32)
    np.savez(path, mean=mean, basis=basis.astype(np.float16), spread=spread)


def main() -> None:
    """Fit the components on the genuine faces of the training store."""
    from export.pairs import genuine_faces

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("data/crops/train"))
    parser.add_argument("--out", type=Path, default=Path("data/eigenfaces.npz"))
    parser.add_argument("--faces", type=int, default=3000)
    parser.add_argument("--components", type=int, default=400)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    faces = genuine_faces(options.store)
    chosen = rng.permutation(len(faces))[: options.faces]
    fit(np.array([aligned_face(faces[int(i)]) for i in chosen]), options.components, options.out)


if __name__ == "__main__":
    main()
