"""What has to be known of a stream to go on with it after a restart, as plain data.

No picture and nobody's features: places, scores of the newest seconds, and where alerts stand.
"""

import math
from dataclasses import dataclass, field, replace

from pipeline.alert import TriggerMemory
from pipeline.types import AlertChange, Box
from pipeline.window import Sample


@dataclass(frozen=True, slots=True)
class PersonMemory:
    """One person; times are seconds of the stream's media time."""

    box: Box
    """Where the face was seen last, px."""
    seen_s: float
    samples: tuple[Sample, ...] = ()
    trigger: TriggerMemory = field(default_factory=TriggerMemory)
    alert: AlertChange | None = None
    """The newest change of the alert that is open."""

    def rested(self) -> "PersonMemory":
        """What is left when it may be somebody else: when the last alert here closed."""
        return PersonMemory(
            self.box, self.seen_s, trigger=TriggerMemory(closed_s=self.trigger.closed_s)
        )

    def moved(self, by_s: float) -> "PersonMemory":
        """The same on a clock that shows `by_s` seconds more; an open alert is due to be told."""
        alert = self.alert
        if alert is not None:
            alert = replace(alert, time_s=alert.time_s + by_s, opened_s=alert.opened_s + by_s)
        return PersonMemory(
            self.box,
            self.seen_s + by_s,
            tuple((time_s + by_s, logit, weight) for time_s, logit, weight in self.samples),
            replace(self.trigger.moved(by_s), told_s=-math.inf),
            alert,
        )


@dataclass(frozen=True, slots=True)
class StreamMemory:
    """All people of one stream at one moment."""

    time_s: float
    """The media time of that moment."""
    picture: tuple[int, int]
    """Width and height in px, for which the boxes hold."""
    people: tuple[PersonMemory, ...]

    def moved(self, by_s: float) -> "StreamMemory":
        """The same on a clock that shows `by_s` seconds more."""
        people = tuple(person.moved(by_s) for person in self.people)
        return StreamMemory(self.time_s + by_s, self.picture, people)
