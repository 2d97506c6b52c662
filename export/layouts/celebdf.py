"""Celeb-DF v2 (Li et al. 2020): Celeb-real, YouTube-real, Celeb-synthesis, and a list of tests.

`id0_0001.mp4` is person 0; `id0_id16_0001.mp4` is person 0 with the face of person 16.
`List_of_testing_videos.txt` becomes `official`; it shares people with the rest, so that our own
split does not follow it.
"""

import re
from pathlib import Path

from export.layouts.item import Item, Wishes, media_below

FOLDERS = {"Celeb-real": 0, "YouTube-real": 0, "Celeb-synthesis": 1}
LIST = "List_of_testing_videos.txt"


def knows(root: Path) -> bool:
    """Its folder of fakes or its list is there."""
    return (root / "Celeb-synthesis").is_dir() or (root / LIST).is_file()


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every video of the three folders."""
    del wishes
    tests = _tests(root)
    found = []
    for folder, label in FOLDERS.items():
        for path, kind in media_below(root / folder) if (root / folder).is_dir() else ():
            if kind != "video":
                continue
            relative = path.relative_to(root).as_posix()
            people = re.findall(r"id\d+", path.stem) or [f"{folder}/{path.stem}"]
            official = "" if not tests else "test" if relative in tests else "train"
            found.append(
                Item(
                    path=path,
                    name=f"{root.name}/{relative}",
                    kind="video",
                    label=label,
                    method="Celeb-synthesis" if label else "none",
                    source="celebdf_v2",
                    keys=tuple(f"celebdf:{person}" for person in people),
                    official=official,
                )
            )
    return found


def _tests(root: Path) -> set[str]:
    """Lines are `1 Celeb-real/id1_0001.mp4`; there, 1 means genuine, so folders give the label."""
    path = root / LIST
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8").split("\n")
    return {line.split(maxsplit=1)[1].strip() for line in lines if len(line.split()) >= 2}
