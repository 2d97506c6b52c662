"""Faces of nobody, drawn by code: for tests, demonstrations and the synthetic source.

A person is a seed; a pose is the rest of `DrawnFace`. The features are in `face_paint`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np

from pipeline import face_paint
from pipeline.face_paint import Plane
from pipeline.types import Box, Image

Color: TypeAlias = tuple[float, float, float]

SPRITE_PX = 384
"""Sprites are painted at this size and resized when pasted."""

SKINS: tuple[Color, ...] = (
    (168, 190, 226),
    (140, 170, 214),
    (112, 146, 198),
    (84, 118, 172),
    (60, 86, 134),
    (150, 184, 230),
)
HAIRS: tuple[Color, ...] = ((30, 36, 46), (38, 60, 94), (70, 110, 160), (60, 60, 66), (24, 24, 28))
IRISES: tuple[Color, ...] = ((40, 66, 98), (120, 90, 50), (60, 96, 70), (26, 40, 60))
CLOTHES: tuple[Color, ...] = (
    (120, 70, 40),
    (60, 60, 120),
    (70, 90, 60),
    (90, 90, 95),
    (50, 40, 70),
)


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """One face of a scene. `seed` chooses the person; the rest is its pose at one instant."""

    x_px: float
    """Middle of the head."""
    y_px: float
    height_px: float
    """From the crown to the chin; a detector's box is about 0.87 of it high."""
    seed: int = 0
    blink: float = 0.0
    """0 open, 1 closed."""
    yaw_deg: float = 0.0
    """Positive turns the head to the picture's right; useful within ±35."""
    mouth: float = 0.0
    """0 closed, 1 open."""
    roll_deg: float = 0.0
    """Positive leans the head clockwise as seen in the picture."""

    @property
    def box(self) -> Box:
        """The box in px in which a detector should find this face (about; unturned)."""
        half_width, half_height = self.height_px * 0.335, self.height_px * 0.435
        middle = self.y_px + self.height_px * 0.05
        return Box(
            self.x_px - half_width,
            middle - half_height,
            self.x_px + half_width,
            middle + half_height,
        )


def paint_scene(
    faces: Sequence[DrawnFace], width: int, height: int, *, background_seed: int = 0
) -> Image:
    """Paint the faces, in order, over a plain room: (height, width, 3) uint8 BGR."""
    image = _background(width, height, background_seed).copy()
    for face in faces:
        _paste(image, face)
    return image


@lru_cache(maxsize=8)
def _background(width: int, height: int, seed: int) -> Image:
    """Paint a wall with a light gradient, two dull rectangles and fine grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 150 + 50 * (1 - y / height) - 35 * np.abs(x / width - 0.4)
    tint = random.uniform(0.85, 1.0, 3).astype(np.float32)
    image = light[..., None] * tint
    for _ in range(2):
        left, top = random.uniform(0, 0.8, 2) * (width, height)
        right, bottom = left + width * 0.18, top + height * 0.3
        image[int(top) : int(bottom), int(left) : int(right)] *= random.uniform(0.7, 0.9)
    image += random.normal(0, 2.5, (height, width, 1))
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _paste(image: Image, face: DrawnFace) -> None:
    """Blend the sprite over the image, in place, rotated and scaled; may hang over the edge."""
    sprite, cover = _sprite(
        face.seed,
        round(min(max(face.blink, 0.0), 1.0) * 16),
        round(face.yaw_deg),
        round(min(max(face.mouth, 0.0), 1.0) * 8),
    )
    rows, columns = image.shape[:2]
    half = face.height_px / face_paint.HEAD_HALF_HEIGHT / 2
    left, right = max(0, int(face.x_px - half)), min(columns, int(face.x_px + half) + 1)
    top = max(0, int(face.y_px - half))
    if left >= right or top >= rows:
        return
    shrunk = min(SPRITE_PX, max(8, round(2 * half)))
    move = cv2.getRotationMatrix2D((shrunk / 2, shrunk / 2), -face.roll_deg, 2 * half / shrunk)
    move[:, 2] += np.array((face.x_px - left - shrunk / 2, face.y_px - top - shrunk / 2))
    size = (right - left, rows - top)
    # Repeating the border lets the body go on down to the edge of the picture.
    front = cv2.warpAffine(_shrunk(sprite, shrunk), move, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(_shrunk(cover, shrunk), move, size, borderMode=cv2.BORDER_REPLICATE)
    back = image[top:, left:right]
    back[...] = (back + (front - back) * alpha[..., None]).astype(np.uint8)


def _shrunk(picture: Plane, side_px: int) -> Plane:
    """Return the square picture averaged down, because a warp alone would alias."""
    if side_px == picture.shape[0]:
        return picture
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=128)
def _sprite(seed: int, blink_16: int, yaw_deg: int, mouth_8: int) -> tuple[Plane, Plane]:
    """(SPRITE_PX, SPRITE_PX, 3) colours in 0..255 and (SPRITE_PX, SPRITE_PX) cover in 0..1."""
    random = np.random.default_rng(seed)
    skin = np.array(SKINS[seed % len(SKINS)], np.float32)
    hair = np.array(HAIRS[random.integers(len(HAIRS))], np.float32)
    iris = np.array(IRISES[random.integers(len(IRISES))], np.float32)
    cloth = np.array(CLOTHES[random.integers(len(CLOTHES))], np.float32)
    span = np.linspace(-1, 1, SPRITE_PX, dtype=np.float32)
    x, y = np.meshgrid(span, span)
    u = face_paint.turned(x, yaw_deg)
    canvas = face_paint.Canvas(x, y)
    face_paint.paint_body(canvas, skin, hair, cloth)
    face_paint.paint_skin(canvas, u, skin)
    face_paint.paint_nose(canvas, face_paint.turned(x, yaw_deg * 1.25), skin)
    face_paint.paint_mouth(canvas, u, skin, mouth_8 / 8)
    for side in (-1, 1):
        face_paint.paint_eye(canvas, u * side, skin, iris, hair, blink_16 / 16)
    face_paint.paint_hair(canvas, u, hair, float(random.uniform(-0.02, 0.05)))
    grain = random.normal(0, 4.5, (SPRITE_PX, SPRITE_PX)).astype(np.float32)
    color = canvas.color + cv2.GaussianBlur(grain, (0, 0), 0.8)[..., None]
    return np.clip(color, 0, 255), canvas.cover
