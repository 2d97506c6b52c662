"""A camera's grain: what a genuine webcam picture has and a generated patch lacks.

Clean portraits teach that smooth skin is genuine. With a sensor's noise over the whole target
before it is forged, the patch of a generator stands out by what it does not carry, as in a call.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image


def grained(image: Image, rng: np.random.Generator) -> Image:
    """(height, width, 3) with luma and colour noise, as a small sensor and its processor leave it.

    The noise is soft (demosaicing, denoising), stronger in the dark (shot noise after gamma), and
    colour noise is coarser than luma noise; half of the pictures are sharpened afterwards.
    """
    pixels = image.astype(np.float32)
    shape = image.shape[:2]
    luma = _soft(rng.normal(0, rng.uniform(1.5, 8.0), shape), rng.uniform(0.0, 0.9))
    coarse = (max(2, shape[0] // 2), max(2, shape[1] // 2))
    small = rng.normal(0, rng.uniform(0.0, 6.0), (*coarse, 3)).astype(np.float32)
    colour = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    dark = 1.4 - 0.8 * pixels.mean(2, keepdims=True) / 255
    pixels += (luma[:, :, None] + colour) * dark
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.8, 1.6))
        pixels += (pixels - soft) * np.float32(rng.uniform(0.2, 0.9))
    return np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)


def _soft(noise: NDArray[np.float64], blur_px: float) -> NDArray[np.float32]:
    """Blurred noise of the same spread."""
    if blur_px < 0.3:
        return noise.astype(np.float32)
    soft = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), blur_px)
    return np.asarray(soft * (noise.std() / (soft.std() + 1e-6)), np.float32)
