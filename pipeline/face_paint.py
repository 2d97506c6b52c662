"""The features of a drawn face: soft masks painted on a canvas in face units.

x and y run from -1 to 1 over the sprite, y down, the middle of the head at the origin; `u` is the
column on the unturned head, so that a turn moves every feature over a cylinder.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.floating]
"""One number a pixel."""

HEAD_HALF_WIDTH = 0.5
HEAD_HALF_HEIGHT = 0.68
TURN = 0.75
"""A drawn head is flatter than a cylinder, so its features move less."""
EYE_X = 0.205
EYE_Y = -0.06
EYE_HALF_WIDTH = 0.112
EYE_HALF_HEIGHT = 0.056


class Canvas:
    """Colours and cover that soft masks are painted on."""

    def __init__(self, x: Plane, y: Plane) -> None:
        self.x, self.y = x, y
        self.color = np.zeros((*x.shape, 3), np.float32)
        self.cover = np.zeros(x.shape, np.float32)

    def paint(self, mask: Plane, color: Plane) -> None:
        """Blend a colour, or a picture, over the canvas where the mask says."""
        self.color += (color - self.color) * mask[..., None]

    def extend(self, mask: Plane) -> None:
        """Make the sprite opaque where the mask is."""
        self.cover = np.maximum(self.cover, mask)

    def tone(self, mask: Plane, factor: float) -> None:
        """Darken (< 1) or lighten (> 1) where the mask says."""
        self.color *= (1 + (factor - 1) * mask)[..., None]


def turned(x: Plane, yaw_deg: float) -> Plane:
    """Where on the unturned head the column x lies, the head being a vertical cylinder."""
    angle = np.arcsin(np.clip(x / 0.62, -1, 1)) - np.deg2rad(yaw_deg) * TURN
    return np.asarray(0.62 * np.sin(np.clip(angle, -1.57, 1.57)), np.float32)


def _soft(distance: Plane, blur: float = 0.012) -> Plane:
    """1 where distance < 0, 0 where > 0, with an edge `blur` wide."""
    return np.asarray(np.clip(0.5 - distance / blur, 0, 1), np.float32)


def _blob(x: Plane, y: Plane, at: tuple[float, float], spread: tuple[float, float]) -> Plane:
    """Return a Gaussian spot."""
    return np.exp(-(((x - at[0]) / spread[0]) ** 2) - ((y - at[1]) / spread[1]) ** 2)


def _ellipse(x: Plane, y: Plane, at: tuple[float, float], half: tuple[float, float]) -> Plane:
    """Return roughly the signed distance to an ellipse: negative inside."""
    radius = np.sqrt(((x - at[0]) / half[0]) ** 2 + ((y - at[1]) / half[1]) ** 2)
    return np.asarray((radius - 1) * min(half), np.float32)


def _head(x: Plane, y: Plane) -> Plane:
    """Return the signed distance to the outline of the head: an egg, narrower at the chin."""
    half = HEAD_HALF_WIDTH * (1 - 0.22 * np.clip(y, 0, 1) ** 1.5 / HEAD_HALF_HEIGHT)
    radius = np.sqrt((x / half) ** 2 + (y / HEAD_HALF_HEIGHT) ** 2)
    return np.asarray((radius - 1) * HEAD_HALF_WIDTH, np.float32)


def paint_body(canvas: Canvas, skin: Plane, hair: Plane, cloth: Plane) -> None:
    """Hair behind the head, ears, neck and shoulders."""
    x, y = canvas.x, canvas.y
    back = _soft(_ellipse(x, y, (0, -0.17), (0.56, 0.62)), 0.05)
    canvas.paint(back, hair)
    shoulders = _soft(_ellipse(x, y, (0, 1.25), (0.95, 0.45)), 0.03)
    canvas.paint(shoulders, cloth * (1 - 0.25 * np.abs(x))[..., None])
    neck = _soft(np.maximum(np.abs(x) - 0.25, np.maximum(0.3 - y, y - 0.93)), 0.03)
    canvas.paint(neck, skin * (0.62 + 0.12 * (y - 0.6))[..., None])
    for side in (-1, 1):
        ear = _soft(_ellipse(x, y, (side * 0.505, 0.03), (0.055, 0.13)), 0.02)
        canvas.paint(ear, skin * 0.78)
        canvas.extend(ear)
    for part in (back, shoulders, neck):
        canvas.extend(part)


def paint_skin(canvas: Canvas, u: Plane, skin: Plane) -> None:
    """Paint the face, lit from the upper left, with sockets, cheeks, forehead and chin."""
    x, y = canvas.x, canvas.y
    radius2 = np.clip(
        (x / (HEAD_HALF_WIDTH * 1.08)) ** 2 + (y / (HEAD_HALF_HEIGHT * 1.1)) ** 2, 0, 1
    )
    depth = np.sqrt(1 - radius2)
    light = 0.5 + 0.52 * depth - 0.14 * x - 0.09 * y
    face = _soft(_head(x, y))
    canvas.paint(face, skin * light[..., None])
    canvas.extend(face)
    for side in (-1, 1):
        canvas.tone(_blob(u, y, (side * EYE_X, EYE_Y - 0.03), (0.15, 0.085)) * face, 0.83)
        canvas.tone(_blob(u, y, (side * EYE_X, EYE_Y + 0.105), (0.12, 0.03)) * face, 0.93)
        rouge = _blob(u, y, (side * 0.27, 0.17), (0.13, 0.1)) * face * 0.18
        canvas.paint(rouge, skin * np.array((0.8, 0.8, 1.08), np.float32))
        canvas.tone(_blob(u, y, (side * 0.17, 0.26), (0.03, 0.09)) * face, 0.92)
    canvas.tone(_blob(u, y, (0, -0.36), (0.25, 0.12)) * face, 1.07)
    canvas.tone(_blob(u, y, (0, 0.585), (0.1, 0.06)) * face, 1.06)
    canvas.tone(_blob(u, y, (0, 0.51), (0.12, 0.02)) * face, 0.87)


def paint_nose(canvas: Canvas, u: Plane, skin: Plane) -> None:
    """Bridge, shaded flank, tip, wings and nostrils."""
    y = canvas.y
    along = _soft(np.maximum(-0.1 - y, y - 0.2), 0.1)
    canvas.tone(np.exp(-((u / 0.028) ** 2)) * along, 1.1)
    canvas.tone(np.exp(-(((u - 0.075) / 0.035) ** 2)) * along, 0.84)
    canvas.tone(np.exp(-(((u + 0.075) / 0.035) ** 2)) * along, 0.93)
    canvas.tone(_blob(u, y, (-0.01, 0.17), (0.045, 0.04)), 1.14)
    canvas.tone(_blob(u, y, (0, 0.245), (0.09, 0.022)), 0.72)
    for side in (-1, 1):
        canvas.tone(_blob(u, y, (side * 0.098, 0.195), (0.014, 0.04)), 0.78)
        nostril = _soft(_ellipse(u, y, (side * 0.048, 0.232), (0.026, 0.013)), 0.012)
        canvas.paint(nostril * 0.85, skin * 0.3)
    canvas.tone(_blob(u, y, (0, 0.295), (0.018, 0.035)), 0.93)


def paint_mouth(canvas: Canvas, u: Plane, skin: Plane, opening: float) -> None:
    """Two lips around a dark gap, with teeth when it is open."""
    y = canvas.y
    half, middle, gap = 0.175, 0.385, 0.004 + 0.13 * opening
    arch = np.clip(1 - (u / half) ** 2, 0, 1)
    bow = 0.012 * np.exp(-((u / 0.03) ** 2))
    upper_edge = middle - 0.046 * arch**0.8 + bow
    parting = middle + gap * arch
    lower_edge = parting + 0.008 + 0.058 * arch**0.9
    inside = _soft(np.abs(u) - half, 0.02)
    lip = skin * np.array((0.62, 0.58, 0.84), np.float32)
    canvas.paint(_soft(np.maximum(upper_edge - y, y - middle)) * inside, lip * 0.88)
    canvas.paint(_soft(np.maximum(parting - y, y - lower_edge)) * inside, lip * 1.06)
    dark = _soft(np.maximum(middle - 0.004 - y, y - parting - 0.004), 0.01)
    canvas.paint(dark * inside * 0.9, skin * 0.22)
    teeth = _soft(np.maximum(middle + 0.004 - y, y - middle - 0.35 * gap * arch), 0.01)
    canvas.paint(teeth * inside * min(1.0, opening * 2), np.full(3, 205, np.float32))


def paint_eye(
    canvas: Canvas,
    u: Plane,
    skin: Plane,
    iris: Plane,
    hair: Plane,
    blink: float,
) -> None:
    """Sclera, iris, pupil and glint between two lids; the upper lid falls onto the lower one."""
    y = canvas.y
    along = (u - EYE_X) / EYE_HALF_WIDTH
    arch = np.clip(1 - along**2, 0, 1)
    lower = EYE_Y + 0.012 + EYE_HALF_HEIGHT * 0.62 * arch
    raised = EYE_Y + 0.012 - EYE_HALF_HEIGHT * arch**0.7
    upper = raised + (lower - raised) * blink
    white = _soft(np.maximum(np.maximum(upper - y, y - lower), np.abs(u - EYE_X) - EYE_HALF_WIDTH))
    shade = 222 - 34 * np.abs(along) - 30 * np.clip((upper + 0.03 - y) / 0.03, 0, 1)
    canvas.paint(white, np.repeat(shade[..., None], 3, 2) * np.array((0.97, 0.98, 1), np.float32))
    at = (EYE_X, EYE_Y + 0.004)
    canvas.paint(_soft(_ellipse(u, y, at, (0.055, 0.055))) * white, iris)
    canvas.paint(
        _soft(_ellipse(u, y, at, (0.024, 0.024)), 0.008) * white, np.full(3, 12, np.float32)
    )
    glint = _ellipse(u, y, (EYE_X - 0.016, EYE_Y - 0.014), (0.011, 0.011))
    canvas.paint(_soft(glint, 0.008) * white, np.full(3, 250, np.float32))
    near = _soft(np.abs(u - EYE_X) - EYE_HALF_WIDTH * 1.08, 0.03)
    lid = _soft(np.maximum(raised - y, y - upper), 0.02) * near * min(1.0, blink * 3)
    canvas.paint(lid, skin * 0.8)
    canvas.paint(_soft(np.abs(y - upper) - 0.009, 0.014) * near * 0.9, hair * 0.6)
    canvas.tone(_soft(np.abs(y - lower) - 0.005, 0.014) * near, 0.72)
    crease = raised - 0.03 + 0.012 * blink
    canvas.tone(_soft(np.abs(y - crease) - 0.004, 0.016) * near, 0.8)
    brow = EYE_Y - 0.158 + 0.05 * ((u - EYE_X - 0.02) / 0.15) ** 2
    ends = _soft(np.abs(u - EYE_X) - 0.14, 0.06)
    canvas.paint(_soft(np.abs(y - brow) - 0.018, 0.02) * ends * 0.85, hair * 0.9)


def paint_hair(canvas: Canvas, u: Plane, hair: Plane, shift: float) -> None:
    """Hair over the forehead, with strands."""
    x, y = canvas.x, canvas.y
    cap = _soft(_ellipse(x, y, (0, -0.17), (0.56, 0.62)), 0.04)
    line = -0.47 + shift + 0.75 * np.clip(np.abs(u + 0.05) - 0.12, 0, 1) ** 1.6
    front = cap * _soft(y - line, 0.05)
    strands = 1 + 0.16 * np.sin(70 * (x + 0.25 * y)) + 0.1 * np.sin(151 * x)
    canvas.paint(front, hair * (strands * (1.25 - 0.3 * np.abs(x + 0.2)))[..., None])
