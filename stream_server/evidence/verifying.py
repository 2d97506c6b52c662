"""Does a bundle, or a whole folder of them, still hold what was written? Said in plain words."""

import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from stream_server.evidence.links import (
    FORMAT,
    HEAD,
    MANIFEST,
    START,
    Link,
    read_head,
    read_links,
)
from stream_server.evidence.sealing import Signature, unseal

_PIECE = 2**20
_MOST_MANIFEST_BYTES = 16 * 2**20
_UNREADABLE = (
    OSError,
    EOFError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""All that zipfile raises of bytes that are no zip file."""
Opener = Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing that was checked."""

    holds: bool
    text: str


def verify(path: Path, known_key: str | None = None) -> list[Finding]:
    """Check a bundle (folder or zip) or a folder of bundles with its chain.

    With `known_key` (64 hex digits) only what that key has signed holds.
    """
    if path.is_dir() and not (path / MANIFEST).exists():
        return _verify_folder(path, known_key)
    note = "Whether bundles before it are missing shows only in the service's own folder."
    return [*_verify_bundle(path, known_key), Finding(holds=True, text=note)]


def _verify_bundle(path: Path, known_key: str | None) -> list[Finding]:
    try:
        if path.is_dir():
            return _verify_files(_files_of(path), known_key)
        with zipfile.ZipFile(path) as archive:
            return _verify_files(_files_in(archive), known_key)
    except _UNREADABLE as error:
        return [
            Finding(holds=False, text=f"It cannot be read: {str(error) or 'it ends too early'}.")
        ]
    except ValueError as error:
        return [Finding(holds=False, text=str(error))]


def _files_of(folder: Path) -> dict[str, Opener]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    if any(path.is_symlink() for path in paths):
        raise ValueError("It holds a link in the place of a file.")
    return {path.relative_to(folder).as_posix(): _opener(path) for path in paths}


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")


def _files_in(archive: zipfile.ZipFile) -> dict[str, Opener]:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(set(names)) < len(names):
        raise ValueError("The zip file holds two files of one name.")
    # A bundle that was downloaded lies in one folder of its own name.
    tops = {name.partition("/")[0] for name in names if "/" in name}
    top = f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
    return {name.removeprefix(top): partial(archive.open, name) for name in names}


def _verify_files(files: Mapping[str, Opener], known_key: str | None) -> list[Finding]:
    if MANIFEST not in files:
        raise ValueError("There is no manifest.json: it is no bundle, or its list is missing.")
    with files[MANIFEST]() as file:
        data = file.read(_MOST_MANIFEST_BYTES)
    try:
        facts, signature, key = unseal(data)
        listed: dict[str, Any] = dict(facts["files"])
        wanted = {name: (int(f["bytes"]), str(f["sha256"])) for name, f in listed.items()}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise ValueError("Its manifest cannot be read.") from None
    if facts.get("format") != FORMAT:
        raise ValueError("Its manifest is of a kind that this version does not know.")
    findings = [_judge_signature(signature, key, known_key)]
    for name, (size, digest) in sorted(wanted.items()):
        findings.append(_judge_file(name, files.get(name), size, digest))
    findings += [
        Finding(holds=False, text=f"{name} was added: the manifest does not list it.")
        for name in sorted(files.keys() - wanted.keys() - {MANIFEST})
    ]
    return findings


def _judge_file(name: str, opener: Opener | None, size: int, digest: str) -> Finding:
    if opener is None:
        return Finding(holds=False, text=f"{name} is missing.")
    found, seen = hashlib.sha256(), 0
    with opener() as file:
        # A byte more than listed is enough to know: nothing endless is read.
        while seen <= size and (piece := file.read(_PIECE)):
            found.update(piece)
            seen += len(piece)
    if seen != size or found.hexdigest() != digest:
        return Finding(holds=False, text=f"{name} was altered.")
    return Finding(holds=True, text=f"{name} is as it was written.")


def _judge_signature(signature: Signature, key: str | None, known_key: str | None) -> Finding:
    if signature is Signature.INVALID:
        return Finding(holds=False, text="Its signature does not fit: the manifest was altered.")
    if signature is Signature.NONE:
        text = "It is not signed: whoever could write here could have written it anew."
        return Finding(holds=known_key is None, text=text)
    if known_key is None:
        text = f"It is signed with the key {key}; compare it with the service's own, or use --key."
        return Finding(holds=True, text=text)
    if key != known_key:
        return Finding(holds=False, text=f"It is signed with another key, {key}.")
    return Finding(holds=True, text="It is signed with the key that you named.")


def _verify_folder(folder: Path, known_key: str | None) -> list[Finding]:
    try:
        links = read_links(folder)
        head = read_head(folder)
    except OSError as error:
        return [Finding(holds=False, text=f"{folder} cannot be read: {error.strerror}.")]
    if not links and head is None:
        return [Finding(holds=False, text=f"{folder} holds no bundle.")]
    findings = []
    for link in (links[number] for number in sorted(links)):
        if link.deleted is None:
            found = _verify_bundle(folder / link.name, known_key)
        else:
            found = [_judge_signature(link.signature, link.key, known_key)]
        findings += [Finding(f.holds, f"{link.name}: {f.text}") for f in found]
    return [*findings, *_verify_chain(links, head)]


def _verify_chain(links: Mapping[int, Link], head: tuple[int, str] | None) -> list[Finding]:
    findings, expected = [], START
    last = max([*links, head[0] if head else 0])
    whole = True
    for number in range(1, last + 1):
        link = links.get(number)
        if link is None:
            text = f"Number {number} is missing, and nothing says that it was deleted."
            findings.append(Finding(holds=False, text=text))
            whole = False
            expected = ""
            continue
        if expected and link.previous != expected:
            text = (
                f"{link.name} does not continue the chain: it, or the one before it, was altered."
            )
            findings.append(Finding(holds=False, text=text))
            whole = False
        if link.deleted is not None:
            text = f"{link.name} was deleted by the service ({link.deleted}); its place is kept."
            findings.append(Finding(holds=True, text=text))
        expected = link.own_hash
    findings.append(_judge_head(links, head))
    if whole:
        text = f"The chain of {last} is unbroken, from the first to the last."
        findings.append(Finding(holds=True, text=text))
    return findings


def _judge_head(links: Mapping[int, Link], head: tuple[int, str] | None) -> Finding:
    if head is None:
        text = f"{HEAD} is missing: the newest bundles could be missing too."
        return Finding(holds=False, text=text)
    number, digest = head
    link = links.get(number)
    if link is None or link.own_hash != digest:
        text = f"{HEAD} names another bundle as number {number}."
        return Finding(holds=False, text=text)
    if max(links) > number:
        text = f"{HEAD} was written before number {max(links)}: the service ended just then."
        return Finding(holds=True, text=text)
    return Finding(holds=True, text=f"{HEAD} names the newest bundle.")
