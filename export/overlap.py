"""Which training crops show a person of the development videos: they must not be trained on.

FaceForensics++ crops came without video ids, so identity is compared by face recognition (SFace,
Apache-2.0), each crop against every development group. `python -m export.overlap --sface FILE`.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.crops import CropStore
from export.forgery.warp import five_points
from export.pairs import face_of

ALIGNED_112 = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float32
)
SAME_PERSON = 0.44
"""Between the bulk of strangers (below .42) and the same person (.5 and up), measured here."""
FRAMES_A_VIDEO = 6


class Identity:
    """Unit-length face descriptors."""

    def __init__(self, model: Path) -> None:
        self._net = cv2.FaceRecognizerSF.create(str(model), "")

    def __call__(self, store: CropStore, index: int) -> NDArray[np.float32]:
        """(128,) descriptor of one stored face; zeros where its points are unknown."""
        if not np.isfinite(store.landmarks[index]).all():
            return np.zeros(128, np.float32)
        face = face_of(store, index)
        matrix, _ = cv2.estimateAffinePartial2D(five_points(face), ALIGNED_112, method=cv2.LMEDS)
        aligned = cv2.warpAffine(face.image, matrix, (112, 112), borderMode=cv2.BORDER_REPLICATE)
        found = np.asarray(self._net.feature(aligned), np.float32).ravel()
        return found / (float(np.linalg.norm(found)) + 1e-9)


def main() -> None:
    """Write the indices of the training store that share a person with the development videos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    parser.add_argument("--sface", type=Path, required=True)
    parser.add_argument("--source", default="ffpp_crops_299")
    parser.add_argument("--against", default="ffpp_c23")
    parser.add_argument("--out", type=Path, default=Path("data/overlap.json"))
    options = parser.parse_args()
    train, dev = CropStore(options.crops / "train"), CropStore(options.crops / "dev")
    identity = Identity(options.sface)
    known = _references(dev, options.against, identity)
    chosen = [i for i, name in enumerate(train.column("source")) if name == options.source]
    best = np.array([float((known @ identity(train, i)).max()) for i in tqdm(chosen, unit="face")])
    shared = [index for index, value in zip(chosen, best, strict=True) if value > SAME_PERSON]
    options.out.write_text(json.dumps(shared))
    np.save(options.out.with_suffix(".npy"), best)
    tqdm.write(f"{len(shared)} of {len(chosen)} crops show a person of {options.against}.")


def _references(store: CropStore, source: str, identity: Identity) -> NDArray[np.float32]:
    videos: dict[str, list[int]] = {}
    for index, facts in enumerate(store.facts):
        if facts["source"] == source:
            videos.setdefault(facts["path"], []).append(index)
    picked = [
        index
        for frames in videos.values()
        for index in frames[:: max(1, len(frames) // FRAMES_A_VIDEO)]
    ]
    return np.stack([identity(store, index) for index in picked])


if __name__ == "__main__":
    main()
