"""People who are not in the picture and may come back to their place.

Who comes back within the cool-down opens no other alert. Who was there when the service was killed
goes on where it was, for some seconds. A person is known again by place and size alone: that is
right for someone who looks away, for a face that is lost for an instant and for a service that is
back at once; nobody's features are kept for it.
"""

import math
from collections.abc import Sequence

from pipeline.matching import match_cost
from pipeline.memory import PersonMemory
from pipeline.types import Box

RECALLED_FOR_S = 30.0
"""For so long an alert goes on with whoever is back; scores count as long as a window is."""
_IOU_AT_LEAST = 0.3


class Absent:
    """Where people were, each as long as what is known of it counts."""

    def __init__(self, cooldown_s: float) -> None:
        self._cooldown_s = cooldown_s
        self._people: list[PersonMemory] = []

    def add(self, person: PersonMemory) -> None:
        """Remember somebody who has gone, or has not come back yet, if anything of it may count."""
        if person.samples or person.alert or math.isfinite(person.trigger.closed_s):
            self._people.append(person)

    def claim(self, box: Box, time_s: float) -> PersonMemory | None:
        """What is known of whoever comes back here, once; None where nobody was."""
        self._people = list(self.known(time_s))
        costs = [
            (cost, index)
            for index, person in enumerate(self._people)
            if (cost := match_cost(person.box, box, time_s - person.seen_s, _IOU_AT_LEAST))
            is not None
        ]
        return self._people.pop(min(costs)[1]) if costs else None

    def known(self, time_s: float) -> Sequence[PersonMemory]:
        """Who still counts at `time_s`, with what still counts of them."""
        fresh = [
            person if 0 <= time_s - person.seen_s <= RECALLED_FOR_S else person.rested()
            for person in self._people
        ]
        return [person for person in fresh if self._counts(person, time_s)]

    def forget(self) -> None:
        """Forget everybody: the picture is another one."""
        self._people.clear()

    def _counts(self, person: PersonMemory, time_s: float) -> bool:
        rests = 0 <= time_s - person.trigger.closed_s < self._cooldown_s
        return rests or bool(person.samples) or person.alert is not None
