"""Clips for the benchmarks, drawn by code: a talking, blinking, moving face."""

import math
from fractions import Fraction
from pathlib import Path

import av

from pipeline.synthetic_face import DrawnFace, paint_scene

BLINK_EVERY_S = 3.1
BLINK_S = 0.25


def talking_clip(
    path: Path, seconds: float, *, width: int = 640, height: int = 480, fps: int = 30
) -> Path:
    """Write an H.264 clip of one person, with a keyframe a second and no B-frames."""
    # Headers are repeated in the stream, so that a camera can loop it without touching it.
    params = f"keyint={fps}:scenecut=0:bframes=0:repeat-headers=1"
    options = {"preset": "veryfast", "crf": "23", "x264-params": params}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * fps)):
            time_s = index / fps
            image = paint_scene([_person(time_s, width, height)], width, height)
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _person(time_s: float, width: int, height: int) -> DrawnFace:
    phase = (time_s % BLINK_EVERY_S) / BLINK_S
    return DrawnFace(
        width * (0.5 + 0.08 * math.sin(time_s * 0.9)),
        height * (0.5 + 0.03 * math.sin(time_s * 1.7)),
        height * 0.45,
        0,
        blink=1 - abs(2 * phase - 1) ** 3 if phase <= 1 else 0.0,
        yaw_deg=10 * math.sin(time_s * 0.7),
        mouth=max(0.0, 0.4 * math.sin(time_s * 7)),
    )
