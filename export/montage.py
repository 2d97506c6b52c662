"""What the forgery families do, as one picture: `python -m export.montage STORE docs/families.jpg`.

A row a family; each example is target, donor, mask and forged picture. STORE must hold faces that
may be shown: those of `export.generated_faces`, which are nobody's.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.crops import CropStore
from export.forgery import FaceCrop, Family, families
from export.pairs import face_of, usable

CELL_PX = 120
EXAMPLES = 3
SEED = 4


def strip(family: Family, faces: list[FaceCrop], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(CELL_PX, 12 * CELL_PX, 3): one family's examples side by side."""
    cells: list[NDArray[np.uint8]] = []
    for _ in range(EXAMPLES):
        target, donor = (faces[int(i)] for i in rng.choice(len(faces), 2, replace=False))
        forged = family(target, donor, rng)
        mask = np.repeat((forged.mask * 255).astype(np.uint8)[:, :, None], 3, axis=2)
        cells += [_cell(p) for p in (forged.target, donor.image, mask, forged.fake)]
    return np.hstack(cells)


def _cell(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(picture, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def named(picture: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The picture with a name in its corner."""
    out = picture.copy()
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(out, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)
    return out


def main() -> None:
    """Write the montage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--generator", type=Path, default=Path("data/autoencoder.pt"))
    options = parser.parse_args()
    store, rng = CropStore(options.store), np.random.default_rng(SEED)
    faces = [face_of(store, index) for index in range(len(store)) if usable(store, index)]
    table = families(options.generator)
    rows = [named(strip(family, faces, rng), name) for name, family in table.items()]
    generated = [_cell(faces[int(i)].image) for i in rng.choice(len(faces), 4 * EXAMPLES)]
    rows.append(named(np.hstack(generated), "generated"))
    cv2.imwrite(str(options.out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
