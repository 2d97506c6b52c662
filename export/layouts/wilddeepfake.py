"""WildDeepfake (Zi et al. 2020): unpacked folders of aligned face pictures.

`fake_train/12/fake/345/67.png`: video 12, face sequence 345, frame 67. A sequence is one item.
"""

import re
from pathlib import Path

from export.layouts.item import IMAGES, Item, Wishes

FOLDER = re.compile(r"^(real|fake)_(train|test)$")


def knows(root: Path) -> bool:
    """One of its four folders is there."""
    return any(FOLDER.match(path.name) for path in root.iterdir() if path.is_dir())


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every folder that directly holds pictures."""
    del wishes
    found = []
    for top in sorted(path for path in root.iterdir() if path.is_dir()):
        named = FOLDER.match(top.name)
        if named is None:
            continue
        label = int(named[1] == "fake")
        for folder in sorted({path.parent for path in top.rglob("*") if path.suffix in IMAGES}):
            video = folder.relative_to(top).parts[0] if folder != top else top.name
            found.append(
                Item(
                    path=folder,
                    name=f"{root.name}/{folder.relative_to(root).as_posix()}",
                    kind="frames",
                    label=label,
                    method="wild" if label else "none",
                    source="wilddeepfake",
                    keys=(f"wilddeepfake:{top.name}/{video}",),
                    official=named[2],
                )
            )
    return found
