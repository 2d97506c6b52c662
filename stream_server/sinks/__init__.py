"""Where alerts go: one file a type, and the seam that they share."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pipeline.errors import SinkError
from stream_server.live import LiveAlert


class Sink(Protocol):
    """Takes alerts. Time-out, retry, order and isolation are done for it.

    The same event may come twice (a crash between sending and noting it): its alert's id and its
    `seq` tell the receiver.
    """

    async def send(self, event: LiveAlert) -> None:
        """Hand one event over.

        Raises:
            SinkGone: it will never be taken; do not try again.
            SinkError: not now; it is tried again later.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what is held; called once."""
        ...


@runtime_checkable
class GroupingSink(Protocol):
    """A sink for people: what comes at once is told at once, in one message."""

    async def send_group(self, events: Sequence[LiveAlert]) -> None:
        """Hand several events over, or none of them; raises as `Sink.send` does."""
        ...


class SinkGone(SinkError):
    """The receiver has said that it wants no more of these."""
