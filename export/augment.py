"""What happens to a picture between the camera and the classifier; a pair shares every draw."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

WAYS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)

MIDDLE_GREY = np.float32(128)


@dataclass(frozen=True, slots=True)
class Look:
    """One draw of all augmentation parameters."""

    margin: float
    offset: tuple[float, float]
    """Shift of the crop's middle, in shares of its side."""
    low_px: int
    """The side the crop passes through on its way; 0 keeps its own."""
    ways: tuple[int, int]
    denoise: float
    """Strength of the camera's own noise filter, grey levels; 0 is none."""
    sharpen: float
    """Strength of the camera's own sharpening."""
    qualities: tuple[int, ...]
    """JPEG qualities, one after the other."""
    flip: bool
    gain: float
    lift: float
    fade: float
    """Contrast that is left around the middle grey: a washed-out camera."""
    gamma: float
    saturation: float
    tint: tuple[float, float, float]
    blur_sigma: float
    noise_sigma: float
    seed: int
    hole: tuple[float, float, float, float] | None
    """Middle and size of a grey box, in shares of the side."""

    @classmethod
    def draw(cls, rng: np.random.Generator, strength: float = 1.0) -> "Look":
        """Random parameters; `strength` scales how often each is used."""

        def happens(share: float) -> bool:
            return bool(rng.random() < share * strength)

        qualities: list[int] = []
        if happens(0.45):
            qualities.append(int(rng.integers(35, 98)))
            if happens(0.25):
                qualities.append(int(rng.integers(50, 98)))
        return cls(
            margin=float(rng.uniform(1.18, 1.45)),
            offset=(float(rng.normal(0, 0.025)), float(rng.normal(0, 0.025))),
            low_px=int(rng.integers(64, 170)) if happens(0.4) else 0,
            ways=(int(rng.choice(3)), int(rng.choice(5, p=(0.35, 0.35, 0.15, 0.1, 0.05)))),
            denoise=float(rng.uniform(8, 50)) if happens(0.25) else 0.0,
            sharpen=float(rng.uniform(0.3, 1.6)) if happens(0.2) else 0.0,
            qualities=tuple(qualities),
            flip=bool(rng.random() < 0.5),
            gain=float(rng.uniform(0.75, 1.3)) if happens(0.4) else 1.0,
            lift=float(rng.uniform(-25, 25)) if happens(0.4) else 0.0,
            fade=float(rng.uniform(0.45, 1.0)) if happens(0.2) else 1.0,
            gamma=float(rng.uniform(0.65, 1.5)) if happens(0.2) else 1.0,
            saturation=float(rng.uniform(0.35, 1.35)) if happens(0.3) else 1.0,
            tint=_tint(rng) if happens(0.3) else (0.0, 0.0, 0.0),
            blur_sigma=float(rng.uniform(0.3, 1.3)) if happens(0.15) else 0.0,
            noise_sigma=float(rng.uniform(1, 9)) if happens(0.2) else 0.0,
            seed=int(rng.integers(2**31)),
            hole=_hole(rng) if happens(0.12) else None,
        )


def _tint(rng: np.random.Generator) -> tuple[float, float, float]:
    blue, green, red = rng.uniform(-12, 12, 3)
    return float(blue), float(green), float(red)


def _hole(rng: np.random.Generator) -> tuple[float, float, float, float]:
    x, y = rng.uniform(0.15, 0.85, 2)
    wide, high = rng.uniform(0.08, 0.3, 2)
    return float(x), float(y), float(wide), float(high)


def seen(image: Image, box: NDArray[np.float32], look: Look, size_px: int) -> Image:
    """The training crop, (size_px, size_px, 3): cut, degraded and resized as `look` says."""
    crop = _cut(image, box, look)
    if look.low_px and look.low_px < crop.shape[0]:
        crop = _resized(crop, look.low_px, WAYS[look.ways[0]])
    crop = _taken(crop, look)
    for quality in look.qualities:
        coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crop = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    crop = _resized(crop, size_px, WAYS[look.ways[1]])
    if look.flip:
        crop = np.ascontiguousarray(crop[:, ::-1])
    return _painted(crop, look)


def _taken(crop: Image, look: Look) -> Image:
    """What a camera does to its own picture: noise goes, skin goes smooth, edges get darker."""
    if look.denoise:
        crop = np.asarray(cv2.bilateralFilter(crop, 5, look.denoise, 2.0), np.uint8)
    if look.sharpen:
        soft = cv2.GaussianBlur(crop, (0, 0), 1.0)
        crop = np.asarray(cv2.addWeighted(crop, 1 + look.sharpen, soft, -look.sharpen, 0), np.uint8)
    return crop


def place_of(
    region: NDArray[np.bool_] | NDArray[np.float32],
    box: NDArray[np.float32],
    look: Look,
    size_px: int,
) -> Image:
    """Where a region of the picture, in [0, 1], lands in the crop, (size_px, size_px) up to 255."""
    painted = np.rint(region.astype(np.float32) * 255).astype(np.uint8)
    place = _resized(_cut(painted, box, look), size_px, cv2.INTER_LINEAR)
    return np.ascontiguousarray(place[:, ::-1]) if look.flip else place


def _resized(image: Image, side: int, way: int) -> Image:
    if image.shape[0] == side:
        return image
    if way == cv2.INTER_AREA and side > image.shape[0]:
        way = cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=way), np.uint8)


def _cut(image: Image, box: NDArray[np.float32], look: Look) -> Image:
    """The square around the shifted middle; what lies outside repeats the edge."""
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    side = max(16, round(longer * look.margin))
    middle = (box[:2] + box[2:]) / 2 + np.array(look.offset) * side
    left, top = (round(float(value)) for value in middle - side / 2)
    rows, columns = image.shape[:2]
    around = (max(0, -top), max(0, top + side - rows), max(0, -left), max(0, left + side - columns))
    if any(around):
        image = np.asarray(cv2.copyMakeBorder(image, *around, cv2.BORDER_REPLICATE), np.uint8)
        top, left = top + around[0], left + around[2]
    return image[top : top + side, left : left + side]


def _painted(image: Image, look: Look) -> Image:
    """Blur, colour, noise and the hole."""
    out: NDArray[np.float32] = image.astype(np.float32)
    if look.blur_sigma:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), look.blur_sigma), np.float32)
    if look.saturation != 1.0:
        grey = out.mean(2, keepdims=True)
        out = grey + (out - grey) * np.float32(look.saturation)
    if look.fade != 1.0:
        out = MIDDLE_GREY + (out - MIDDLE_GREY) * np.float32(look.fade)
    if look.gamma != 1.0:
        bright = np.clip(out, 0, 255) / np.float32(255)
        out = np.float32(255) * np.power(bright, np.float32(look.gamma), dtype=np.float32)
    out = out * np.float32(look.gain) + (np.array(look.tint, np.float32) + np.float32(look.lift))
    if look.noise_sigma:
        noise = np.random.default_rng(look.seed).standard_normal(out.shape, dtype=np.float32)
        out = out + noise * np.float32(look.noise_sigma)
    if look.hole is not None:
        x, y, wide, high = (value * out.shape[0] for value in look.hole)
        cv2.rectangle(
            out, (round(x - wide / 2), round(y - high / 2)),
            (round(x + wide / 2), round(y + high / 2)), (110, 120, 125), -1,
        )  # fmt: skip
    return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8)
