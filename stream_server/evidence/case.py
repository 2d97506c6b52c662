"""One alert on its way to a bundle: what it is about, and what was remembered around it."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.types import AlertChange, AlertId, Box, Frame, StreamId, TrackId
from stream_server.evidence.footage import PacketTap
from stream_server.evidence.shots import Shot
from stream_server.reports.strongest import StrongestFrames


@dataclass(frozen=True, slots=True)
class Sample:
    """One face at one analysed frame; numbers only."""

    at_s: float
    """By the monotonic clock."""
    time_s: float
    track_id: TrackId
    box: Box
    """In shares of the picture's width and height."""
    state: str
    fused_prob: float | None
    frame_prob: float | None
    """Where the classifier ran on this very frame."""
    window_prob: float | None
    ear: float | None
    closed: bool | None
    blinks: int | None
    rate_per_min: float | None
    skipped: int
    """Faces of that frame that were seen but not followed: nobody knows where they are."""


MOST_SAMPLES = 20_000


@dataclass(slots=True)
class Memory:
    """What is remembered of one stream while one analyzer watches it.

    The next analyzer counts its faces anew and may work with other models: nothing is mixed.
    """

    models: tuple[str, ...] = ()
    """name@version@hash of detector, landmarker and classifier."""
    new_strongest: Callable[[], StrongestFrames] | None = None
    """None: no pictures are kept."""
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=MOST_SAMPLES))
    strongest: tuple[StrongestFrames, ...] = ()
    """Of two generations: what is dropped is older than a window, and nothing is searched."""
    turned_s: float = -math.inf
    """When the younger one began, by the monotonic clock."""
    alerts: set[AlertId] = field(default_factory=set)
    """Open ones whose evidence is gathered."""


@dataclass(slots=True)
class Case:
    """An alert whose seconds afterwards are still to come, or are over."""

    stream_id: StreamId
    change: AlertChange
    """The opening itself, in case that the alert is in no book when the bundle is made."""
    opened_at: datetime
    """Aware, UTC; of a resumed one, when it went on."""
    at_s: float
    """The same by the monotonic clock."""
    due_s: float
    """When it is to be written, by the monotonic clock; earlier when the stream ends."""
    frame: Frame | None
    """The picture in which it opened, where pictures may be kept."""
    tap: PacketTap | None
    memory: Memory
    resumed: bool = False
    """A service that died had opened the alert: it goes on, and its bundle may be there."""

    @property
    def alert_id(self) -> AlertId:
        """The alert's, from open to close."""
        return self.change.alert_id

    @property
    def track_id(self) -> TrackId:
        """The flagged face."""
        return self.change.track_id


@dataclass(frozen=True, slots=True)
class Material:
    """What a stream remembers of the time around a case."""

    samples: tuple[Sample, ...]
    """Of all faces, oldest first: those that are not flagged say what to blur."""
    strongest: tuple[StrongestFrames, ...] = ()
    """Of the flagged face only."""
    shots: tuple[Shot, ...] = ()
