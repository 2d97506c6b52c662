"""FaceForensics++ (Roessler et al. 2019) as its download script lays it out.

`original_sequences/youtube/c23/videos/033.mp4` and
`manipulated_sequences/Deepfakes/c23/videos/033_097.mp4`: target, then source clip. The actors'
videos of DeepFakeDetection lie beside them and are named as in `dfd.py`.
"""

from pathlib import Path

from export.layouts import dfd
from export.layouts.item import Item, Wishes, media_below

GENUINE, FAKE = "original_sequences", "manipulated_sequences"
ACTORS = frozenset({"actors", "DeepFakeDetection"})


def knows(root: Path) -> bool:
    """One of its two folders is there."""
    return (root / GENUINE).is_dir() or (root / FAKE).is_dir()


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every video; the masks that lie beside them are not read."""
    del wishes
    found = []
    for folder, label in ((GENUINE, 0), (FAKE, 1)):
        for path, kind in media_below(root / folder):
            parts = path.relative_to(root / folder).parts
            if kind != "video" or "masks" in parts:
                continue
            method, quality = parts[0], parts[1] if len(parts) > 2 else ""
            name = f"{root.name}/{path.relative_to(root).as_posix()}"
            if method in ACTORS:
                found.append(dfd.item(path, name, label))
                continue
            found.append(
                Item(
                    path=path,
                    name=name,
                    kind="video",
                    label=label,
                    method=method if label else "none",
                    source=f"ffpp_{quality}".rstrip("_"),
                    keys=tuple(f"ffpp:{clip}" for clip in path.stem.split("_")),
                )
            )
    return found
