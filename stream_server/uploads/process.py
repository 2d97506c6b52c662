"""The service's side of the process that analyses a file: starts it, listens, watches, ends it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from stream_server.redact import redact
from stream_server.uploads.job import LINES, DoneLine, FailedLine, Job, StepLine

log = structlog.get_logger("fakewatch.uploads")

_LINE_BYTES = 64 * 1024
_NOISE_BYTES = 4000
_LOOK_EVERY_S = 0.2
_LEAVE_S = 10.0
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
_KEPT_BEGINNINGS = ("LC_", "PYTHON", "CUDA", "NVIDIA", "OMP_", "OPENBLAS_", "ORT_")
_PACKAGES = Path(__file__).parents[2]

_SENTENCES = {
    "timeout": "The analysis took longer than is allowed.",
    "cpu_limit": "The analysis took more processor time than is allowed.",
    "memory_limit": "The file needs more memory than is allowed.",
    "crashed": "The analysis of this file ended unexpectedly; the file may be damaged.",
}


async def analyse(
    job: Job, wall_s: float, on_step: Callable[[StepLine], None]
) -> DoneLine | FailedLine:
    """Run the analysis in a process of its own; cancelling this ends it at once."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "stream_server.uploads.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        # Ctrl+C on a terminal is for the service, which then ends this in good order.
        start_new_session=True,
        limit=_LINE_BYTES,
    )
    try:
        return await _Conversation(process, on_step).hold(job, wall_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Conversation:
    """One running process: what it says, what it complains of, what it takes."""

    def __init__(
        self, process: asyncio.subprocess.Process, on_step: Callable[[StepLine], None]
    ) -> None:
        self._process, self._on_step = process, on_step
        self._noise = b""

    async def hold(self, job: Job, wall_s: float) -> DoneLine | FailedLine:
        """Send the job and wait for the end, whatever it is."""
        noise = asyncio.create_task(self._keep_noise())
        answer = asyncio.create_task(self._ask(job))
        greed = asyncio.create_task(self._watch_memory(job.max_memory_bytes))
        try:
            done, _ = await asyncio.wait(
                {answer, greed}, timeout=wall_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return _failed("timeout")
            return answer.result() if answer in done else _failed("memory_limit")
        finally:
            for task in (noise, answer, greed):
                task.cancel()
            await asyncio.gather(noise, answer, greed, return_exceptions=True)

    async def _ask(self, job: Job) -> DoneLine | FailedLine:
        """Listen until the process has had its last word."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        last: DoneLine | FailedLine | None = None
        with contextlib.suppress(ConnectionError, ValueError):
            stdin.write(job.model_dump_json().encode() + b"\n")
            await stdin.drain()
            # A line that is too long or makes no sense ends the listening: it was taken over.
            while line := await stdout.readline():
                said = LINES.validate_json(line)
                if isinstance(said, StepLine):
                    self._on_step(said)
                else:
                    last = said
        code = await self._exit_code()
        if last is not None and code == 0:
            return last
        log.warning(
            "upload_analysis_died",
            exit_code=code,
            said=redact(self._noise.decode("utf-8", "replace")),
        )
        return _failed("cpu_limit" if code == -signal.SIGXCPU else "crashed")

    async def _exit_code(self) -> int | None:
        try:
            async with asyncio.timeout(_LEAVE_S):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def _keep_noise(self) -> None:
        """Keep the end of what it complained of; a flood must not fill our memory."""
        stderr = self._process.stderr
        while stderr is not None and (block := await stderr.read(_NOISE_BYTES)):
            self._noise = (self._noise + block)[-_NOISE_BYTES:]

    async def _watch_memory(self, most_bytes: int) -> None:
        """Return once it takes more than it may; never where this cannot be seen."""
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            resident = _resident_pages(self._process.pid)
            if resident is not None and resident * page_bytes > most_bytes:
                return


def _resident_pages(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _failed(code: str) -> FailedLine:
    return FailedLine(code=code, text=_SENTENCES[code])


def environment() -> dict[str, str]:
    """Only what a Python program needs: no secret of the service goes along."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)
    }
    paths = [str(_PACKAGES), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "ORT_DISABLE_TELEMETRY": "1"}
