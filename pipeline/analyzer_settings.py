"""How often the stages of a stream look, and the settings of each."""

from dataclasses import dataclass, field

from pipeline.alert import AlertSettings
from pipeline.blink import BlinkSettings
from pipeline.cues import CueSettings
from pipeline.fuse import FuseSettings
from pipeline.quality import QualityLimits


@dataclass(frozen=True, slots=True)
class AnalyzerSettings:
    """Cadences in seconds of media time, and the settings of the stages."""

    detect_every_s: float = 0.5
    classify_every_s: float = 0.25
    window_s: float = 4.0
    window_min_samples: int = 8
    max_faces: int = 10
    lost_after_s: float = 1.0
    quality: QualityLimits = field(default_factory=QualityLimits)
    blink: BlinkSettings = field(default_factory=BlinkSettings)
    fuse: FuseSettings = field(default_factory=FuseSettings)
    cues: CueSettings = field(default_factory=CueSettings)
    alert: AlertSettings = field(default_factory=AlertSettings)
    preset: str | None = None
    """A known system's rule (pipeline/presets) that judges in the place of fakewatch's own."""

    @property
    def longest_pause_s(self) -> float:
        """Between two looks of the classifier: a window must get its fewest, and two to spare."""
        return max(self.classify_every_s, self.window_s / (self.window_min_samples + 2))
