"""How bundles lie in their folder: names, what each manifest says, and how they are linked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.types import StreamId
from stream_server.evidence.sealing import Signature, digest, unseal

MANIFEST, HEAD, PUBLIC_KEY = "manifest.json", "head.json", "signing-key.txt"
DELETED, PINNED = ".deleted.json", ".pinned"
FORMAT = "fakewatch-evidence/1"
START = "0" * 64
"""What the first bundle names as the one before it."""
NAME = re.compile(r"(\d{8})-([\w-]+)")
"""Number and alert of a bundle."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One bundle that is there."""

    name: str
    alert_id: str
    stream_id: StreamId
    made_at: datetime
    """Aware, UTC."""
    kept: str
    """A `Mode`: what it really holds."""
    note: str | None
    """Why it holds less than the settings ask for."""
    files: tuple[str, ...]
    size_bytes: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One place in the chain: a bundle, or the mark of a deleted one."""

    name: str
    own_hash: str
    """SHA-256 of its manifest."""
    previous: str | None
    deleted: str | None
    """Why it was deleted; None while it is there."""
    signature: Signature
    key: str | None


def read_entry(folder: Path) -> Entry | None:
    """What a bundle's manifest says of it; None where it has none that can be read."""
    try:
        facts, _, _ = unseal((folder / MANIFEST).read_bytes())
        files = facts["files"]
        return Entry(
            name=folder.name,
            alert_id=str(facts["alert_id"]),
            stream_id=StreamId(str(facts["stream_id"])),
            made_at=datetime.fromisoformat(facts["made_at"]),
            kept=str(facts["kept"]),
            note=facts.get("note"),
            files=tuple(sorted(files)),
            size_bytes=sum(int(file["bytes"]) for file in files.values()),
            pinned=folder.with_name(f"{folder.name}{PINNED}").exists(),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def read_head(folder: Path) -> tuple[int, str] | None:
    """Number and hash of what was written last; None where that is not noted readably."""
    try:
        facts, _, _ = unseal((folder / HEAD).read_bytes())
        return int(facts["number"]), str(facts["manifest_sha256"])
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None


def read_links(folder: Path) -> dict[int, Link]:
    """Every place of the chain by its number; what cannot be read is left out."""
    links = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(DELETED)
        number = NAME.fullmatch(name)
        link = _link(path, name) if number else None
        # A mark beside its bundle means that the deletion was cut short: the bundle says more.
        if number and link and (link.deleted is None or int(number[1]) not in links):
            links[int(number[1])] = link
    return links


def _link(path: Path, name: str) -> Link | None:
    is_bundle = path.is_dir() and not path.is_symlink()
    try:
        data = (path / MANIFEST if is_bundle else path).read_bytes()
        facts, signature, key = unseal(data)
    except (OSError, ValueError):
        return None
    if is_bundle:
        return Link(name, digest(data), _text(facts, "previous"), None, signature, key)
    own, why = _text(facts, "manifest_sha256"), _text(facts, "reason")
    if path.name == name or own is None or facts.get("bundle") != name:
        return None
    return Link(name, own, _text(facts, "previous"), why or "unknown", signature, key)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None
