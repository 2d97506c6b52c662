"""A long video analysed as an upload is: wall time, memory, progress, and what a cancel takes.

`python -m benchmarks.long_file` on a machine that does nothing else; takes some minutes.
"""

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks.clips import talking_clip
from benchmarks.record import record
from stream_server.settings import Settings
from stream_server.uploads.job import DoneLine, FailedLine, Job, StepLine
from stream_server.uploads.process import analyse

COMMAND = "python -m benchmarks.long_file"
_DRAWN_S = 31.0
_LOOK_EVERY_S = 0.2
_MIB = 2**20


def main() -> None:
    """Make the clip, analyse it once, cancel it once, and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--everything", action="store_true", help="with pictures and an annotated copy"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = long_clip(Path(folder), args.minutes * 60)
        job = _job(clip, Path(folder), wishes=args.everything)
        whole = asyncio.run(_whole(job))
        cancelled_s = asyncio.run(_cancelled(job))
    figures = {
        "what": f"{args.minutes:g} min, 1280x720, 30 fps, one drawn face, default sampling",
        "asked_for": ["pictures", "annotated copy"] if args.everything else [],
        **whole,
        "share_of_duration": round(whole["wall_s"] / (args.minutes * 60), 3),
        "cancel_s": round(cancelled_s, 2),
    }
    name = "long_file_everything" if args.everything else "long_file"
    command = f"{COMMAND} --everything" if args.everything else COMMAND
    print(record(name, command, figures), figures)  # noqa: T201


def long_clip(folder: Path, seconds: float) -> Path:
    """Draw half a minute and repeat it without encoding it again."""
    drawn_s = min(_DRAWN_S, seconds)
    drawn = talking_clip(folder / "drawn.mp4", drawn_s, width=1280, height=720)
    path = folder / "long.mp4"
    with av.open(str(path), "w") as target, av.open(str(drawn)) as source:
        out = target.add_stream_from_template(source.streams.video[0])
        for repeat in range(round(seconds / drawn_s) + 1):
            source.seek(0)
            for packet in source.demux(video=0):
                if packet.pts is None or packet.time_base is None or packet.dts is None:
                    continue
                shift = round(Fraction(repeat * drawn_s) / packet.time_base)
                if (packet.pts + shift) * packet.time_base > seconds:
                    return path
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, out
                target.mux(packet)
    return path


def _job(clip: Path, folder: Path, *, wishes: bool) -> Job:
    settings = Settings()
    limits = settings.uploads
    return Job(
        input=clip,
        output=folder,
        name=clip.name,
        pictures=wishes,
        annotated=wishes,
        max_annotated_bytes=limits.max_annotated_mb * _MIB,
        models=settings.models,
        analyzer=settings.analyzer,
        analyse_fps=limits.analyse_fps,
        max_duration_s=limits.max_duration_s,
        max_cpu_s=limits.max_cpu_s,
        max_memory_bytes=limits.max_memory_mb * _MIB,
    )


async def _whole(job: Job) -> dict[str, Any]:
    """From start to report; memory is looked at all the while."""
    steps: list[StepLine] = []
    started_s = time.monotonic()
    task = asyncio.create_task(analyse(job, 24 * 3600.0, steps.append))
    resident: list[float] = []
    while not task.done():
        resident.append(_resident_mib())
        await asyncio.sleep(_LOOK_EVERY_S)
    wall_s = time.monotonic() - started_s
    _check(task.result())
    third = max(1, len(resident) // 3)
    return {
        "wall_s": round(wall_s, 1),
        "rss_mib_max": round(max(resident)),
        "rss_mib_second_third": round(max(resident[third : 2 * third])),
        "rss_mib_last_third": round(max(resident[2 * third :])),
        "progress_steps": len(steps),
        "longest_pause_between_steps_in_media_s": round(_longest_pause_s(steps), 1),
    }


def _check(line: DoneLine | FailedLine) -> None:
    if isinstance(line, FailedLine):
        raise SystemExit(f"The analysis failed: {line.text}")


def _longest_pause_s(steps: list[StepLine]) -> float:
    times = [0.0, *(step.done_s for step in steps)]
    return max((after - before for before, after in itertools.pairwise(times)), default=0.0)


async def _cancelled(job: Job) -> float:
    """Seconds from the cancel until no process is left."""
    begun = asyncio.Event()
    task = asyncio.create_task(analyse(job, 24 * 3600.0, lambda _step: begun.set()))
    await begun.wait()
    started_s = time.monotonic()
    task.cancel()
    await asyncio.wait({task})
    if _children():
        raise SystemExit("The analysis outlived its cancel.")
    return time.monotonic() - started_s


def _children() -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        found += [int(pid) for pid in path.read_text(encoding="ascii").split()]
    return found


def _resident_mib() -> float:
    """Of all our child processes together."""
    pages = 0
    for pid in _children():
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


if __name__ == "__main__":
    main()
