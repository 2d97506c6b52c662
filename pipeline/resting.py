"""Whose alert has lately closed: who comes back to the place within the cool-down opens no other.

A person is known again by place and size alone. That is right for someone who looks away and for a
face that is lost for an instant; nobody's features are kept for it.
"""

import math

from pipeline.matching import match_cost
from pipeline.types import Box

_IOU_AT_LEAST = 0.3


class Resting:
    """Places of closed alerts, each for `cooldown_s` seconds of media time."""

    def __init__(self, cooldown_s: float) -> None:
        self._cooldown_s = cooldown_s
        self._places: list[tuple[Box, float]] = []

    def add(self, box: Box | None, closed_s: float) -> None:
        """Remember where a person was seen last whose alert closed at `closed_s`, if one did."""
        if box is not None and math.isfinite(closed_s):
            self._places.append((box, closed_s))

    def claim(self, box: Box, time_s: float) -> float:
        """When the alert closed of whoever comes back here, once; -inf where nobody rests."""
        self._places = [
            (place, closed_s)
            for place, closed_s in self._places
            if 0 <= time_s - closed_s < self._cooldown_s
        ]
        costs = [
            (cost, index)
            for index, (place, closed_s) in enumerate(self._places)
            if (cost := match_cost(place, box, time_s - closed_s, _IOU_AT_LEAST)) is not None
        ]
        if not costs:
            return -math.inf
        return self._places.pop(min(costs)[1])[1]

    def forget(self) -> None:
        """Forget everybody: the picture is another one."""
        self._places.clear()
