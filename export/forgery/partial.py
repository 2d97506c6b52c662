"""Family D: only mouth, eyes, nose or brows are replaced (lip-sync, re-enactment)."""

import cv2
import numpy as np

from export.forgery.colour import matched, resampled, smoothed, texture
from export.forgery.face import FaceCrop, Forgery
from export.forgery.masks import feathered, feature
from export.forgery.warp import jitter, moved, onto


def forge(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """Own pixels (moved, softened) or the donor's, under a small mask or the lower half."""
    base = target.image.astype(np.float32)
    own = rng.random() < 0.6
    patch = moved(base, jitter(target, rng, 1.2)) if own else onto(donor, target)
    patch = resampled(patch, rng.uniform(0.3, 0.7), rng) if rng.random() < 0.5 else patch
    patch = smoothed(patch, rng) if rng.random() < 0.3 else texture(patch, rng)
    mask = _lower_half(target) if rng.random() < 0.2 else feature(target, rng)
    mask = feathered(mask, target.side_px * rng.uniform(0.008, 0.035))
    patch = matched(patch, target.image, mask, rng.uniform(0.4, 1.0))
    return Forgery(target.image, patch, mask)


def _lower_half(face: FaceCrop) -> np.ndarray:
    """The box from the nose down, as lip-sync tools paste."""
    mask = np.zeros(face.image.shape[:2], dtype=np.float32)
    left, _, right, bottom = (round(float(edge)) for edge in face.box)
    top = round(float(face.points[4, 1]))
    cv2.rectangle(mask, (left, top), (right, bottom), 1.0, -1)
    return mask
