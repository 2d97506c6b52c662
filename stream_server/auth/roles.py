"""Who asks, and what they may do: three roles, and the streams that they may see."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.types import StreamId


class Role(StrEnum):
    """What somebody may do; each may also do what the one before may."""

    VIEWER = "viewer"
    """Look: streams, alerts, live results, metrics."""
    OPERATOR = "operator"
    """Work: send video and files, add streams, acknowledge and judge alerts, enrol."""
    ADMIN = "admin"
    """Decide who may do what, and read the audit log."""

    def covers(self, least: "Role") -> bool:
        """Whether this role may do what asks for `least`."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(least)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever made a request, once it is known who that is."""

    name: str
    """A user's; "(local)" on an open loopback service, "(token)" for the token of the settings."""
    role: Role
    streams: frozenset[StreamId] | None = None
    """None: all of them."""
    started: Callable[[], frozenset[StreamId]] = frozenset
    """Streams that this very user sends: whoever sends a video may see its results."""
    holds: Callable[[], bool] = lambda: True
    """Whether all this is still so; live connections end when it is not."""

    def sees(self, stream_id: StreamId) -> bool:
        """Whether this stream is any of their business."""
        return self.streams is None or stream_id in self.streams or stream_id in self.started()


LOCAL, BY_TOKEN = "(local)", "(token)"
"""Names that no user can have: those begin with a letter or a digit."""
