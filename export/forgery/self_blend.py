"""Family A: a face blended with a changed copy of itself.

From the description of Self-Blended Images (Shiohara and Yamasaki 2022); written anew.
"""

import cv2
import numpy as np

from export.forgery.colour import matched, shifted, texture
from export.forgery.face import FaceCrop, Forgery
from export.forgery.masks import elastic, eroded, face_hull, feathered, inward
from export.forgery.warp import jitter, moved

RATIOS = (0.35, 0.5, 0.75, 1.0, 1.0, 1.0)


def forge(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """Colour, sharpness and place differ by little; the seam and the mismatch are the trace."""
    del donor
    base = target.image.astype(np.float32)
    changed = texture(shifted(base, rng, 0.6), rng) if rng.random() < 0.75 else base
    if rng.random() < 0.5:
        patch, partner = changed, target.image
    else:
        patch, partner = base, np.rint(changed).astype(np.uint8)
    matrix = jitter(target, rng, rng.uniform(0.3, 1.2))
    patch = moved(patch, matrix)
    mask = elastic(face_hull(target, rng), target, rng)
    mask = eroded(mask, rng.uniform(-0.03, 0.08) * target.side_px)
    sigma = target.side_px * float(rng.uniform(0.008, 0.06))
    mask = inward(mask, sigma) if rng.random() < 0.5 else feathered(mask, sigma)
    if rng.random() < 0.15:
        patch = matched(patch, partner, mask, 1.0)
    ratio = np.float32(rng.choice(RATIOS))
    return Forgery(partner, patch, np.minimum(mask, 1.0) * ratio)


def forge_blurred(target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
    """Family F: the face blurred (Li and Lyu 2019) or its grain removed."""
    del donor
    base = target.image.astype(np.float32)
    if rng.random() < 0.5:
        patch = cv2.GaussianBlur(base, (0, 0), target.side_px * rng.uniform(0.004, 0.014))
    else:
        patch = np.asarray(cv2.medianBlur(target.image, 3), np.float32)
    mask = eroded(face_hull(target, rng), rng.uniform(0, 0.05) * target.side_px)
    mask = feathered(mask, target.side_px * rng.uniform(0.005, 0.04))
    return Forgery(target.image, np.asarray(patch, np.float32), mask)
