"""DFD, Google's DeepFakeDetection: actors' videos, told apart by their names.

`01__exit_phone_room.mp4` is actor 1; `01_02__exit_phone_room__YVGY8LOK.mp4` is actor 1 with the
face of actor 2.
"""

import re
from pathlib import Path

from export.layouts.item import Item, Wishes, media_below

NAME = re.compile(r"^(\d\d)(?:_(\d\d))?__[a-z_]+?(?:__[A-Z0-9]{8})?$")


def knows(root: Path) -> bool:
    """The first videos are named as DFD names them."""
    videos = [path for path, kind in media_below(root) if kind == "video"][:20]
    return bool(videos) and all(NAME.match(path.stem) for path in videos)


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every video with such a name."""
    del wishes
    return [
        item(path, f"{root.name}/{path.relative_to(root).as_posix()}", int(found[2] is not None))
        for path, kind in media_below(root)
        if kind == "video" and (found := NAME.match(path.stem))
    ]


def item(path: Path, name: str, label: int) -> Item:
    """One of its videos."""
    actors = path.stem.split("__")[0].split("_")
    return Item(
        path=path,
        name=name,
        kind="video",
        label=label,
        method="DeepFakeDetection" if label else "none",
        source="dfd",
        keys=tuple(f"dfd:{actor}" for actor in actors),
    )
