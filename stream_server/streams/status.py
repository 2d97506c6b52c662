"""How a stream is doing: one immutable value, replaced whole."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.types import StreamId


class StreamState(StrEnum):
    """What a person should know about a stream at one glance."""

    CONNECTING = "connecting"
    """The first connection has not delivered a frame yet."""
    ANALYSING = "analysing"
    """Frames flow and at least one face is judged."""
    NO_FACE = "no_face"
    """Frames flow and nobody is in the picture."""
    INSUFFICIENT = "insufficient"
    """Faces are seen, but too little of them to say anything."""
    DEGRADED = "degraded"
    """Frames flow, but many are damaged or the machine cannot keep up."""
    FROZEN = "frozen"
    """Frames flow, but they all show the same picture; nothing is judged."""
    STALLED = "stalled"
    """Connected, but no frame has come for too long; about to reconnect."""
    RECONNECTING = "reconnecting"
    """The connection was lost; another try is running or planned."""
    FAILED = "failed"
    """A fault of the service itself ended the analysis."""
    REJECTED = "rejected"
    """The source cannot be used as it is configured."""
    ENDED = "ended"
    """The source came to its end, or the stream was stopped."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream's health, safe to show: no address and no credential in it.

    Counters count since the stream was started, over all its connections.
    """

    stream_id: StreamId
    state: StreamState
    since: datetime
    """Aware, UTC: when this state began."""
    last_frame_at: datetime | None
    """Aware, UTC."""
    fps_decoded: float
    fps_analysed: float
    drops: dict[str, int]
    """Frames not analysed, by reason: overwritten, stale, frozen, failed, disconnected."""
    frames_received: int
    """Frames the source delivered to the slot."""
    frames_decoded: int
    """Frames the decoder produced, also those that nobody asked to see."""
    frames_analysed: int
    frames_scored: int
    """Analysed frames on which the classifier ran for at least one face."""
    frames_damaged: int
    age_p50_ms: float | None
    """Age of a frame when its analysis was finished, over the last seconds."""
    age_p95_ms: float | None
    reconnects: int
    reconnects_by_code: dict[str, int]
    last_error: str | None
    """Stable code of the last error, see `SourceError.code`."""
    last_error_text: str | None
    """One sentence for an operator, without secrets."""
    bitrate_bps: float | None
    width: int | None
    height: int | None
    provider: str
    """Where the models run: "cpu" or "cuda"."""
    shed: int
    """Load shedding from 0 (nothing) to 3 (most)."""
    retry_in_s: float | None
    """Seconds to the next try to connect, when one is planned."""
    model: str | None = None
    """name@version@hash of the classifier that judges it; None where nobody noted it."""
    suspended_until: datetime | None = None
    """Aware, UTC: until then alerts are kept, but not delivered."""
    drift: float | None = None
    """How far the stream is from the calibration; None without one, or before enough was seen."""
    drift_text: str | None = None
    """One sentence, where it no longer looks like the calibration."""
