"""The nouns of fakewatch: immutable values that pass between the stages and out to the browser."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.eye_types import BlinkStats as BlinkStats
from pipeline.eye_types import EyeSample as EyeSample
from pipeline.eye_types import HeadPose as HeadPose
from pipeline.eye_types import LongBlinks as LongBlinks

Image: TypeAlias = NDArray[np.uint8]
"""Pixels, (height, width, 3), BGR."""

StreamId = NewType("StreamId", str)
TrackId = NewType("TrackId", int)
AlertId = NewType("AlertId", str)


class State(StrEnum):
    """What may be said about a face, a stream or a file. There is no "real"."""

    CLEAR = "clear"
    """Enough was seen and no sign of manipulation stands out."""
    SUSPECT = "suspect"
    """Signs of manipulation, not yet strong or long enough for an alert."""
    ALERT = "alert"
    """Signs of manipulation, strong and lasting."""
    INSUFFICIENT = "insufficient"
    """Too little could be observed to say anything."""


class AlertPhase(StrEnum):
    """Where in its life an alert is."""

    OPENED = "opened"
    UPDATED = "updated"
    ESCALATED = "escalated"
    """It has lasted, or risen, beyond what a person may put off; told once."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in full-frame pixels; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture with its time."""

    stream_id: StreamId
    index: int
    time_s: float
    """Media time: seconds since the epoch's first frame; never goes back within an epoch."""
    epoch: int
    """Counts unbroken connections; all state of an older epoch is void."""
    image: Image
    damaged: bool = False
    """The decoder reported or the packets suggested damage: never judge such pixels."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face as the detector found it."""

    box: Box
    score_prob: float
    keypoints: NDArray[np.float32] | None = None
    """(5, 2) px: right eye, left eye, nose tip, right and left mouth corner (the subject's own)."""


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face with an identity over time."""

    track_id: TrackId
    face: Face
    first_seen_s: float
    last_seen_s: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The landmarker's points of one face."""

    points: NDArray[np.float32]
    """(N, 2) px in the full frame."""
    scheme: str
    """Which numbering the points follow: "300w68", "mesh468" or "mesh478"."""
    presence_prob: float
    """How sure the model is that it looks at a face; 1.0 where it does not say."""
    eye_blink: tuple[float, float] | None = None
    """Blendshapes (right, left) in [0, 1]; 1 is closed. None where the model has none."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a face can be judged, and if not, why."""

    side_px: float
    blur: float
    """Variance of the Laplacian of the face at 112 px, grey; small is blurred."""
    exposure: float
    """Mean luma of the face in [0, 1]."""
    yaw_deg: float | None
    damaged: bool
    usable: bool
    reason: str | None
    """A stable word: "small", "blurred", "dark", "bright", "turned", "damaged"; None if usable."""


@dataclass(frozen=True, slots=True)
class FrameScore:
    """The classifier's answer for one crop."""

    logit: float
    """Calibrated log-odds that the face is fake."""
    fake_prob: float
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """(D,) unit length: what the model saw, for comparing two stretches of one face. Biometric:
    it is neither logged nor sent. None where the graph gives none."""


@dataclass(frozen=True, slots=True)
class WindowScore:
    """What a sliding window of frame scores adds up to."""

    start_s: float
    end_s: float
    samples: int
    coverage: float
    """Share of the window's planned samples that were taken, in [0, 1]."""
    logit: float | None
    fake_prob: float | None
    """None until the window is thick enough."""
    low_prob: float | None = None
    high_prob: float | None = None
    """A 90 % band from the spread of the samples, corrected for their correlation."""
    suspicious: int = 0
    """How many of the samples, on their own, speak for manipulation (fake_prob >= 0.5)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One term of the fused log-odds; the terms of a reading add up to it exactly."""

    cue: str
    """Which kind of evidence: "prior", "classifier", "blink", ..."""
    llr: float
    text: str
    """One plain sentence for a person."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything known about one tracked face at one frame: what the page draws."""

    track_id: TrackId
    box: Box
    state: State
    quality: Quality
    frame_fake_prob: float | None
    window: WindowScore | None
    blink: BlinkStats | None
    fused_prob: float | None
    reasons: tuple[Reason, ...]
    first_seen_s: float
    scored: bool = False
    """The classifier ran on this very frame."""
    low_prob: float | None = None
    high_prob: float | None = None
    """A 90 % band around `fused_prob`: the window's, with the other reasons added."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A step in the life of an alert, as the pure core sees it: media time, no wall clock."""

    alert_id: AlertId
    phase: AlertPhase
    track_id: TrackId
    time_s: float
    opened_s: float
    fake_prob: float
    peak_prob: float
    threshold: float
    reasons: tuple[Reason, ...]
    box: Box
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer to one frame."""

    stream_id: StreamId
    epoch: int
    frame_index: int
    time_s: float
    width: int
    height: int
    readings: tuple[Reading, ...]
    alerts: tuple[AlertChange, ...]
    faces_skipped: int = 0
    """Faces beyond the limit: seen, but not analysed before it is their turn."""
    stage_s: tuple[tuple[str, float], ...] = ()
    """Seconds spent per stage on this frame; empty unless the analyzer was given a timer."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is kept and sent: one id from open to close."""

    alert_id: AlertId
    stream_id: StreamId
    stream_name: str
    track_id: TrackId
    phase: AlertPhase
    opened_at: datetime
    """Aware, UTC."""
    updated_at: datetime
    closed_at: datetime | None
    opened_s: float
    time_s: float
    fake_prob: float
    peak_prob: float
    threshold: float
    reasons: tuple[Reason, ...]
    model: str
    """name@version@first 12 hex digits of the SHA-256."""
    acknowledged_at: datetime | None = None
    judged: bool | None = None
    """The user's own verdict: True = it was manipulation, False = a false alarm."""
    escalated: bool = False
    """It has lasted, or risen, beyond what a person may put off."""
    suspended: bool = False
    """It began while the stream's alerts were suspended: kept, but not delivered."""
