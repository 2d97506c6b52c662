"""`fakewatch analyze`: files, folders and URLs judged one after the other."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipeline.comparison import presets
from pipeline.draw import draw_analysis
from pipeline.errors import FakewatchError, ModelError, SettingsError
from pipeline.load import Models
from pipeline.media_file import open_media
from pipeline.reference import Enrolment
from pipeline.report import FileReport
from pipeline.types import Analysis, Frame, State
from stream_server.loading import add_model_options, load_as_asked
from stream_server.redact import redact
from stream_server.reports import file_analysis
from stream_server.reports.annotate import AnnotatedClip, write_picture
from stream_server.reports.document import ReportDocument, examine, to_json
from stream_server.reports.page import render
from stream_server.reports.pdf import PdfError, to_pdf
from stream_server.reports.reference_file import enrol_file
from stream_server.reports.strongest import StrongestFrames
from stream_server.reports.text import print_report
from stream_server.settings import Settings

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        "avi bmp flv heic heif jpeg jpg m4v mkv mov mp4 mpeg mpg mts png ts webm webp wmv".split()  # noqa: SIM905
    )
)
"""What is picked up from a folder; a file that is named is tried whatever its suffix."""

EXIT_ALERT, EXIT_START, EXIT_UNREADABLE, EXIT_NOT_JUDGED = 1, 2, 3, 4
EPILOG = """\
exit codes:
  0  every input was judged (and --fail-on was not met)
  1  --fail-on was met by at least one input
  2  wrong usage, or a model could not be loaded
  3  at least one input could not be read
  4  in at least one input nothing could be judged (no face, or too little of one)

examples:
  fakewatch analyze interview.mp4
  fakewatch analyze clips/ --output reports/
  fakewatch analyze a.mp4 b.jpg --format json | jq .verdict
  fakewatch analyze interview.mp4 --output reports/ --pictures --format pdf
  fakewatch analyze call.mp4 --reference genuine-call.mp4
  fakewatch analyze interview.mp4 --preset blink-10-20
  fakewatch analyze upload.mp4 --fail-on alert || echo "look at it"
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "analyze",
        help="judge pictures, videos, folders and URLs",
        description="Judge pictures, videos, folders and URLs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="a file, a folder or a URL")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write reports and annotated copies there"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "pdf"),
        default="text",
        help="what to print; pdf writes a PDF beside the other reports of --output",
    )
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="show the faces at their most suspicious moments in the reports of --output",
    )
    parser.add_argument(
        "--fail-on", choices=("alert", "suspect"), help="exit with 1 if an input is at least that"
    )
    parser.add_argument(
        "--fps", type=_positive, default=15.0, help="frames a second to look at (default: 15)"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="GENUINE",
        help="a recording of the same person before the same camera, known to be genuine: the"
        " inputs are held against it",
    )
    parser.add_argument(
        "--preset",
        choices=presets(),
        help="judge by a known system's published rule, not by fakewatch's own",
    )


def run(args: argparse.Namespace) -> int:
    """Analyse all inputs; a bad one costs only itself."""
    console = Console(stderr=True)
    try:
        if args.format == "pdf":
            _check_pdf(args.output)
        settings, models = load_as_asked(args)
        if args.output:
            args.output.mkdir(parents=True, exist_ok=True)
    except (ModelError, SettingsError, PdfError, OSError) as error:
        console.print(f"fakewatch: {error}", style="red", highlight=False)
        return EXIT_START
    try:
        reference = _enrolled(args, models, settings)
    except FakewatchError as error:
        console.print(f"fakewatch: {error}", style="red", highlight=False, markup=False)
        return EXIT_START
    codes: set[int] = set()
    for source in expand(args.inputs):
        try:
            document = _analyze_one(source, args, models, settings, console, reference)
        except FakewatchError as error:
            console.print(f"{redact(source)}: {redact(str(error))}", style="red", markup=False)
            codes.add(EXIT_UNREADABLE)
            continue
        codes.add(_code(document.report, args.fail_on))
        _show(document, args)
    return next((code for code in (1, 3, 4) if code in codes), 0)


def _check_pdf(output: Path | None) -> None:
    """Find out what is missing before an hour of analysis, not after."""
    if output is None:
        raise PdfError("--format pdf needs --output DIR, the folder to write the PDF to.")
    to_pdf("<html></html>")


def _enrolled(args: argparse.Namespace, models: Models, settings: Settings) -> Enrolment | None:
    """What the inputs are held against, if --reference names it."""
    if args.reference is None:
        return None
    return enrol_file(args.reference, models, settings.analyzer.as_analyzer_settings(), args.fps)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1000")
    return value


def expand(inputs: list[str]) -> Iterator[str]:
    """Files of folders, in order; everything else as it is."""
    for name in inputs:
        if "://" not in name and Path(name).is_dir():
            found = (path for path in Path(name).rglob("*") if path.suffix.lower() in SUFFIXES)
            yield from (str(path) for path in sorted(found))
        else:
            yield name


def _analyze_one(
    source: str,
    args: argparse.Namespace,
    models: Models,
    settings: Settings,
    console: Console,
    reference: Enrolment | None,
) -> ReportDocument:
    with ExitStack() as stack:
        media = stack.enter_context(open_media(source, analyse_fps=args.fps))
        bar = stack.enter_context(_progress_bar(console))
        task = bar.add_task(_stem(source), total=media.duration_s, state="")
        watchers = file_analysis.Watchers(
            progress=lambda step: _advance(bar, task, step),
            frame=_annotator(args.output, source, media.kind, stack),
        )
        return examine(
            redact(source),
            Path(source) if "://" not in source else None,
            media,
            models,
            settings.analyzer.as_analyzer_settings(args.preset),
            datetime.now(UTC),
            watchers,
            StrongestFrames(models.classifier) if args.output and args.pictures else None,
            reference,
        )


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _advance(bar: Progress, task: TaskID, step: file_analysis.Progress) -> None:
    bar.update(task, completed=step.done_s, state=step.worst.value)


def _annotator(
    output: Path | None, source: str, kind: str, stack: ExitStack
) -> Callable[[Frame, Analysis], None]:
    """Who draws: nobody, a picture writer or a clip writer."""
    if output is None:
        return lambda _frame, _analysis: None
    stem = _stem(source)
    if kind == "image":
        path = output / f"{stem}.annotated.jpg"
        return lambda frame, analysis: write_picture(path, draw_analysis(frame.image, analysis))
    return stack.enter_context(AnnotatedClip(output / f"{stem}.annotated.mp4")).add


def _stem(source: str) -> str:
    return Path(source.split("?", 1)[0]).name or "stream"


def _show(document: ReportDocument, args: argparse.Namespace) -> None:
    report = document.report
    if args.output:
        path = args.output / f"{_stem(report.input)}.report.json"
        path.write_text(to_json(document) + "\n", encoding="utf-8")
        page = render(document, f"{_stem(report.input)}.annotated.mp4")
        path.with_suffix(".html").write_text(page, encoding="utf-8")
        if args.format == "pdf":
            path.with_suffix(".pdf").write_bytes(to_pdf(render(document)))
    if args.format == "json":
        # One line an input, without the curves: those are in the files of --output.
        sys.stdout.write(json.dumps(dataclasses.asdict(report), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        print_report(report, document.provenance, Console())


def _code(report: FileReport, fail_on: str | None) -> int:
    state = report.verdict.state
    met = {"alert": {State.ALERT}, "suspect": {State.ALERT, State.SUSPECT}}
    if fail_on is not None and state in met[fail_on]:
        return EXIT_ALERT
    return EXIT_NOT_JUDGED if state is State.INSUFFICIENT else 0
