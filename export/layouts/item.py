"""One labelled file, and the suffixes by which files are known."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VIDEOS = frozenset(".avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ts .webm .wmv".split())  # noqa: SIM905
IMAGES = frozenset(".bmp .jpeg .jpg .png .webp".split())  # noqa: SIM905
FRAMES_FPS = 25.0
"""Of a folder of numbered frames, which does not say."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of the files, beside their folders."""

    label: int | None = None
    """1 = fake; None lets the folders say."""
    identity: str | None = None
    """A regular expression; its first group, in the path, is the person."""


@dataclass(frozen=True, slots=True)
class Item:
    """One video, picture or folder of frames."""

    path: Path
    name: str
    """SOURCE/relative/path: unique in a store."""
    kind: Literal["video", "image", "frames"]
    label: int
    """1 = fake."""
    method: str
    """How it was manipulated; "none" if genuine."""
    source: str
    """The collection it comes from."""
    keys: tuple[str, ...]
    """The people and source clips in it: none may be on two sides of a split."""
    official: str = ""
    """The split that the data set's own list names, if any."""


def kind_of(path: Path) -> Literal["video", "image"] | None:
    """By suffix; None for other files."""
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return "video"
    return "image" if suffix in IMAGES else None


def media_below(root: Path) -> Iterator[tuple[Path, Literal["video", "image"]]]:
    """Every video and picture below a folder, in order; hidden ones aside."""
    for path in sorted(root.rglob("*")):
        kind = kind_of(path)
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if kind and not hidden and path.is_file():
            yield path, kind


def wished_identity(path: str, wishes: Wishes) -> str | None:
    """The person that the user's expression finds in a path; None without one or a match."""
    found = re.search(wishes.identity, path) if wishes.identity else None
    return found.group(1) if found else None
