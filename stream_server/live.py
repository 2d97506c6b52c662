"""Live events: what happened on a stream, as it is told to whoever listens."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.types import Alert, Analysis, StreamId
from stream_server.status import StreamStatus


@dataclass(frozen=True, slots=True)
class LiveAnalysis:
    """One frame was analysed."""

    stream_id: StreamId
    analysis: Analysis
    age_ms: float
    """From the frame's receipt to the end of its analysis."""
    received_at_ms: float
    """Unix time in milliseconds when the frame was received: for display, not for arithmetic."""
    type: Literal["analysis"] = "analysis"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A stream's health, once a second and at every change of state."""

    stream_id: StreamId
    status: StreamStatus
    type: Literal["status"] = "status"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class LiveAlert:
    """An alert was opened, updated, closed, acknowledged or judged."""

    seq: int
    """Grows with every change; a client that reconnects asks for what came after it."""
    alert: Alert
    type: Literal["alert"] = "alert"
    v: Literal[1] = 1


LiveEvent: TypeAlias = LiveAnalysis | LiveStatus | LiveAlert
