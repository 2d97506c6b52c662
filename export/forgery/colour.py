"""Colour: matching a patch to its surroundings, and changing the look of a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from export.forgery.face import Mask
from pipeline.types import Image

Pixels = NDArray[np.float32]


def matched(patch: Pixels, target: Image, mask: Mask, strength: float) -> Pixels:
    """Mean and spread of every Lab channel pulled to the target's under the mask.

    Reinhard et al. 2001, Color Transfer between Images; `strength` 0 leaves the patch alone.
    """
    inside = mask > 0.5
    if int(inside.sum()) < 64 or strength <= 0:
        return patch
    ours = cv2.cvtColor(np.clip(patch, 0, 255) / np.float32(255), cv2.COLOR_BGR2Lab)
    theirs = cv2.cvtColor(target.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2Lab)
    from_mean, from_spread = ours[inside].mean(0), ours[inside].std(0) + 1e-3
    to_mean, to_spread = theirs[inside].mean(0), theirs[inside].std(0) + 1e-3
    gain = np.clip(to_spread / from_spread, 0.5, 2.0)
    moved = (ours - from_mean) * (1 + strength * (gain - 1)) + from_mean
    moved += strength * (to_mean - from_mean)
    out = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_Lab2BGR)
    return np.asarray(np.clip(out * 255, 0, 255), np.float32)


def shifted(image: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """A random gain, offset, gamma and saturation, per channel."""
    out = image.astype(np.float32)
    if rng.random() < 0.5:
        out = out + rng.uniform(-20, 20, 3).astype(np.float32) * strength
    if rng.random() < 0.5:
        grey = out.mean(2, keepdims=True)
        out = grey + (out - grey) * np.float32(1 + rng.uniform(-0.35, 0.35) * strength)
    if rng.random() < 0.6:
        gain = 1 + rng.uniform(-0.15, 0.15) * strength
        out = (out - 127) * np.float32(gain) + np.float32(127 + rng.uniform(-18, 18) * strength)
    return np.clip(out, 0, 255).astype(np.float32)


def texture(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Sharper, softer or resampled: another camera, another codec."""
    kind = rng.integers(4)
    if kind == 0:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 1.6))
        return np.clip(image + (image - soft) * rng.uniform(0.3, 1.2), 0, 255).astype(np.float32)
    if kind == 1:
        return resampled(image, rng.uniform(0.25, 0.7), rng)
    if kind == 2:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), np.float32)
    quality = int(rng.integers(25, 90))
    coded = cv2.imencode(".jpg", image.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.float32)


def resampled(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Down and up again, so that detail is lost."""
    size = (image.shape[1], image.shape[0])
    small = (max(8, round(size[0] * factor)), max(8, round(size[1] * factor)))
    down = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[int(rng.integers(3))]
    shrunk = cv2.resize(image, small, interpolation=down)
    return np.clip(cv2.resize(shrunk, size, interpolation=up), 0, 255).astype(np.float32)


def smoothed(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Edge-preserving smoothing, as generators and beauty filters leave skin."""
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    size = int(rng.choice((5, 7, 9)))
    out = cv2.bilateralFilter(pixels, size, rng.uniform(20, 70), rng.uniform(20, 70))
    return np.asarray(out, np.float32)
