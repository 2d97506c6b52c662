"""Uploaded files on disk: a private folder with random names, nothing of which outlives its use."""

import errno
import os
import shutil
from pathlib import Path

from pipeline.errors import UploadError
from stream_server.uploads.upload import UploadId

_INPUT, _FACTS = "input", "upload.json"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REPORTS = {
    "json": "report.json",
    "html": "report.html",
    "pdf": "report.pdf",
    "compare": "compare.json",
}
ANNOTATED = {"video": "annotated.mp4", "image": "annotated.jpg"}


class UploadFiles:
    """The folder `uploads` of the storage; no name in it comes from outside."""

    def __init__(self, storage: Path, min_free_bytes: int) -> None:
        self._root = storage / "uploads"
        self.min_free_bytes = min_free_bytes

    def prepare(self) -> dict[UploadId, str]:
        """Make the folder and remove what a past run left unfinished; give the facts of the rest.

        Raises:
            OSError: the storage cannot be written.
        """
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.chmod(0o700)
        kept: dict[UploadId, str] = {}
        for path in sorted(self._root.iterdir()):
            facts, report = path / _FACTS, path / REPORTS["html"]
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            elif facts.is_file() and report.is_file():
                kept[UploadId(path.name)] = facts.read_text(encoding="utf-8", errors="replace")
            else:
                shutil.rmtree(path)
        return kept

    def create(self, upload_id: UploadId) -> None:
        """Make room for a new file."""
        self._folder(upload_id).mkdir(mode=0o700)

    def has_room_for(self, count: int) -> bool:
        """Whether so many more bytes leave enough free."""
        probe = self._root if self._root.exists() else self._root.parent
        return shutil.disk_usage(probe).free - count >= self.min_free_bytes

    def write(self, upload_id: UploadId, offset: int, data: bytes) -> None:
        """Write a piece at its place.

        Raises:
            UploadError: 507, the disk is full.
        """
        if not self.has_room_for(len(data)):
            raise disk_full()
        try:
            handle = os.open(self.input(upload_id), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.seek(offset)
                file.write(data)
        except OSError as error:
            if error.errno in _FULL:
                raise disk_full() from error
            raise

    def finish(self, upload_id: UploadId, size: int) -> None:
        """Cut off what a refused part may have left behind the end."""
        os.truncate(self.input(upload_id), size)

    def remember(self, upload_id: UploadId, facts: str) -> None:
        """Keep the facts beside the report, so that both survive a restart."""
        path = self._folder(upload_id) / _FACTS
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(facts)

    def drop_input(self, upload_id: UploadId) -> None:
        """Delete the uploaded file itself."""
        self.input(upload_id).unlink(missing_ok=True)

    def forget(self, upload_id: UploadId) -> None:
        """Delete everything of it."""
        shutil.rmtree(self._folder(upload_id), ignore_errors=True)

    def input(self, upload_id: UploadId) -> Path:
        """Where the uploaded file is."""
        return self._folder(upload_id) / _INPUT

    def output(self, upload_id: UploadId) -> Path:
        """Where its reports belong."""
        return self._folder(upload_id)

    def report(self, upload_id: UploadId, kind: str) -> bytes:
        """Read a report, a key of `REPORTS`.

        Raises:
            OSError: it is not there.
        """
        return (self._folder(upload_id) / REPORTS[kind]).read_bytes()

    def annotated(self, upload_id: UploadId) -> Path | None:
        """Where its annotated copy is, if it has one."""
        paths = (self._folder(upload_id) / name for name in ANNOTATED.values())
        return next((path for path in paths if path.is_file() and not path.is_symlink()), None)

    def _folder(self, upload_id: UploadId) -> Path:
        return self._root / upload_id


def disk_full() -> UploadError:
    """Say that there is no room; deleting reports or files of others makes some."""
    return UploadError(507, "disk_full", "The service has too little disk space left for this.")
