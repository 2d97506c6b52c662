"""Disturbances of a picture: seven kinds in five levels, face size, and corrupted video.

The seven kinds and their levels are those of DeeperForensics-1.0 (Jiang et al. 2020), written anew.
They act on the stored crop at its own scale, before the service's cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from export.codec import CodecSettings, encoded
from export.crops import MAX_SIDE_PX, STORE_MARGIN
from pipeline.types import Image

Apply = Callable[[Image, float, np.random.Generator], Image]
BLOCK_PX = 8
GRAIN_PX = MAX_SIDE_PX
SLICES = 12


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One kind, from its mildest level to its hardest."""

    title: str
    unit: str
    levels: tuple[float, ...]
    apply: Apply


def saturation(image: Image, level: float, _: np.random.Generator) -> Image:
    """Keep this share of the colour."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(image, level, grey, 1 - level, 0), np.uint8)


def contrast(image: Image, level: float, _: np.random.Generator) -> Image:
    """Keep this share of each pixel's distance from the mean."""
    mean = np.array(cv2.mean(image)[:3])
    ramp = np.arange(256)[:, None] * level + mean * (1 - level)
    return np.asarray(cv2.LUT(image, np.rint(ramp).astype(np.uint8)[None]), np.uint8)


def blocks(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Grey squares of 8 px, this many."""
    out = image.copy()
    room = max(1, min(image.shape[:2]) - BLOCK_PX)
    for top, left in rng.integers(0, room, (int(level), 2)):
        out[top : top + BLOCK_PX, left : left + BLOCK_PX] = 128
    return out


def noise(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Gaussian noise of this variance, for pixels from 0 to 1."""
    side = image.shape[0]
    top, left = rng.integers(0, GRAIN_PX, 2)
    grain = np.roll(_grain(), (-top, -left), (0, 1))[:side, :side]
    return np.asarray(cv2.add(image, grain * (255 * level**0.5), dtype=cv2.CV_8U), np.uint8)


@cache
def _grain() -> NDArray[np.float32]:
    """Drawn once: to draw it anew for every picture would cost more than to judge the picture."""
    shape = (GRAIN_PX, GRAIN_PX, 3)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def blur(image: Image, level: float, _: np.random.Generator) -> Image:
    """A Gaussian kernel this wide."""
    return np.asarray(cv2.GaussianBlur(image, (int(level), int(level)), 0), np.uint8)


def pixelate(image: Image, level: float, _: np.random.Generator) -> Image:
    """Squares of one colour, this wide."""
    side = image.shape[0]
    small = cv2.resize(image, (max(1, round(side / level)),) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def compressed(image: Image, level: float, _: np.random.Generator) -> Image:
    """H.264 at this constant rate factor; a predicted frame is taken."""
    return encoded(image, CodecSettings(int(level), "veryfast", shift_px=1, frames=2))


def face_size(image: Image, level: float, _: np.random.Generator) -> Image:
    """Shrink until the face is this many px; smaller ones stay."""
    side = min(image.shape[0], round(level * STORE_MARGIN))
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def corrupted(image: Image, level: float, rng: np.random.Generator) -> Image:
    """H.264 in slices of which this share is lost; the decoder conceals what it can."""
    side = image.shape[0] // 2 * 2
    picture = np.ascontiguousarray(image[:side, :side])
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width = encoder.height = side
    encoder.pix_fmt, encoder.time_base, encoder.thread_count = "yuv420p", Fraction(1, 25), 1
    encoder.options = {
        "crf": "26", "preset": "veryfast", "tune": "zerolatency", "slices": str(SLICES),
    }  # fmt: skip
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    out = picture
    for number, shift in enumerate((10, 5, 0)):
        frame = av.VideoFrame.from_ndarray(np.roll(picture, shift, axis=1), format="bgr24")
        frame.pts = number
        for packet in encoder.encode(frame):
            kept = _without_slices(bytes(packet), level if number else 0.0, rng)
            out = _last(decoder, kept, out)
    return np.asarray(cv2.resize(_last(decoder, None, out), image.shape[1::-1]), np.uint8)


def _without_slices(packet: bytes, share: float, rng: np.random.Generator) -> bytes:
    """An access unit without some of its slices (NAL units 1 and 5); parameter sets stay."""
    units = packet.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    kept = [unit for unit in units if unit[0] & 31 not in (1, 5) or rng.random() >= share]
    return b"".join(b"\0\0\0\1" + unit for unit in kept)


def _last(decoder: VideoCodecContext, data: bytes | None, out: Image) -> Image:
    try:
        packet = av.Packet(data) if data else None
        for decoded in decoder.decode(packet):
            out = np.asarray(decoded.to_ndarray(format="bgr24"), np.uint8)
    except av.FFmpegError:
        return out  # nothing could be shown: the last picture stays, as on a screen
    return out


SEVEN = {
    "saturation": Disturbance("Less colour", "share kept", (0.4, 0.3, 0.2, 0.1, 0.0), saturation),
    "contrast": Disturbance(
        "Less contrast", "share kept", (0.85, 0.725, 0.6, 0.475, 0.35), contrast
    ),
    "blocks": Disturbance("Grey blocks", "blocks of 8 px", (16, 32, 48, 64, 80), blocks),
    "noise": Disturbance("Noise", "variance", (0.001, 0.002, 0.005, 0.01, 0.05), noise),
    "blur": Disturbance("Blur", "kernel, px", (7, 9, 13, 17, 21), blur),
    "pixelate": Disturbance("Coarse pixels", "px a square", (2, 3, 4, 5, 6), pixelate),
    "h264": Disturbance("H.264", "rate factor (CRF)", (30, 32, 35, 38, 40), compressed),
}
FURTHER = {
    "face_size": Disturbance("Small face", "px", (160, 112, 80, 64, 48), face_size),
    "corrupted": Disturbance(
        "Lost packets, corrupted", "share of slices lost", (0.02, 0.05, 0.1, 0.2, 0.4), corrupted
    ),
}
