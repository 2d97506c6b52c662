"""One track at one frame, on its way through the analyzer's stages."""

from dataclasses import dataclass

from pipeline.cues import HeadMotion
from pipeline.enrolling import Sighting
from pipeline.person import Person
from pipeline.types import BlinkStats, FrameScore, Quality, TrackedFace


@dataclass(slots=True)
class Look:
    """What the stages found so far."""

    tracked: TrackedFace
    person: Person
    quality: Quality
    blink: BlinkStats
    motion: HeadMotion
    score: FrameScore | None = None

    def sighting(self) -> Sighting:
        """What an enrolment and a challenge see of it."""
        face = self.tracked
        return Sighting(face.track_id, self.quality, self.score, face.face.box, self.blink)
