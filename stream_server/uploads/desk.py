"""Uploaded files on their way to a report: received in parts, queued, analysed one by one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from pipeline.errors import UploadError
from stream_server.metrics import Metrics
from stream_server.problems import Conflict, NoCapacity, NotFound
from stream_server.settings import Settings
from stream_server.uploads.files import UploadFiles, disk_full
from stream_server.uploads.intake import PART_BYTES, Intake, too_large
from stream_server.uploads.printing import print_report
from stream_server.uploads.queue import UploadQueue
from stream_server.uploads.upload import (
    WAITING,
    Upload,
    UploadId,
    UploadState,
    UploadView,
    Wishes,
    checked_name,
    restored,
)

log = structlog.get_logger("fakewatch.uploads")

MAX_REMEMBERED = 500
_ABANDONED_S = 600.0
_TIDY_EVERY_S = 30.0
_MIB = 2**20
_NO_WISHES = Wishes()


class Uploads:
    """All uploaded files of this service; lives on the event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._limits = settings.uploads
        self._files = UploadFiles(settings.storage.path, self._limits.min_free_mb * _MIB)
        self._intake = Intake(self._files, self._limits.max_bytes)
        self._uploads: dict[UploadId, Upload] = {}
        self._queue = UploadQueue(settings, self._files, self._end)
        self._tasks: list[asyncio.Task[None]] = []
        self._usable = False
        self._finished = metrics.uploads_finished
        for state in UploadState:
            metrics.uploads.labels(state.value).set_function(partial(self._count, state))
        for result in ("done", "failed", "cancelled"):
            self._finished.labels(result)

    def adjust(self, settings: Settings) -> None:
        """Go by other limits from now on; how many are analysed at once stays."""
        self._limits = settings.uploads
        self._queue.settings = settings
        self._files.min_free_bytes = self._limits.min_free_mb * _MIB
        self._intake.max_bytes = self._limits.max_bytes

    async def start(self) -> None:
        """Remove what a past run left unfinished, and begin to work."""
        try:
            kept = await asyncio.to_thread(self._files.prepare)
        except OSError as error:
            log.warning("uploads_unusable", reason=str(error))
            return
        self._usable = True
        for upload_id, facts in kept.items():
            try:
                self._uploads[upload_id] = restored(facts)
            except ValueError:
                await asyncio.to_thread(self._files.forget, upload_id)
        self._uploads = dict(sorted(self._uploads.items(), key=lambda item: item[1].created_at))
        self._tasks = [asyncio.create_task(self._queue.run()) for _ in range(self._limits.parallel)]
        self._tasks.append(asyncio.create_task(self._tidy()))

    async def stop(self) -> None:
        """End what runs; what has no report yet is removed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for upload in list(self._uploads.values()):
            if upload.state in WAITING:
                await self.cancel(upload.id)

    def begin(self, name: str, size_bytes: int | None, wishes: Wishes = _NO_WISHES) -> UploadView:
        """Accept a file that is to come.

        Raises:
            UploadError: its name or size will not do, or the disk is too full.
            NoCapacity: too many files wait already.
        """
        checked_name(name)
        if size_bytes is not None and size_bytes < 1:
            raise _empty()
        if size_bytes is not None and size_bytes > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)
        waiting = [upload for upload in self._uploads.values() if upload.state in WAITING]
        if len(waiting) >= self._limits.max_waiting:
            raise NoCapacity(f"{len(waiting)} files wait already; try again later.")
        still_to_come = sum((u.size_bytes or 0) - u.received_bytes for u in waiting if u.size_bytes)
        if not self._usable or not self._files.has_room_for(still_to_come + (size_bytes or 0)):
            raise disk_full()
        upload = Upload(
            UploadId(secrets.token_hex(16)),
            name,
            size_bytes,
            wishes.pictures,
            _now(),
            wishes.annotated,
            wishes.preset,
            wishes.about,
        )
        upload.touched_s = asyncio.get_running_loop().time()
        self._files.create(upload.id)
        self._uploads[upload.id] = upload
        return upload.view()

    async def receive_part(
        self, upload_id: UploadId, offset: int, chunks: AsyncIterator[bytes]
    ) -> UploadView:
        """Take the next part in.

        Raises:
            NotFound, UploadError: see `Intake.take`.
        """
        upload = self._find(upload_id)
        await self._intake.take(upload, offset, chunks, PART_BYTES)
        return upload.view()

    async def receive_whole(
        self, name: str, size_bytes: int | None, chunks: AsyncIterator[bytes], wishes: Wishes
    ) -> UploadView:
        """Take a file in at once and queue it; one that does not arrive whole is forgotten."""
        upload_id = self.begin(name, size_bytes, wishes).id
        try:
            await self._intake.take(self._find(upload_id), 0, chunks, self._limits.max_bytes)
            return await self.finish(upload_id)
        except BaseException:
            # Also where the request was cancelled: nobody else knows its id.
            await self.forget(upload_id)
            raise

    async def finish(self, upload_id: UploadId) -> UploadView:
        """Queue a file that has arrived.

        Raises:
            UploadError: not all of it has come, or it was queued before.
        """
        upload = self._find(upload_id)
        if upload.state is not UploadState.RECEIVING or upload.receiving:
            raise Conflict(f"This file is {upload.state.value}.")
        if upload.received_bytes == 0:
            raise _empty()
        if upload.size_bytes is not None and upload.received_bytes != upload.size_bytes:
            raise UploadError(
                409,
                "incomplete",
                f"{upload.received_bytes} of the declared {upload.size_bytes} bytes have come.",
            )
        upload.size_bytes = upload.received_bytes
        upload.state = UploadState.QUEUED
        async with upload.lock:
            await asyncio.to_thread(self._files.finish, upload.id, upload.received_bytes)
        if upload.state is UploadState.QUEUED:  # it may have been cancelled meanwhile
            self._queue.add(upload)
        return upload.view(self._queue.position(upload))

    async def cancel(self, upload_id: UploadId) -> UploadView:
        """Stop it wherever it is, and delete its files; what is finished stays as it is."""
        upload = self._find(upload_id)
        if upload.state not in WAITING:
            return upload.view()
        self._end(upload, UploadState.CANCELLED)
        self._queue.discard(upload)
        if upload.task is not None:
            upload.task.cancel()
            await asyncio.wait({upload.task})
        async with upload.lock:
            await asyncio.to_thread(self._files.forget, upload.id)
        return upload.view()

    async def forget(self, upload_id: UploadId) -> None:
        """Cancel it where it still waits, and delete everything of it."""
        upload = self._find(upload_id)
        await self.cancel(upload_id)
        self._uploads.pop(upload_id, None)
        async with upload.lock:
            await asyncio.to_thread(self._files.forget, upload.id)

    def view(self, upload_id: UploadId) -> UploadView:
        """Look one up.

        Raises:
            NotFound: there is none.
        """
        upload = self._find(upload_id)
        return upload.view(self._queue.position(upload))

    def views(self) -> list[UploadView]:
        """All of them, the newest first."""
        return [self.view(upload_id) for upload_id in reversed(self._uploads)]

    async def report(self, upload_id: UploadId, kind: str) -> bytes:
        """Read the report, a key of `REPORTS`; as "pdf" it is printed when first asked for.

        Raises:
            NotFound: there is no such upload, or it has no report (yet).
            CannotPrint: PDFs cannot be made here.
        """
        upload = self._finished_one(upload_id)
        try:
            if kind == "pdf":
                async with upload.lock:
                    await print_report(self._files.output(upload_id))
            return await asyncio.to_thread(self._files.report, upload_id, kind)
        except OSError:
            raise NotFound("The report is gone from the disk.") from None

    def annotated(self, upload_id: UploadId) -> Path:
        """Where the annotated copy is: .mp4 or .jpg.

        Raises:
            NotFound: there is none.
        """
        self._finished_one(upload_id)
        found = self._files.annotated(upload_id)
        if found is None:
            raise NotFound("There is no annotated copy of this file; it has to be asked for.")
        return found

    def _finished_one(self, upload_id: UploadId) -> Upload:
        upload = self._find(upload_id)
        if upload.state is not UploadState.DONE:
            raise NotFound(f"This file is {upload.state.value}; it has no report.")
        return upload

    def _find(self, upload_id: UploadId) -> Upload:
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise NotFound("There is no such upload.")
        return upload

    def _count(self, state: UploadState) -> int:
        return sum(upload.state is state for upload in list(self._uploads.values()))

    def _end(self, upload: Upload, state: UploadState) -> None:
        upload.state, upload.finished_at = state, _now()
        self._finished.labels(state.value).inc()

    async def _tidy(self) -> None:
        """Forget what was abandoned on its way in, and what is past its time, until cancelled."""
        while True:
            await asyncio.sleep(_TIDY_EVERY_S)
            for upload_id in self._outdated(asyncio.get_running_loop().time(), _now()):
                await self.forget(upload_id)

    def _outdated(self, now_s: float, now: datetime) -> list[UploadId]:
        oldest = now - timedelta(hours=self._limits.keep_reports_h)
        ended = [upload for upload in self._uploads.values() if upload.finished_at is not None]
        surplus = max(0, len(ended) - MAX_REMEMBERED)
        found = [
            upload.id
            for index, upload in enumerate(ended)
            if index < surplus or (upload.finished_at is not None and upload.finished_at < oldest)
        ]
        for upload in self._uploads.values():
            idle_s = now_s - upload.touched_s
            if upload.state is UploadState.RECEIVING and idle_s > _ABANDONED_S:
                found.append(upload.id)
        return found


def _now() -> datetime:
    return datetime.now(UTC)


def _empty() -> UploadError:
    return UploadError(422, "empty", "The file is empty.")
