"""A report printed as PDF when somebody first asks, by a process of its own; then it is kept."""

import asyncio
import contextlib
import sys
from pathlib import Path

from stream_server.problems import Refusal
from stream_server.uploads.files import REPORTS
from stream_server.uploads.process import environment

_PATIENCE_S = 120.0
_IMPOSSIBLE = 3


class CannotPrint(Refusal):
    """The service cannot make a PDF; the HTML report can be printed by a browser."""

    status, code = 503, "cannot_print"


async def print_report(folder: Path) -> None:
    """Make report.pdf of report.html, unless it is there.

    Raises:
        OSError: there is no report.
        CannotPrint: what it takes is not installed, or it took too long.
    """
    paper = folder / REPORTS["pdf"]
    if await asyncio.to_thread(paper.exists):
        return
    page = await asyncio.to_thread((folder / REPORTS["html"]).read_bytes)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "stream_server.reports.pdf"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            printed, complaint = await process.communicate(page)
    except TimeoutError:
        raise CannotPrint("Printing the report took too long; print the page instead.") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == _IMPOSSIBLE:
        raise CannotPrint(complaint.decode("utf-8", "replace").strip()[:500])
    if process.returncode != 0 or not printed:
        raise CannotPrint("The report could not be printed; print the page instead.")
    await asyncio.to_thread(paper.write_bytes, printed)
