"""One uploaded file: its states, what is known of it, and how its name may look."""

import asyncio
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from pydantic import TypeAdapter

from pipeline.comparison import Circumstances
from pipeline.errors import UploadError
from pipeline.types import State

UploadId = NewType("UploadId", str)
MAX_NAME = 200
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of writing, and could make "exe.mp4" out of "4pm.exe"."""

_UNKNOWN = Circumstances()


class UploadState(StrEnum):
    """Where a file is on its way to a report."""

    RECEIVING = "receiving"
    QUEUED = "queued"
    ANALYSING = "analysing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


WAITING = frozenset({UploadState.RECEIVING, UploadState.QUEUED, UploadState.ANALYSING})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the sender wants: pictures show people, so they have to be asked for."""

    pictures: bool = False
    annotated: bool = False
    preset: str | None = None
    """Judge by this known system's rule in the place of fakewatch's own."""
    about: Circumstances = _UNKNOWN
    """What is known of the person, for a rule that asks; never shown, nor kept with the report."""


@dataclass(frozen=True, slots=True)
class UploadView:
    """What may be known of an uploaded file."""

    id: UploadId
    name: str
    state: UploadState
    size_bytes: int | None
    """As declared; None where it was not, and not all has come."""
    received_bytes: int
    """The offset at which the next part belongs."""
    pictures: bool
    """The report may show the faces at their most suspicious moments."""
    position: int | None
    """Place in the queue, from 1."""
    done_s: float
    duration_s: float | None
    worst: State | None
    """The most suspicious state of any face so far."""
    verdict: State | None
    fake_prob: float | None
    text: str | None
    """The verdict in words."""
    error: str | None
    """Stable code of what went wrong."""
    error_text: str | None
    created_at: datetime
    finished_at: datetime | None
    annotated: bool = False
    """An annotated copy was asked for; once done: it is there, as long as the report."""
    preset: str | None = None
    """The known system's rule that judges it in the place of fakewatch's own."""


@dataclass(slots=True)
class Upload:
    """One uploaded file as the service remembers it; touched on the event loop only."""

    id: UploadId
    name: str
    size_bytes: int | None
    pictures: bool
    created_at: datetime
    annotated: bool = False
    preset: str | None = None
    about: Circumstances = _UNKNOWN
    touched_s: float = 0.0
    """Monotonic time of the newest byte."""
    state: UploadState = UploadState.RECEIVING
    received_bytes: int = 0
    done_s: float = 0.0
    duration_s: float | None = None
    worst: State | None = None
    verdict: State | None = None
    fake_prob: float | None = None
    text: str | None = None
    error: str | None = None
    error_text: str | None = None
    finished_at: datetime | None = None
    receiving: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while its files are written or removed."""
    task: "asyncio.Task[object] | None" = None

    def view(self, position: int | None = None) -> UploadView:
        """What may be known of it."""
        return UploadView(**{name: getattr(self, name) for name in _SHOWN}, position=position)

    def facts(self) -> str:
        """Write what is known of it, once finished, to be kept beside its report."""
        return _VIEW.dump_json(self.view()).decode()


_SHOWN = tuple(name for name in UploadView.__dataclass_fields__ if name != "position")
_VIEW = TypeAdapter(UploadView)


def restored(facts: str) -> Upload:
    """Read back what `Upload.facts` wrote.

    Raises:
        ValueError: it is damaged.
    """
    view = _VIEW.validate_json(facts)
    return Upload(**{name: getattr(view, name) for name in _SHOWN})


def checked_name(name: str) -> str:
    """Return a file's own name; it is shown, never used as a path.

    Raises:
        UploadError: 422 where it is empty, too long, has a folder in it or cannot be shown.
    """
    if not name.strip() or len(name) > MAX_NAME:
        raise _bad_name(f"give the file's name, in at most {MAX_NAME} characters")
    if "/" in name or "\\" in name or name in (".", ".."):
        raise _bad_name("give the file's own name without a folder")
    if any(
        unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _OVERRIDES
        for sign in name
    ):
        raise _bad_name("it holds characters that cannot be shown")
    return name


def _bad_name(reason: str) -> UploadError:
    return UploadError(422, "bad_name", f"name: {reason}.")
