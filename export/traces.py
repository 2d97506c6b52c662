"""Landmarks of whole clips over time, kept for measuring cues: `python -m export.traces`.

One file a clip of the manifest's development set: what the service's detector and landmarker see
of the largest face at up to 30 frames a second. The pictures themselves are not kept.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.geometry import height, width
from pipeline.landmarkers.regions import face_box, keypoints_of
from pipeline.load import Models, load_models
from pipeline.media_file import open_media
from pipeline.types import Face, Image, Landmarks

FPS = 30.0
LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Trace:
    """One clip's largest face over time."""

    times_s: NDArray[np.float64]
    """(T,): all analysed frames."""
    points: NDArray[np.float32]
    """(T, N, 2) px; NaN where no face was followed."""
    eye_blink: NDArray[np.float32]
    """(T, 2) of the right and left eye in [0, 1]; NaN where unknown."""

    def landmarks(self, index: int) -> Landmarks | None:
        """The landmarks of one frame, as the landmarker gave them."""
        points = self.points[index]
        if np.isnan(points[0, 0]):
            return None
        right, left = self.eye_blink[index].tolist()
        shut = None if np.isnan(right) else (right, left)
        return Landmarks(points, "mesh478", 1.0, shut)


def load_trace(path: Path) -> Trace:
    """Read what `main` wrote."""
    with np.load(path) as arrays:
        return Trace(arrays["times_s"], arrays["points"], arrays["eye_blink"])


def trace_name(path: str) -> str:
    """The file of a clip's trace, from its path in the manifest."""
    return path.replace("/", "__") + ".npz"


def trace(path: Path, models: Models) -> Trace:
    """Follow the largest face of a clip."""
    times: list[float] = []
    rows: list[NDArray[np.float32]] = []
    shut: list[tuple[float, float]] = []
    face: Face | None = None
    look_at_s = 0.0
    nothing = np.full((478, 2), np.nan, np.float32)
    with open_media(path, analyse_fps=FPS) as media:
        for frame in media.frames():
            if face is None and frame.time_s >= look_at_s:
                face = _largest(frame.image, models)
                look_at_s = frame.time_s + LOOK_AGAIN_S
            seen = models.landmarker(frame.image, face) if face else None
            times.append(frame.time_s)
            rows.append(nothing if seen is None else seen.points)
            lids = seen.eye_blink if seen is not None else None
            shut.append(lids or (np.nan, np.nan))
            face = _followed(seen, face)
    return Trace(np.array(times), np.array(rows), np.array(shut, np.float32))


def _largest(image: Image, models: Models) -> Face | None:
    faces = models.detector(image)
    return max(faces, key=lambda f: width(f.box) * height(f.box), default=None)


def _followed(seen: Landmarks | None, face: Face | None) -> Face | None:
    if seen is None or face is None:
        return None
    return Face(face_box(seen, face.box), face.score_prob, keypoints_of(seen))


def main() -> None:
    """Trace every development clip that has no trace yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, default=Path("data/traces"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    models = load_models()
    with (options.data / "manifest.csv").open(newline="") as file:
        clips = [row["path"] for row in csv.DictReader(file) if row["kind"] == "video"]
    for clip in tqdm(clips, unit="clip"):
        target = options.out / trace_name(clip)
        if not target.exists():
            found = trace(options.data / clip, models)
            np.savez(target, times_s=found.times_s, points=found.points, eye_blink=found.eye_blink)


if __name__ == "__main__":
    main()
