"""Any folder of videos or pictures: the folder above a file says real or fake."""

from pathlib import Path, PurePosixPath

from export.layouts.item import Item, Wishes, media_below, wished_identity

GENUINE = frozenset({"real", "reals", "genuine", "original", "originals", "0"})
FAKE = frozenset({"fake", "fakes", "manipulated", "1"})


def knows(root: Path) -> bool:
    """Any folder will do."""
    return root.is_dir()


def items(root: Path, wishes: Wishes) -> list[Item]:
    """Every file whose label is known; the innermost folder that names one decides."""
    found = []
    for path, kind in media_below(root):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        place, label = _label(relative, root.name)
        if wishes.label is not None:
            label = wishes.label
        if label is None:
            continue
        below = relative.parts[place + 1 : -1]
        person = wished_identity(str(relative), wishes) or "/".join(below) or relative.stem
        found.append(
            Item(
                path=path,
                name=f"{root.name}/{relative}",
                kind=kind,
                label=label,
                method="unknown" if label else "none",
                source=root.name,
                keys=(f"{root.name}:{person}",),
            )
        )
    return found


def _label(relative: PurePosixPath, root_name: str) -> tuple[int, int | None]:
    """(place of the folder that names the label, label); -1 is the root itself."""
    for place in range(len(relative.parts) - 2, -2, -1):
        name = (relative.parts[place] if place >= 0 else root_name).lower()
        if name in GENUINE | FAKE:
            return place, int(name in FAKE)
    return -1, None
