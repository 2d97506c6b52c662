"""Boxes: area, overlap, squares, clipping. Pure arithmetic in full-frame pixels."""

from pipeline.types import Box


def width(box: Box) -> float:
    """Width in px."""
    return box.right - box.left


def height(box: Box) -> float:
    """Height in px."""
    return box.bottom - box.top


def area(box: Box) -> float:
    """Area in px²; an inverted box has none."""
    return max(0.0, width(box)) * max(0.0, height(box))


def center(box: Box) -> tuple[float, float]:
    """(x, y) of the middle."""
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def iou(a: Box, b: Box) -> float:
    """Intersection over union in [0, 1]; 0 when both are empty."""
    shared = area(
        Box(max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom))
    )
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def square(box: Box, margin: float = 1.0) -> Box:
    """The square around the same middle whose side is `margin` times the longer side."""
    x, y = center(box)
    half = max(width(box), height(box)) * margin / 2
    return Box(x - half, y - half, x + half, y + half)


def clip(box: Box, frame_width: int, frame_height: int) -> Box:
    """The part of the box that lies inside the frame (may be empty)."""
    return Box(
        min(max(box.left, 0.0), frame_width),
        min(max(box.top, 0.0), frame_height),
        min(max(box.right, 0.0), frame_width),
        min(max(box.bottom, 0.0), frame_height),
    )


def shift(box: Box, dx: float, dy: float) -> Box:
    """The same box moved."""
    return Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)


def scale(box: Box, factor: float) -> Box:
    """The box in a picture resized by `factor`."""
    return Box(box.left * factor, box.top * factor, box.right * factor, box.bottom * factor)
