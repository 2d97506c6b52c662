"""Family B: what live face swappers do to a camera picture, without their generators.

The face is aligned into a small square (128 px as inswapper's, 224 px as DeepFaceLive's), replaced
by one that an autoencoder has rebuilt, colour-matched, and pasted back through a wide soft mask.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.forgery.autoencoder import SIZE_PX, Rebuilder
from export.forgery.camera import grained
from export.forgery.colour import matched, resampled, shifted, smoothed
from export.forgery.face import FaceCrop, Forgery, Mask
from export.forgery.masks import LIPS, OVAL, ellipse, eroded, face_hull, feathered, hull
from export.forgery.warp import COVER, aligned_face, alignment, onto

Pixels = NDArray[np.float32]


class LiveSwap:
    """Holds the trained autoencoder; an instance is a family."""

    def __init__(self, generator: Path | None) -> None:
        self._generator = Rebuilder(generator) if generator is not None else None

    def __call__(self, target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Forgery:
        """A forged face of the donor's or the target's own features, generator-smooth."""
        patch = self._likeness(target, donor, rng)
        patch = np.clip(_through_square(patch, target, rng), 0, 255).astype(np.float32)
        mask = _paste_mask(target, rng)
        patch = shifted(patch, rng, 0.3) if rng.random() < 0.4 else patch
        patch = matched(patch, target.image, mask, rng.uniform(0.6, 1.0))
        if rng.random() < 0.35:
            patch = _evenly_lit(patch, mask, rng)
        if rng.random() < 0.25:
            soft = cv2.GaussianBlur(patch, (0, 0), 1.2)
            patch = np.clip(patch + (patch - soft) * rng.uniform(0.4, 1.2), 0, 255)
        if rng.random() < 0.15:
            patch = grained(np.rint(patch).astype(np.uint8), rng).astype(np.float32)
        opacity = np.float32(rng.uniform(0.8, 1.0) if rng.random() < 0.4 else 1.0)
        return Forgery(target.image, patch.astype(np.float32), np.minimum(mask, 1.0) * opacity)

    def _likeness(self, target: FaceCrop, donor: FaceCrop, rng: np.random.Generator) -> Pixels:
        own = target.image.astype(np.float32)
        base = _other_face(target, donor, own) if rng.random() < 0.55 else own
        rebuilt = self._generator is not None and rng.random() < 0.3
        if rebuilt:
            base = self._rebuilt(base, target, donor, rng)
        # What a good model leaves: features as sharp as ever, skin without its grain.
        if rng.random() < (0.25 if rebuilt else 0.75):
            base = smoothed(base, rng)
        return base

    def _rebuilt(
        self, base: Pixels, target: FaceCrop, donor: FaceCrop, rng: np.random.Generator
    ) -> Pixels:
        if self._generator is None:
            return base
        shown = FaceCrop(np.rint(base).astype(np.uint8), target.points, target.box)
        aligned = aligned_face(shown, SIZE_PX).astype(np.float32)
        other = aligned_face(donor, SIZE_PX).astype(np.float32)
        rebuilt = self._generator.rebuild(aligned, other, rng)
        size = (base.shape[1], base.shape[0])
        back = alignment(target, SIZE_PX, COVER)
        pasted = cv2.warpAffine(
            rebuilt, back, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        # Finetuned models keep more detail than ours: some of the warped face's comes back.
        detail = base - cv2.GaussianBlur(base, (0, 0), target.side_px * 0.02)
        share = np.float32(rng.uniform(0.3, 0.85))
        kept = np.float32(rng.uniform(0.3, 1.0))
        mixed = share * pasted + (1 - share) * base + detail * kept
        return np.asarray(np.clip(mixed, 0, 255), np.float32)


def _other_face(target: FaceCrop, donor: FaceCrop, own: Pixels) -> Pixels:
    """The donor's features in the target's oval; hair and background stay the target's."""
    oval = feathered(hull(target, OVAL), target.side_px * 0.02)[:, :, None]
    return np.asarray(onto(donor, target) * oval + own * (1 - oval), np.float32)


def _evenly_lit(patch: Pixels, mask: Mask, rng: np.random.Generator) -> Pixels:
    """Highlights and shade drawn together, as by a model that was trained on even light.

    Only what is coarser than a feature changes, so that features stay as sharp as they were.
    """
    inside = mask > 0.5
    if not inside.any():
        return patch
    coarse = cv2.GaussianBlur(patch, (0, 0), 0.05 * patch.shape[0]).mean(2, keepdims=True)
    even = patch - np.float32(rng.uniform(0.15, 0.6)) * (coarse - np.median(coarse[inside]))
    return np.asarray(np.clip(even, 0, 255), np.float32)


def _through_square(patch: Pixels, target: FaceCrop, rng: np.random.Generator) -> Pixels:
    """Down to the generator's square and back, on its own grid."""
    size_px = int(rng.choice((96, 128, 160, 224), p=(0.05, 0.3, 0.2, 0.45)))
    size_px = min(size_px, max(48, round(target.side_px * 1.1)))
    matrix = alignment(target, size_px, float(rng.uniform(1.2, 1.6)))
    square = cv2.warpAffine(
        patch, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    if rng.random() < 0.4:
        square = resampled(np.asarray(square, np.float32), rng.uniform(0.55, 0.95), rng)
    flags = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))) | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(
        square, matrix, (patch.shape[1], patch.shape[0]), flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out, np.float32)


def _paste_mask(target: FaceCrop, rng: np.random.Generator) -> Mask:
    """Hull eroded and widely blurred, an ellipse, or the aligned square itself, as tools do."""
    side = target.side_px
    kind = rng.choice(4, p=(0.4, 0.2, 0.2, 0.2))
    if kind == 0:
        mask = eroded(hull(target, OVAL), side * rng.uniform(0.0, 0.09))
        mask = feathered(mask, side * rng.uniform(0.02, 0.08))
    elif kind == 1:
        mask = feathered(ellipse(target, rng), side * rng.uniform(0.02, 0.08))
    elif kind == 2:
        mask = _square_mask(target, rng)
    else:
        mask = eroded(face_hull(target, rng), side * rng.uniform(-0.02, 0.05))
        mask = feathered(mask, side * rng.uniform(0.01, 0.06))
    if rng.random() < 0.12:
        mask = mask * (1 - feathered(eroded(hull(target, LIPS), -side * 0.03), side * 0.02))
    return mask


def _square_mask(target: FaceCrop, rng: np.random.Generator) -> Mask:
    size_px = 128
    margin = round(size_px * rng.uniform(0.06, 0.12))
    square = np.zeros((size_px, size_px), dtype=np.float32)
    square[margin:-margin, margin:-margin] = 1.0
    square = feathered(square, size_px * rng.uniform(0.02, 0.05))
    matrix = alignment(target, size_px, float(rng.uniform(1.2, 1.5)))
    shape = (target.image.shape[1], target.image.shape[0])
    mask = cv2.warpAffine(square, matrix, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(mask, np.float32)
