"""How labelled data sets lie on disk: one file a layout, each says what it recognises."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from export.layouts.item import Item, Wishes
from pipeline.errors import SettingsError

LAYOUTS = (
    "manifest",
    "faceforensics",
    "celebdf",
    "dfdc",
    "wilddeepfake",
    "dfd",
    "folders",
)
"""In the order in which they are asked; the last takes any folder."""


def items_of(sources: Sequence[Path], wishes: Wishes) -> list[Item]:
    """Every labelled file of these folders.

    Raises:
        SettingsError: a source is no folder, holds nothing labelled, or two have the same name.
    """
    names = [source.resolve().name for source in sources]
    if len(set(names)) < len(names):
        raise SettingsError("Two sources have the same folder name; rename one of them.")
    found: list[Item] = []
    for source in sources:
        if not source.is_dir():
            raise SettingsError(f"There is no folder {source}.")
        items = _read(source.resolve(), wishes)
        if not items:
            raise SettingsError(
                f"{source} holds no labelled video or picture: name folders in it real and fake, "
                "or give --label."
            )
        found += items
    return found


def layout_of(root: Path) -> str:
    """The name of the first layout that recognises this folder."""
    return next(name for name in LAYOUTS if import_module(f"export.layouts.{name}").knows(root))


def _read(root: Path, wishes: Wishes) -> list[Item]:
    name = "folders" if wishes.label is not None else layout_of(root)
    items: list[Item] = import_module(f"export.layouts.{name}").items(root, wishes)
    return items
