"""`fakewatch calibrate`: alert thresholds from the user's own genuine recordings."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.errors import FakewatchError
from pipeline.load import Models
from pipeline.media_file import open_media
from stream_server.calibration.findings import Findings, find, sentences, table_of
from stream_server.calibration.recordings import Listener, Recording, listen
from stream_server.calibration.table import to_toml, write_into
from stream_server.commands.analyze import expand
from stream_server.loading import add_model_options, load_as_asked
from stream_server.redact import redact

EXIT_NOT_SHOWN, EXIT_UNREADABLE, EXIT_NOTHING = 1, 3, 4
LEAST_S = 5.0
"""A recording with less of a judged face says nothing about a rate."""
_EPILOG = """\
The recordings must be genuine, and like what will be watched: the same cameras, light and people.
Each is one stream; many short ones from different days say more than one long one.
`fakewatch models calibrate` is something else: it fits a model's card to labelled pictures.

exit codes:
  0  done, and the material shows the asked rate
  1  done, but the material is too small or too unsteady to show it
  2  wrong usage, or a model or the settings cannot be used
  3  done, but at least one recording could not be read and was left out
  4  nothing done: no recording holds enough of a face

examples:
  fakewatch calibrate calls/ --false-alarms-every 8
  fakewatch calibrate calls/ --false-alarms-every 8 --out fakewatch.toml
  fakewatch serve --config fakewatch.toml
  fakewatch calibrate door.mp4 desk.mp4 --false-alarms-every 2 --cusum --config fakewatch.toml
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "calibrate",
        help="set the rate of false alarms by your own genuine recordings",
        description="Find alert thresholds for at most one false alarm in so many hours, from"
        " genuine recordings of your own cameras.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", metavar="GENUINE", help="a video, a folder or a URL")
    parser.add_argument(
        "--false-alarms-every",
        type=_hours,
        required=True,
        metavar="HOURS",
        help="hours of one watched person in which at most one false alarm is wanted",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="settings file that takes the [calibration] table"
    )
    parser.add_argument(
        "--cusum",
        action="store_true",
        help="let lasting moderate evidence open an alert too, within the same rate",
    )
    parser.add_argument(
        "--fps", type=_fps, default=15.0, help="frames a second to look at (default: 15)"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyse, solve, say what was found, and write the table."""
    console = Console(stderr=True, highlight=False)
    settings, models = load_as_asked(args)
    analyzer = settings.analyzer.as_analyzer_settings()
    recordings, unread = _record(args, models, analyzer, console)
    if not recordings:
        console.print(f"No recording holds {LEAST_S:g} s of a face that could be judged.")
        return EXIT_NOTHING
    card = models.classifier.card
    assert card.thresholds is not None  # noqa: S101 - the analyzer has refused other models
    with _bar(console) as bar:
        task = bar.add_task("thresholds", total=1.0)
        found = find(
            recordings,
            args.false_alarms_every,
            card.thresholds,
            analyzer.alert,
            with_cusum=args.cusum,
            progress=lambda share: bar.update(task, completed=share),
        )
    table = table_of(found, recordings, card, datetime.now(UTC).date())
    for sentence in sentences(found):
        console.print(sentence, markup=False, soft_wrap=True)
    if args.out:
        write_into(args.out, table)
        console.print(f"Written to {args.out}: fakewatch serve --config {args.out}", soft_wrap=True)
    else:
        sys.stdout.write(to_toml(table))
    return _code(found, unread)


def _record(
    args: argparse.Namespace, models: Models, settings: AnalyzerSettings, console: Console
) -> tuple[list[Recording], int]:
    """The series of every recording that can be read and judged, and how many could not be read."""
    sources, recordings, unread = list(expand(args.inputs)), list[Recording](), 0
    with _bar(console) as bar:
        whole = bar.add_task(f"{len(sources)} recordings", total=len(sources))
        for source in sources:
            try:
                recordings.append(_one(source, args.fps, models, settings, bar))
            except FakewatchError as error:
                unread += 1
                console.print(
                    f"{redact(source)}: {redact(str(error))}", markup=False, soft_wrap=True
                )
            bar.advance(whole)
    judged = [recording for recording in recordings if recording.hours * 3600 >= LEAST_S]
    for name in sorted({r.name for r in recordings} - {r.name for r in judged}):
        said = f"{name}: left out, too little of a face could be judged."
        console.print(said, markup=False, soft_wrap=True)
    return judged, unread


def _one(
    source: str, fps: float, models: Models, settings: AnalyzerSettings, bar: Progress
) -> Recording:
    name = redact(source)
    listener = Listener(name)
    with open_media(source, analyse_fps=fps) as media:
        task = bar.add_task(Path(name).name, total=media.duration_s)
        for time_s in listen(listener, media.frames(), models, settings):
            bar.update(task, completed=time_s)
        bar.remove_task(task)
    return listener.recording


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _code(found: Findings, unread: int) -> int:
    if unread:
        return EXIT_UNREADABLE
    return 0 if found.is_shown else EXIT_NOT_SHOWN


def _hours(text: str) -> float:
    value = float(text)
    if not 0.001 <= value <= 100_000:
        raise argparse.ArgumentTypeError("must be hours, above 0 and at most 100000")
    return value


def _fps(text: str) -> float:
    value = float(text)
    if not 4 <= value <= 60:
        raise argparse.ArgumentTypeError("must be from 4 to 60")
    return value
