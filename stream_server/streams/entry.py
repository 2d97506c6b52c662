"""One stream at run time: its spec, its runner, what it counted, and how the API shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.interfaces import Source
from pipeline.types import StreamId
from stream_server.plugins import build
from stream_server.specs import StreamSpec
from stream_server.streams.challenger import Challenger
from stream_server.streams.enroller import Enroller
from stream_server.streams.preview import Preview
from stream_server.streams.recording import Recorder
from stream_server.streams.runner import StreamRunner
from stream_server.streams.status import StreamStatus
from stream_server.streams.stream_metrics import Sample
from stream_server.streams.tuning import Tuning

Kind = Literal["configured", "added", "webrtc"]


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream as the API shows it; credentials are masked."""

    id: StreamId
    name: str
    kind: Kind
    """configured: in the settings, cannot be changed here. webrtc: lives as long as its sender."""
    source: dict[str, Any]
    status: StreamStatus
    preset: str | None = None
    """The known system's rule that judges it in the place of fakewatch's own."""


@dataclass(slots=True)
class StreamEntry:
    """One stream with its runner; `spec` is None for a WebRTC session."""

    stream_id: StreamId
    kind: Kind
    spec: StreamSpec | None
    recorder: Recorder
    runner: StreamRunner
    label: str
    preset: str | None
    preview: Preview
    enroller: Enroller
    challenger: Challenger
    tuning: Tuning


def sample_of(entry: StreamEntry) -> Sample:
    """Read what metrics need."""
    return Sample(entry.label, entry.recorder.dressed(entry.runner.status()), entry.recorder.tally)


def view_of(entry: StreamEntry) -> StreamView:
    """Show it, with its credentials masked."""
    source = entry.spec.source.model_dump(mode="json") if entry.spec else {"type": "webrtc"}
    status = entry.recorder.dressed(entry.runner.status())
    return StreamView(
        entry.stream_id, entry.recorder.name, entry.kind, source, status, entry.preset
    )


def opener_of(
    stream_id: StreamId, spec: StreamSpec | None, source: Source | None
) -> Callable[[int], Source]:
    """Make what the runner calls for each connection: epoch in, source out."""
    if source is not None:
        return lambda _epoch: source
    assert spec is not None  # noqa: S101 - one of the two is given
    return lambda epoch: build(spec.source, stream_id, epoch)
