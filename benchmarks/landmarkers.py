"""Measures which landmarker follows the eyelids best per millisecond, on drawn and real faces.

`python -m benchmarks.landmarkers [VIDEO_FOLDER] [--dlib68 PREDICTOR]`

Drawn faces have a known opening of the eyes, which no net was asked for. In real videos (which stay
where they are) a landmarker is judged at the blinks that the *others* see: by how far its own ratio
dips there, against its own noise between them.
"""

import argparse
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.record import record
from pipeline.eyes import measure_eyes
from pipeline.interfaces import Detector, Landmarker
from pipeline.landmarkers import dlib68
from pipeline.landmarkers.regions import face_box, keypoints_of
from pipeline.load import DEFAULT_DETECTOR, adapter, models_directory
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from pipeline.synthetic_face import DrawnFace, paint_scene
from pipeline.types import Face, Image

DETECT_EVERY_S = 0.5
BLINK_SHARE = 0.25
"""A dip by this share of the open level is taken for a blink, if the others' noise is far less."""
RIVALS = {
    "mesh478": ("dlib68", "mesh468"),
    "blendshape": ("dlib68", "mesh468"),
    "mesh468": ("mesh478",),
    "dlib68": ("mesh478",),
}
"""Whose dips judge whom: never those of the same net."""
Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trace:
    """One face's eyes over time by every landmarker; NaN where it saw no face."""

    name: str
    fps: float
    ears: dict[str, Series]
    blendshape: Series


def load_landmarkers(predictor: Path | None) -> dict[str, Landmarker]:
    """Load the landmarkers that this machine has."""
    landmarkers: dict[str, Landmarker] = {}
    for name in ("mesh478", "mesh468"):
        card = read_card(models_directory() / f"{name}.toml")
        landmarkers[name] = adapter(card)(card, Device.CPU)
    if predictor is not None:
        card = read_card(models_directory() / "dlib68.toml")
        landmarkers["dlib68"] = dlib68.build(card, Device.CPU, predictor)
    return landmarkers


def load_detector() -> Detector:
    """Load the default detector."""
    card = read_card(models_directory() / f"{DEFAULT_DETECTOR}.toml")
    detector: Detector = adapter(card)(card, Device.CPU)
    return detector


def trace_of(
    name: str,
    frames: Iterator[Image],
    fps: float,
    detector: Detector,
    landmarkers: dict[str, Landmarker],
) -> Trace:
    """Follow the largest face; each landmarker follows by its own points between detections."""
    ears: dict[str, list[float]] = {key: [] for key in landmarkers}
    blendshape: list[float] = []
    faces: dict[str, Face] = {}
    for index, image in enumerate(frames):
        if index % max(1, round(fps * DETECT_EVERY_S)) == 0:
            found = sorted(detector(image), key=lambda face: -(face.box.right - face.box.left))
            faces = dict.fromkeys(landmarkers, found[0]) if found else {}
        blendshape.append(np.nan)
        for key, landmarker in landmarkers.items():
            landmarks = landmarker(image, faces[key]) if key in faces else None
            sample = measure_eyes(landmarks, None) if landmarks else None
            ears[key].append(np.nan if sample is None or sample.ear is None else sample.ear)
            if landmarks and sample and sample.eye_blink is not None:
                blendshape[-1] = sample.eye_blink
            if landmarks:
                box = face_box(landmarks, faces[key].box)
                faces[key] = replace(faces[key], box=box, keypoints=keypoints_of(landmarks))
    return Trace(name, fps, {k: np.array(v) for k, v in ears.items()}, np.array(blendshape))


def video_frames(path: Path, seconds: float) -> tuple[Iterator[Image], float]:
    """Frames of the first seconds of a video, and its frame rate."""
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or 25)

    def frames() -> Iterator[Image]:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= seconds * fps:
                    return
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)

    return frames(), fps


def drawn_scores(
    detector: Detector, landmarkers: dict[str, Landmarker]
) -> dict[str, dict[str, float]]:
    """Correlation of each landmarker's ratio with the drawn opening of the eyes, by face height."""
    scores: dict[str, dict[str, float]] = {key: {} for key in landmarkers}
    for height_px in (80, 160, 320):
        people = [
            DrawnFace(
                320 + step % 7, 240 - step % 5, height_px, seed, blink=(step % 17) / 16, yaw_deg=yaw
            )
            for seed in range(6)
            for yaw in (-15, 0, 15)
            for step in range(17)
        ]
        rng = np.random.default_rng(0)
        seen: dict[str, list[float]] = {key: [] for key in landmarkers}
        for person in people:
            image = paint_scene([person], 640, 480)
            noisy = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
            found = detector(noisy)
            for key, landmarker in landmarkers.items():
                landmarks = landmarker(noisy, found[0]) if found else None
                sample = measure_eyes(landmarks, None) if landmarks else None
                seen[key].append(sample.ear if sample and sample.ear is not None else np.nan)
        opening = np.array([1 - person.blink for person in people])
        for key, values in seen.items():
            scores[key][f"height_{height_px}_px"] = round(
                _correlation(np.array(values), opening), 3
            )
    return scores


def real_scores(traces: Sequence[Trace]) -> dict[str, dict[str, float]]:
    """Judge every measure at the blinks that its rivals see."""
    scores = {}
    for name, rivals in RIVALS.items():
        if name != "blendshape" and name not in traces[0].ears:
            continue
        dips: list[float] = []
        noises: list[float] = []
        for trace in traces:
            values = 1 - trace.blendshape if name == "blendshape" else trace.ears[name]
            seen = [trace.ears[rival] for rival in rivals if rival in trace.ears]
            spans = blinks_of(seen, trace.fps)
            away = _away_from(spans, len(values), trace.fps)
            if not np.isfinite(values[away]).any():
                continue
            relative = values / float(np.nanmedian(values[away]))
            steps = np.diff(relative)[away[1:] & away[:-1]]
            noises.append(float(1.4826 * np.nanmedian(np.abs(steps)) / np.sqrt(2)))
            dips += [1 - _least(relative[first:last]) for first, last in spans]
        scores[name] = _judge(dips, noises)
    return scores


def _least(values: Series) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.nan


def _judge(dips: list[float], noises: list[float]) -> dict[str, float]:
    dip, noise = float(np.nanmedian(dips)), float(np.nanmedian(noises))
    shallow = float(np.nanmean(np.array(dips) < 4 * noise))
    return {
        "blinks_of_others": len(dips),
        "median_dip": round(dip, 3),
        "noise": round(noise, 4),
        "dip_per_noise": round(dip / noise, 1),
        "share_of_blinks_below_4_noise": round(shallow, 3),
    }


def blinks_of(measures: Sequence[Series], fps: float) -> list[tuple[int, int]]:
    """Spans [first, last) around dips of 0.07 to 0.6 s in any of the measures."""
    length = len(measures[0])
    inside = np.any([_is_dip(values, fps) for values in measures], axis=0)
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False].astype(int)))
    reach = max(1, round(0.07 * fps))
    return [
        (max(0, int(first) - reach), min(length, int(last) + reach))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if 0.07 <= (last - first) / fps <= 0.6
    ]


def _is_dip(values: Series, fps: float) -> NDArray[np.bool_]:
    """Below the running open level of about 3 s by the agreed share."""
    half = max(2, round(1.5 * fps))
    padded = np.pad(values, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    with np.errstate(all="ignore"):
        level = np.array(
            [np.nanpercentile(w, 75) if np.isfinite(w).any() else np.nan for w in windows]
        )
    return np.asarray(values < (1 - BLINK_SHARE) * level)


def _away_from(events: Sequence[tuple[int, int]], length: int, fps: float) -> NDArray[np.bool_]:
    away = np.ones(length, bool)
    reach = round(0.3 * fps)
    for first, last in events:
        away[max(0, first - reach) : last + reach] = False
    return away


def _correlation(a: Series, b: Series) -> float:
    known = np.isfinite(a)
    return float(np.corrcoef(a[known], b[known])[0, 1])


def cost_ms(call: Callable[[], Any], repeats: int = 60) -> float:
    """Median milliseconds of this thread's processor time for one call."""
    for _ in range(5):
        call()
    spent = []
    for _ in range(repeats):
        started = time.thread_time()
        call()
        spent.append(time.thread_time() - started)
    return round(1000 * float(np.median(spent)), 2)


def detector_costs() -> dict[str, float]:
    """Cost of every detector on two sizes of frame."""
    costs = {}
    for name in ("yunet", "dlib-hog"):
        card = read_card(models_directory() / f"{name}.toml")
        detector = adapter(card)(card, Device.CPU)
        for width, height in ((640, 480), (1280, 720)):
            image = paint_scene([DrawnFace(width / 2, height / 2, height / 2)], width, height)
            call = functools.partial(detector, image)
            costs[f"{name}_{width}x{height}"] = cost_ms(call, 20)
    return costs


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="?", help="folder of genuine videos of faces")
    parser.add_argument("--dlib68", type=Path, help="the user's own predictor file")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each video")
    args = parser.parse_args()
    detector, landmarkers = load_detector(), load_landmarkers(args.dlib68)
    person = DrawnFace(320, 240, 240)
    image = paint_scene([person], 640, 480)
    face = detector(image)[0]
    figures: dict[str, Any] = {
        "cost_ms": {
            name: cost_ms(functools.partial(model, image, face))
            for name, model in landmarkers.items()
        }
        | detector_costs(),
        "drawn_correlation": drawn_scores(detector, landmarkers),
    }
    if args.videos:
        traces = []
        for path in sorted(
            p for p in args.videos.iterdir() if p.suffix in (".mp4", ".mkv", ".mpg")
        ):
            frames, fps = video_frames(path, args.seconds)
            traces.append(trace_of(path.stem, frames, fps, detector, landmarkers))
        figures["real_videos"] = len(traces)
        figures["real"] = real_scores(traces)
        figures["dip_per_noise_per_ms"] = {
            name: round(figures["real"][name]["dip_per_noise"] / figures["cost_ms"][name], 1)
            for name in landmarkers
        }
    path = record("landmarkers", "python -m benchmarks.landmarkers VIDEOS --dlib68 FILE", figures)
    print(path.read_text(encoding="utf-8"))  # noqa: T201


if __name__ == "__main__":
    main()
