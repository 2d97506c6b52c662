"""Real video compression of single pictures: H.264 through libx264, a predicted frame taken."""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from pipeline.types import Image


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """One draw of the encoder's settings; a pair shares it."""

    crf: int
    preset: str
    shift_px: int
    """How far the picture moves between the key frame and the frame taken."""
    frames: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "CodecSettings":
        """From hardly visible (18) to a bad line (36)."""
        return cls(
            crf=int(np.clip(rng.normal(26, 5), 18, 37)),
            preset=str(rng.choice(("veryfast", "superfast", "faster"), p=(0.5, 0.3, 0.2))),
            shift_px=int(rng.integers(0, 3)),
            frames=int(rng.integers(1, 4)),
        )


def encoded(image: Image, settings: CodecSettings) -> Image:
    """`image` as it comes out of the decoder; sides are made even by dropping a row or column."""
    rows, columns = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    picture = image[:rows, :columns]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = columns, rows
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {
        "crf": str(settings.crf), "preset": settings.preset, "tune": "zerolatency",
    }  # fmt: skip
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    out = picture
    packets = []
    for index in range(settings.frames):
        offset = settings.shift_px * (settings.frames - 1 - index)
        moved = np.roll(picture, offset, axis=1) if offset else picture
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), format="bgr24")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    for packet in [*packets, None]:
        for decoded in decoder.decode(packet):
            out = np.asarray(decoded.to_ndarray(format="bgr24"), np.uint8)
    if out.shape != image.shape:
        right, below = image.shape[1] - columns, image.shape[0] - rows
        grown = cv2.copyMakeBorder(out, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(grown, np.uint8)
    return out
