"""Family C: another person's face pulled onto the target's points and blended in.

After the idea of Face X-ray's blended images (Li et al. 2020); written anew.
"""

import cv2
import numpy as np

from export.forgery.colour import matched, texture
from export.forgery.face import FaceCrop, Forgery
from export.forgery.masks import (
    BROWS,
    EYES,
    LIPS,
    NOSE,
    elastic,
    eroded,
    face_hull,
    feathered,
    hull,
)
from export.forgery.warp import onto


def forge(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """Colour-matched, with a feathered or (rarely) gradient-domain seam."""
    patch = onto(donor, target)
    if rng.random() < 0.4:
        patch = texture(patch, rng)
    if rng.random() < 0.3:
        mask = hull(target, BROWS + EYES + NOSE + LIPS)
    else:
        mask = face_hull(target, rng)
    if rng.random() < 0.5:
        mask = elastic(mask, target, rng)
    mask = eroded(mask, target.side_px * rng.uniform(-0.02, 0.07))
    patch = matched(patch, target.image, mask, rng.uniform(0.5, 1.0))
    if rng.random() < 0.12:
        return _poisson(target, patch, mask)
    mask = feathered(mask, target.side_px * rng.uniform(0.006, 0.05))
    return Forgery(target.image, patch, mask)


def _poisson(target: FaceCrop, patch: np.ndarray, mask: np.ndarray) -> Forgery:
    """Seamless cloning (Perez et al. 2003)."""
    binary = (mask > 0.5).astype(np.uint8) * 255
    binary[:2], binary[-2:], binary[:, :2], binary[:, -2:] = 0, 0, 0, 0
    x, y, wide, high = cv2.boundingRect(binary)
    if wide < 8 or high < 8:
        return Forgery(target.image, patch, feathered(mask, 2.0))
    middle = (x + wide // 2, y + high // 2)
    cloned = cv2.seamlessClone(
        np.rint(patch).astype(np.uint8), target.image, binary, middle, cv2.NORMAL_CLONE
    )
    grown = cv2.dilate(binary, np.ones((3, 3), np.uint8)) > 0
    return Forgery(target.image, cloned.astype(np.float32), grown.astype(np.float32))
