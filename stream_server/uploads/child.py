"""The process that analyses one uploaded file, within limits; it dies alone, or with its parent."""

import dataclasses
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.comparison import full_recorder
from pipeline.errors import MediaError, ModelError, SettingsError
from pipeline.load import Models
from pipeline.media_file import FileLimits, MediaFile, open_media
from pipeline.types import Analysis, Frame, State
from stream_server.loading import load_models_for
from stream_server.reports.compared import Comparison, compared
from stream_server.reports.document import ReportDocument, examine, to_json
from stream_server.reports.file_analysis import Progress, Watchers
from stream_server.reports.page import render
from stream_server.reports.strongest import StrongestFrames
from stream_server.uploads.annotated import Annotated
from stream_server.uploads.files import REPORTS
from stream_server.uploads.job import TEXT_CHARS, DoneLine, FailedLine, Job, StepLine

_VIDEOS = """3gp asf av1 avi dv flv gif apng h264 hevc ivf m4v matroska mjpeg mov mp4 mpeg mpegts
mpegtsraw mpegvideo mxf nsv nut obu ogg rm swf webm wtv yuv4mpegpipe"""
_PICTURES = "bmp jpeg jpegls jpegxl j2k png ppm tiff webp"
FORMATS = (*_VIDEOS.split(), *(f"{kind}_pipe" for kind in _PICTURES.split()))
"""Pictures and videos that hold their own data; no playlist, no script of any kind."""
_REPORT_BYTES = 32 * 2**20
_STEP_EVERY_S = 0.25
_ORDER = (State.INSUFFICIENT, State.CLEAR, State.SUSPECT, State.ALERT)
_NICE = 10
"""Live streams come first."""

Say = Callable[[StepLine | DoneLine | FailedLine], None]


def main() -> int:
    """Read the job, analyse, write the reports, and say how it went."""
    say = _speaker()
    job = Job.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _limit(job)
    try:
        found = _analyse(job, say)
    except MediaError as error:
        say(FailedLine(code=error.code, text=str(error)))
        return 0
    except (ModelError, SettingsError) as error:
        say(FailedLine(code="model", text=str(error)[:500]))
        return 0
    except MemoryError:
        say(FailedLine(code="memory_limit", text="The file needs more memory than is allowed."))
        return 0
    _write(job.output / REPORTS["html"], render(found.document))
    _write(job.output / REPORTS["json"], to_json(found.document))
    _write(job.output / REPORTS["compare"], json.dumps(dataclasses.asdict(found.comparison)))
    verdict = found.document.report.verdict
    text = verdict.text[:TEXT_CHARS]
    done = DoneLine(verdict=verdict.state, fake_prob=verdict.fake_prob, text=text)
    say(done.model_copy(update={"annotated": found.annotated}))
    return 0


@dataclass(frozen=True, slots=True)
class _Found:
    document: ReportDocument
    comparison: Comparison
    annotated: bool


def _analyse(job: Job, say: Say) -> _Found:
    step = _Steps(job, say)
    limits = FileLimits(formats=FORMATS)
    with open_media(job.input, analyse_fps=job.analyse_fps, limits=limits) as media:
        step.check(media.duration_s or 0.0)
        # Only now: what is no media is told so sooner.
        models = _models(job)
        everything = full_recorder()
        copy = Annotated(job.output, media.kind, job.max_annotated_bytes) if job.annotated else None

        def watch(frame: Frame, analysis: Analysis) -> None:
            everything.add(analysis)
            if copy is not None:
                copy.add(frame, analysis)

        try:
            document = _document(job, media, models, Watchers(step, watch))
        finally:
            kept = copy is not None and copy.close()
        own_card = models.classifier.card
        own = f"{job.preset}, as asked" if job.preset else "fakewatch"
        answers = compared(document.report, everything.record(), own_card, job.about, own)
        return _Found(document, answers, kept)


def _document(job: Job, media: MediaFile, models: Models, watchers: Watchers) -> ReportDocument:
    return examine(
        job.name,
        job.input,
        media,
        models,
        job.analyzer.as_analyzer_settings(job.preset),
        datetime.now(UTC),
        watchers,
        StrongestFrames(models.classifier) if job.pictures else None,
    )


def _models(job: Job) -> Models:
    # A GPU's driver maps far more than it uses; there the watch of the parent has to do.
    if job.models.device != "cpu":
        _limit_data(resource.RLIM_INFINITY)
    models = load_models_for(job.models, job.calibration)
    if models.provider == "cpu":
        _limit_data(2 * job.max_memory_bytes)
    return models


def _limit_data(most_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, hard))


class _Steps:
    """Tells the progress a few times a second, and ends what never ends."""

    def __init__(self, job: Job, say: Say) -> None:
        self._limit_s, self._say = job.max_duration_s, say
        self._worst = State.INSUFFICIENT
        self._said_s = float("-inf")

    def __call__(self, progress: Progress) -> None:
        self.check(progress.done_s)
        self._worst = max(self._worst, progress.worst, key=_ORDER.index)
        if time.monotonic() - self._said_s < _STEP_EVERY_S:
            return
        self._said_s = time.monotonic()
        self._say(
            StepLine(done_s=progress.done_s, duration_s=progress.duration_s, worst=self._worst)
        )

    def check(self, time_s: float) -> None:
        if time_s > self._limit_s:
            raise MediaError(
                "too_long",
                f"The video is longer than the limit of {self._limit_s / 60:g} minutes.",
            )


def _speaker() -> Say:
    """Keep stdout for our lines; whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(line: StepLine | DoneLine | FailedLine) -> None:
        out.write(line.model_dump_json() + "\n")
        out.flush()

    return say


def _leave_with_parent() -> None:
    """Wait for the end of stdin: nobody is there any more to want the result."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


def _limit(job: Job) -> None:
    os.umask(0o077)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (job.max_cpu_s, job.max_cpu_s + 5))
    largest = _REPORT_BYTES + (job.max_annotated_bytes if job.annotated else 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    _limit_data(2 * job.max_memory_bytes)
    with suppress(OSError):
        # Where memory runs out after all, the system ends this process and no other.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
