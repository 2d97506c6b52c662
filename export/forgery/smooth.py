"""Families E and G: too smooth, over-sharpened, colour statistics only, up-convolution traces."""

import cv2
import numpy as np

from export.forgery.colour import resampled, shifted, smoothed
from export.forgery.face import FaceCrop, Forgery
from export.forgery.masks import eroded, face_hull, feathered


def forge(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """The face itself, smoother or crisper than the rest of the picture."""
    del donor
    base = target.image.astype(np.float32)
    kind = rng.integers(3)
    if kind == 0:
        patch = np.asarray(cv2.blur(smoothed(base, rng), (3, 3)), np.float32)
    elif kind == 1:
        low = resampled(base, rng.uniform(0.3, 0.6), rng)
        patch = np.clip(1.05 * low - 0.05 * base, 0, 255).astype(np.float32)
    else:
        patch = shifted(base, rng, 0.6)
    return Forgery(target.image, patch, _mask(target, rng))


def forge_upsampled(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """Nearest-neighbour doubling and a faint grid, as up-convolutions leave behind."""
    del donor
    base = target.image.astype(np.float32)
    size = (base.shape[1], base.shape[0])
    half = cv2.resize(
        base, (max(8, size[0] // 2), max(8, size[1] // 2)), interpolation=cv2.INTER_AREA
    )
    double = cv2.resize(half, size, interpolation=cv2.INTER_NEAREST)
    patch = cv2.GaussianBlur(double, (0, 0), rng.uniform(0.5, 1.0))
    period = int(rng.choice((2, 4, 8)))
    rows, columns = np.indices(base.shape[:2])
    grid = np.cos(2 * np.pi * rows / period) + np.cos(2 * np.pi * columns / period)
    patch = patch + (grid * rng.uniform(0.5, 2.0))[:, :, None]
    return Forgery(target.image, np.clip(patch, 0, 255).astype(np.float32), _mask(target, rng))


def _mask(target: FaceCrop, rng: np.random.Generator) -> np.ndarray:
    mask = eroded(face_hull(target, rng), target.side_px * rng.uniform(-0.01, 0.06))
    return feathered(mask, target.side_px * rng.uniform(0.008, 0.06))
