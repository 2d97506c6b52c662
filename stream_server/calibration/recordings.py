"""What is kept of a genuine recording: the series that the alert logic sees, and its quality."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.alert import AlertSettings, AlertTrigger
from pipeline.analyzer import StreamAnalyzer
from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.load import Models
from pipeline.model_card import Thresholds
from pipeline.types import AlertId, AlertPhase, Frame, Reading, StreamId, TrackId

STEP_S = 0.25
"""Pace of the series: as often as a face is classified."""
SAMPLE_EVERY_S = 4.0
"""Pace of the samples for the distributions: windows of four seconds that do not overlap."""
CUES = ("logit", "side_px", "blur", "exposure")
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Recording:
    """One genuine recording; a stream, in the words of the statistics."""

    name: str
    tracks: dict[TrackId, list[tuple[float, float]]] = field(default_factory=dict)
    """(time_s, fused log-odds) of every face, `STEP_S` apart where there is evidence."""
    samples: list[tuple[float, ...]] = field(default_factory=list)
    """Rows of `CUES`, `SAMPLE_EVERY_S` apart."""

    @property
    def hours(self) -> float:
        """Judged time of all faces."""
        return sum(map(len, self.tracks.values())) * STEP_S / 3600

    @property
    def series(self) -> Floats:
        """All log-odds, one face after the other."""
        return np.array([logit for track in self.tracks.values() for _, logit in track])

    def alarms(self, thresholds: Thresholds, settings: AlertSettings) -> int:
        """How many alerts the service would have opened."""
        return sum(
            trigger.update(1 / (1 + math.exp(-logit)), time_s).phase is AlertPhase.OPENED
            for track in self.tracks.values()
            for trigger in [AlertTrigger(thresholds, settings)]
            for time_s, logit in track
        )


class Listener:
    """Gathers a recording's series from readings, at a steady pace."""

    def __init__(self, name: str) -> None:
        self.recording = Recording(name)
        self._next_s: dict[TrackId, float] = {}
        self._sample_s: dict[TrackId, float] = {}

    def add(self, readings: Iterable[Reading], time_s: float) -> None:
        """Take in the readings of one frame."""
        for reading in readings:
            row = sample_of(reading)
            track = reading.track_id
            if row is None or time_s < self._next_s.get(track, -math.inf):
                continue
            self._next_s[track] = max(self._next_s.get(track, time_s) + STEP_S, time_s)
            self.recording.tracks.setdefault(track, []).append((time_s, row[0]))
            if time_s >= self._sample_s.get(track, -math.inf):
                self._sample_s[track] = time_s + SAMPLE_EVERY_S
                self.recording.samples.append(row)


def sample_of(reading: Reading) -> tuple[float, ...] | None:
    """The values of `CUES` at one reading; None where nothing was judged."""
    if reading.fused_prob is None or not reading.quality.usable:
        return None
    bounded = min(1 - 1e-9, max(1e-9, reading.fused_prob))
    quality = reading.quality
    logit = math.log(bounded / (1 - bounded))
    return (logit, quality.side_px, quality.blur, quality.exposure)


def listen(
    listener: Listener, frames: Iterable[Frame], models: Models, settings: AnalyzerSettings
) -> Iterator[float]:
    """Judge frames as the service would, for the listener; gives the time reached, in seconds."""
    serial = itertools.count(1)
    analyzer = StreamAnalyzer(
        StreamId("calibration"), models, lambda: AlertId(f"calibration-{next(serial)}"), settings
    )
    for frame in frames:
        listener.add(analyzer(frame).readings, frame.time_s)
        yield frame.time_s
