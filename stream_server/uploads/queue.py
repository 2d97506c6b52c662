"""The queue of uploaded files: one process at a time for each place, the longest waiting first."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from stream_server.settings import Settings
from stream_server.uploads.files import UploadFiles
from stream_server.uploads.job import DoneLine, FailedLine, Job, StepLine
from stream_server.uploads.process import analyse
from stream_server.uploads.upload import Upload, UploadState

log = structlog.get_logger("fakewatch.uploads")

_NOT_STARTED = FailedLine(code="not_started", text="The analysis could not be started.")


class UploadQueue:
    """Uploads that wait for their analysis, and the workers that take them."""

    def __init__(
        self, settings: Settings, files: UploadFiles, end: Callable[[Upload, UploadState], None]
    ) -> None:
        self.settings, self._files, self._end = settings, files, end
        self._waiting: list[Upload] = []
        self._more = asyncio.Event()

    def add(self, upload: Upload) -> None:
        """Put it at the end."""
        self._waiting.append(upload)
        self._more.set()

    def discard(self, upload: Upload) -> None:
        """Take it out where it waits."""
        if upload in self._waiting:
            self._waiting.remove(upload)

    def position(self, upload: Upload) -> int | None:
        """Its place, from 1; None where it does not wait."""
        return self._waiting.index(upload) + 1 if upload in self._waiting else None

    async def run(self) -> None:
        """Analyse what waits, until cancelled; several may run at once."""
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            upload = self._waiting.pop(0)
            upload.state = UploadState.ANALYSING
            await self._analyse(upload)

    async def _analyse(self, upload: Upload) -> None:
        def note(step: StepLine) -> None:
            upload.done_s, upload.duration_s = step.done_s, step.duration_s
            upload.worst = step.worst

        wall_s = self.settings.uploads.max_analysis_s
        upload.task = task = asyncio.create_task(analyse(self._job(upload), wall_s, note))
        try:
            await asyncio.wait({task})
        finally:
            # Where this worker itself is cancelled, the process goes with it.
            task.cancel()
            await asyncio.wait({task})
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("upload_not_started", exc_info=error)
        await self._conclude(upload, _NOT_STARTED if error else task.result())

    def _job(self, upload: Upload) -> Job:
        limits = self.settings.uploads
        return Job(
            input=self._files.input(upload.id),
            output=self._files.output(upload.id),
            name=upload.name,
            pictures=upload.pictures,
            annotated=upload.annotated,
            preset=upload.preset,
            about=upload.about,
            max_annotated_bytes=limits.max_annotated_mb * 2**20,
            models=self.settings.models,
            analyzer=self.settings.analyzer,
            calibration=self.settings.calibration,
            analyse_fps=limits.analyse_fps,
            max_duration_s=limits.max_duration_s,
            max_cpu_s=limits.max_cpu_s,
            max_memory_bytes=limits.max_memory_mb * 2**20,
        )

    async def _conclude(self, upload: Upload, line: DoneLine | FailedLine) -> None:
        """Keep the report, delete the file; of a failed one nothing is kept."""
        async with upload.lock:
            if upload.state is not UploadState.ANALYSING:
                return
            if isinstance(line, FailedLine):
                upload.error, upload.error_text = line.code, line.text
                await asyncio.to_thread(self._files.forget, upload.id)
                self._end_unless_cancelled(upload, UploadState.FAILED)
                return
            upload.verdict, upload.text = line.verdict, line.text
            upload.worst, upload.fake_prob = line.verdict, line.fake_prob
            upload.annotated = line.annotated
            if not self.settings.uploads.keep:
                await asyncio.to_thread(self._files.drop_input, upload.id)
            self._end_unless_cancelled(upload, UploadState.DONE)
            with contextlib.suppress(OSError):  # then it is forgotten at the next start
                await asyncio.to_thread(self._files.remember, upload.id, upload.facts())

    def _end_unless_cancelled(self, upload: Upload, state: UploadState) -> None:
        if upload.state is UploadState.ANALYSING:
            self._end(upload, state)
