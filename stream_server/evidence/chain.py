"""The folder of all bundles: each names the hash of the one before it; what goes leaves a mark."""

import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream_server.evidence.links import (
    DELETED,
    FORMAT,
    HEAD,
    MANIFEST,
    NAME,
    PINNED,
    START,
    Entry,
    read_entry,
    read_head,
    read_links,
)
from stream_server.evidence.sealing import Key, digest, seal, unseal

_NEW, _GOING = ".new-", ".going-"


class Chain:
    """Adds, pins and deletes bundles; safe between threads, and after a crash at any point.

    A bundle appears by one `rename`, whole, or not at all. A deleted one leaves its hash and the
    hash before it, so that the rest can still be verified.
    """

    def __init__(self, folder: Path, key: Key | None = None) -> None:
        self._folder, self._key = folder, key
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._seq, self._hash = 0, START

    def open(self) -> None:
        """Make the folder private, clear what a crash left, and find the end of the chain.

        Raises:
            OSError: the folder cannot be used.
        """
        with self._lock:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            for path in self._folder.glob(f"{_NEW}*"):
                _remove(path)
            for path in self._folder.glob(f"{_GOING}*"):
                self._bury(path, "interrupted")
            self._entries = {e.name: e for e in map(read_entry, self._bundles()) if e is not None}
            self._seq, self._hash = self._end()

    def entries(self) -> list[Entry]:
        """Every bundle, oldest first."""
        with self._lock:
            return sorted(self._entries.values(), key=lambda entry: entry.name)

    def find(self, alert_id: str) -> Entry | None:
        """The bundle of an alert."""
        return next((e for e in self.entries() if e.alert_id == alert_id), None)

    def add(self, alert_id: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> Entry:
        """Write a bundle and name it; all of it is on the disk when this returns.

        Raises:
            OSError: the disk is full or broken; nothing of it is left.
        """
        with self._lock:
            name = f"{self._seq + 1:08}-{alert_id}"
            manifest = self._manifest(name, files, facts)
            fresh = self._folder / f"{_NEW}{name}"
            try:
                fresh.mkdir(mode=0o700)
                for file, data in {**files, MANIFEST: manifest}.items():
                    _write(fresh / file, data)
                _sync(fresh)
                fresh.rename(self._folder / name)
            except OSError:
                _remove(fresh)
                raise
            self._seq, self._hash = self._seq + 1, digest(manifest)
            self._write_head()
            _sync(self._folder)
            entry = read_entry(self._folder / name)
            assert entry is not None  # noqa: S101 - it was written just now
            self._entries[name] = entry
            return entry

    def pin(self, name: str, *, pinned: bool) -> Entry:
        """Keep a bundle from retention, or let it go its way again.

        Raises:
            OSError: the mark cannot be written.
        """
        with self._lock:
            mark = self._folder / f"{name}{PINNED}"
            mark.touch(mode=0o600) if pinned else mark.unlink(missing_ok=True)
            self._entries[name] = replace(self._entries[name], pinned=pinned)
            return self._entries[name]

    def delete(self, name: str, reason: str) -> None:
        """Delete a bundle and leave its mark; does nothing where it is gone already.

        Raises:
            OSError: the disk refuses; the next `open` goes on with it.
        """
        with self._lock:
            if self._entries.pop(name, None) is None:
                return
            going = self._folder / f"{_GOING}{name}"
            (self._folder / name).rename(going)
            self._bury(going, reason)

    def path(self, name: str) -> Path:
        """Where a bundle lies."""
        return self._folder / name

    def _manifest(self, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
        table = {file: {"sha256": digest(d), "bytes": len(d)} for file, d in files.items()}
        link = {"format": FORMAT, "bundle": name, "previous": self._hash, "files": table}
        return seal({**facts, **link}, self._key)

    def _bury(self, going: Path, reason: str) -> None:
        """Delete a bundle's files, leave the mark, delete the rest: works on a full disk too."""
        name = going.name.removeprefix(_GOING)
        manifest = going / MANIFEST
        for path in going.iterdir():
            if path != manifest:
                _remove(path)
        mark = self._folder / f"{name}{DELETED}"
        if manifest.is_file() and not mark.exists():
            facts, _, _ = unseal(manifest.read_bytes())
            fresh = self._folder / f"{_NEW}{mark.name}"
            _write(fresh, seal(self._mark(name, manifest, facts, reason), self._key))
            fresh.rename(mark)
        (self._folder / f"{name}{PINNED}").unlink(missing_ok=True)
        _remove(going)
        _sync(self._folder)

    @staticmethod
    def _mark(name: str, manifest: Path, facts: dict[str, Any], reason: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "bundle": name,
            "manifest_sha256": digest(manifest.read_bytes()),
            "previous": facts.get("previous"),
            "deleted_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": reason,
        }

    def _bundles(self) -> list[Path]:
        paths = (path for path in self._folder.iterdir() if NAME.fullmatch(path.name))
        return sorted(path for path in paths if path.is_dir() and not path.is_symlink())

    def _end(self) -> tuple[int, str]:
        """Number and hash of the newest bundle, deleted ones too, or what the head remembers."""
        head = read_head(self._folder)
        links = read_links(self._folder)
        newest = max(links, default=0)
        if head is not None and head[0] > newest:
            return head
        if not newest:
            return 0, START
        found = newest, links[newest].own_hash
        if head != found:
            self._seq, self._hash = found
            self._write_head()
        return found

    def _write_head(self) -> None:
        """Note the end, so that a missing last bundle is noticed; not worth failing for."""
        fresh = self._folder / f"{_NEW}{HEAD}"
        facts = {"format": FORMAT, "number": self._seq, "manifest_sha256": self._hash}
        try:
            _write(fresh, seal(facts, self._key))
            fresh.rename(self._folder / HEAD)
        except OSError:
            fresh.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
