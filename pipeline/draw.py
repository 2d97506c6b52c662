"""Boxes, states and scores drawn on a picture, for annotated clips."""

import cv2

from pipeline.types import Analysis, Image, Reading, State

COLORS = {
    State.CLEAR: (120, 190, 90),
    State.SUSPECT: (60, 180, 250),
    State.ALERT: (70, 70, 230),
    State.INSUFFICIENT: (170, 170, 170),
}
"""BGR; the word beside the box says the same for those who do not see the colour."""
LABELS = {
    State.CLEAR: "no signs",
    State.SUSPECT: "? some signs",
    State.ALERT: "! signs of manipulation",
    State.INSUFFICIENT: "insufficient",
}


def draw_analysis(image: Image, analysis: Analysis) -> Image:
    """A copy of the picture with every reading drawn on it."""
    canvas = image.copy()
    for reading in analysis.readings:
        # The report speaks of "face 2", so where there are several each bears its number.
        name = f"{reading.track_id}: " if len(analysis.readings) > 1 else ""
        _draw_reading(canvas, reading, name)
    return canvas


def _draw_reading(canvas: Image, reading: Reading, name: str) -> None:
    color = COLORS[reading.state]
    left, top = round(reading.box.left), round(reading.box.top)
    right, bottom = round(reading.box.right), round(reading.box.bottom)
    weight = max(1, canvas.shape[0] // 300)
    cv2.rectangle(canvas, (left, top), (right, bottom), color, weight, cv2.LINE_AA)
    text = name + LABELS[reading.state]
    if reading.fused_prob is not None:
        # No model is so sure that it could say none or all.
        text = f"{text} {min(0.99, max(0.01, reading.fused_prob)):.0%}"
    size = max(0.4, canvas.shape[0] / 1100)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, weight)
    base = top - 6 if top > height + 10 else bottom + height + 6
    cv2.rectangle(
        canvas, (left, base - height - 4), (left + width + 6, base + 5), color, cv2.FILLED
    )
    place = (left + 3, base)
    cv2.putText(
        canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), weight, cv2.LINE_AA
    )
