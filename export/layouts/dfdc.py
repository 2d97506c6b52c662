"""DFDC (Dolhansky et al. 2020): folders of videos, each with a metadata.json.

`{"abc.mp4": {"label": "FAKE", "split": "train", "original": "xyz.mp4"}}`. People are not named: a
fake is tied to its original, but two originals may show one person.
"""

import json
from pathlib import Path

from export.layouts.item import Item, Wishes, kind_of
from pipeline.errors import SettingsError

NAME = "metadata.json"


def knows(root: Path) -> bool:
    """A metadata.json lies here or in a folder below."""
    return bool(_lists(root))


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every listed video that is there; samples of the set list more than they hold.

    Raises:
        SettingsError: a metadata.json is not DFDC's.
    """
    del wishes
    found = []
    for path in _lists(root):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            rows = [(name, fact["label"].upper(), fact) for name, fact in facts.items()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"{path} is no metadata.json as DFDC has it.") from error
        for name, label, fact in rows:
            video = path.parent / name
            if label in ("REAL", "FAKE") and kind_of(video) and video.is_file():
                found.append(_item(root, video, int(label == "FAKE"), fact))
    return found


def _item(root: Path, video: Path, label: int, fact: dict[str, str]) -> Item:
    original = fact.get("original") or video.name
    return Item(
        path=video,
        name=f"{root.name}/{video.relative_to(root).as_posix()}",
        kind="video",
        label=label,
        method="dfdc" if label else "none",
        source="dfdc",
        keys=(f"dfdc:{original}",),
        official=fact.get("split") or "",
    )


def _lists(root: Path) -> list[Path]:
    return sorted([*root.glob(NAME), *root.glob(f"*/{NAME}")])
