"""A folder with a manifest.csv: path and label, and if known kind, method, source and group."""

import csv
from pathlib import Path

from export.layouts.folders import FAKE, GENUINE
from export.layouts.item import Item, Wishes, kind_of, wished_identity
from pipeline.errors import SettingsError

NAME = "manifest.csv"


def knows(root: Path) -> bool:
    """There is a manifest."""
    return (root / NAME).is_file()


def items(root: Path, wishes: Wishes) -> list[Item]:
    """One item a row that names a video or picture; `group` is what must not be split.

    Raises:
        SettingsError: a column or a label is missing or unknown.
    """
    with (root / NAME).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [item for row in rows if (item := _item(root, row, wishes))]
    except KeyError as error:
        raise SettingsError(f"{root / NAME} has no column {error}.") from error


def _item(root: Path, row: dict[str, str], wishes: Wishes) -> Item | None:
    relative = row["path"]
    kind = kind_of(Path(relative))
    if kind is None:
        return None
    word = row["label"].lower()
    if word not in GENUINE | FAKE:
        raise SettingsError(f"{root / NAME} says {row['label']!r} where real or fake is expected.")
    source = row.get("source") or root.name
    person = wished_identity(relative, wishes) or row.get("group") or Path(relative).stem
    return Item(
        path=root / relative,
        name=f"{root.name}/{relative}",
        kind=kind,
        label=int(word in FAKE),
        method=row.get("method") or ("unknown" if word in FAKE else "none"),
        source=source,
        keys=(f"{source}:{person}",),
        official=row.get("set") or "",
    )
