"""Pictures and clips of nobody, made by code: the only faces the tests may use."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from pipeline.synthetic_face import DrawnFace, paint_scene
from pipeline.types import Image

__all__ = [
    "DrawnFace",
    "blinking_person",
    "crowd",
    "draw_face",
    "moving_person",
    "obedient_person",
    "plain_wall",
    "scene",
    "write_clip",
]

BLINK_S = 0.2
"""How long the drawn people's blinks last, from open to open."""


def draw_face(
    size: int, *, blink: float = 0.0, yaw: float = 0.0, mouth: float = 0.0, seed: int = 0
) -> Image:
    """One drawn face in the middle of a (size, size, 3) BGR picture, 60 % of its height."""
    face = DrawnFace(size / 2, size / 2, size * 0.6, seed, blink, yaw, mouth)
    return paint_scene([face], size, size)


def scene(
    faces: Sequence[DrawnFace], width: int = 640, height: int = 480, *, background: int = 0
) -> Image:
    """A room with these faces, painted in order: (height, width, 3) BGR."""
    return paint_scene(faces, width, height, background_seed=background)


def plain_wall(width: int = 640, height: int = 480, *, background: int = 0) -> Image:
    """The room without anybody."""
    return scene([], width, height, background=background)


def crowd(count: int, width: int = 640, height: int = 480) -> list[DrawnFace]:
    """Faces of different people in a grid that fills the picture; up to 50 at 1280x720."""
    columns = max(1, round(np.sqrt(count * width / height * 0.9)))
    rows = -(-count // columns)
    face_px = min(height / rows / 1.35, width / columns / 1.25)
    return [
        DrawnFace(
            (index % columns + 0.5) * width / columns,
            (index // columns + 0.5) * height / rows,
            face_px,
            seed=index,
        )
        for index in range(count)
    ]


def blink_at(time_s: float, blinks_s: Iterable[float]) -> float:
    """How far closed the eyes are at `time_s` when blinks start at `blinks_s`."""
    phases = ((time_s - start) / BLINK_S for start in blinks_s)
    return max((1 - abs(2 * phase - 1) ** 3 for phase in phases if 0 <= phase <= 1), default=0.0)


def blinking_person(
    duration_s: float,
    fps: float = 30.0,
    *,
    blinks_s: Sequence[float] = (),
    width: int = 640,
    height: int = 480,
    seed: int = 0,
    face_px: float | None = None,
) -> Iterator[Image]:
    """A person in the middle who sways a little, talks, and blinks at the given seconds."""
    for index in range(round(duration_s * fps)):
        time_s = index / fps
        face = DrawnFace(
            width / 2 + width * 0.02 * np.sin(time_s * 1.3),
            height / 2 + height * 0.01 * np.sin(time_s * 2.1),
            face_px or height * 0.5,
            seed,
            blink=blink_at(time_s, blinks_s),
            mouth=max(0.0, 0.4 * float(np.sin(time_s * 7))),
        )
        yield scene([face], width, height)


def moving_person(
    duration_s: float,
    fps: float = 30.0,
    *,
    blinks_s: Sequence[float] = (),
    width: int = 640,
    height: int = 480,
    seed: int = 0,
    face_px: float | None = None,
) -> Iterator[Image]:
    """A person who crosses the picture from left to right while turning the head a little."""
    face_px = face_px or height * 0.4
    count = round(duration_s * fps)
    for index in range(count):
        time_s, share = index / fps, index / max(1, count - 1)
        face = DrawnFace(
            face_px + (width - 2 * face_px) * share,
            height / 2,
            face_px,
            seed,
            blink=blink_at(time_s, blinks_s),
            yaw_deg=12 * float(np.sin(time_s * 1.7)),
        )
        yield scene([face], width, height)


def write_clip(
    path: Path,
    frames: Iterable[Image],
    fps: float = 30.0,
    *,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    times_s: Iterable[float] | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Encode BGR frames into `path`; its suffix chooses the container.

    `options` are the encoder's (default: fast x264 with a keyframe every second and no B-frames);
    `times_s` gives a time for every frame, for clips of variable frame rate.
    """
    if options is None and codec == "libx264":
        options = {"preset": "ultrafast", "crf": "18", "g": str(round(fps)), "bf": "0"}
    rate = Fraction(fps).limit_denominator(1001)
    clock = iter(times_s) if times_s is not None else None
    images = iter(frames)
    first = next(images)
    with av.open(str(path), "w") as container:
        stream = cast(
            "VideoStream", container.add_stream(codec, rate=rate, options=dict(options or {}))
        )
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = pixel_format
        if clock is not None:
            stream.codec_context.time_base = Fraction(1, 90_000)
        for index, image in enumerate(chain([first], images)):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            if clock is None:
                frame.pts, frame.time_base = index, 1 / rate
            else:
                frame.pts, frame.time_base = round(next(clock) * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


OBEDIENT_LOOP_S = 10.5
BLINKS_S = (6.0, 6.7, 7.4)


def obedient_person(fps: float = 30.0, *, width: int = 640, height: int = 480) -> Iterator[Image]:
    """A person who turns left and right, blinks thrice and puts a hand before the face.

    The hand comes last: a face that is found again behind it has to be watched for two seconds
    before its blinks are seen. Loops after `OBEDIENT_LOOP_S`; four seconds of it look ahead.
    Left is the person's own.
    """
    for index in range(round(OBEDIENT_LOOP_S * fps)):
        time_s = index / fps
        yaw_deg = 34 * (_bump(time_s, 0.0, 2.4) - _bump(time_s, 2.4, 4.8))
        face = DrawnFace(
            width / 2, height / 2, height * 0.5, blink=blink_at(time_s, BLINKS_S), yaw_deg=yaw_deg
        )
        picture = scene([face], width, height)
        if 9.2 <= time_s < 10.4:
            _paint_hand(picture, face)
        yield picture


def _bump(time_s: float, start_s: float, end_s: float) -> float:
    """Rise to 1 within a quarter of a second, and fall in the same way."""
    return float(np.clip(min(time_s - start_s, end_s - time_s) / 0.25, 0, 1))


def _paint_hand(picture: Image, face: DrawnFace) -> None:
    """Cover the middle of the face, in place, by an open hand of its colour."""
    unit, x, y = face.height_px / 100, face.x_px, face.y_px
    for finger in range(-2, 3):
        at = (round(x + 13 * finger * unit), round(y - 15 * unit))
        axes = (round(6 * unit), round(33 * unit))
        cv2.ellipse(picture, at, axes, 0, 0, 360, (140, 165, 205), -1)
        cv2.ellipse(picture, at, axes, 0, 0, 360, (90, 110, 150), 2)
    palm = (round(33 * unit), round(26 * unit))
    cv2.ellipse(picture, (round(x), round(y + 25 * unit)), palm, 0, 0, 360, (140, 165, 205), -1)
