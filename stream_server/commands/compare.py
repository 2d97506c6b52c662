"""`fakewatch compare`: one file by the rules of known systems and by fakewatch, side by side."""

import argparse
import dataclasses
import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.comparison import Circumstances, full_recorder
from pipeline.errors import MediaError, ModelError, SettingsError
from pipeline.load import Models
from pipeline.media_file import open_media
from pipeline.report import FileReport
from pipeline.types import State
from stream_server.loading import add_model_options, load_as_asked
from stream_server.redact import redact
from stream_server.reports import file_analysis
from stream_server.reports.compared import Comparison, Row, compared
from stream_server.reports.words import HEADLINES
from stream_server.settings import Settings

EXIT_START, EXIT_UNREADABLE, EXIT_NOT_JUDGED = 2, 3, 4
EPILOG = """\
exit codes:
  0  the file was judged
  2  wrong usage, or a model or the table of blinks could not be loaded
  3  the file could not be read
  4  fakewatch could judge nothing in it (no face, or too little of one)

presets:
  frame-mean   the mean of all single looks
  confident    the mean of the confident looks (winner of the DFDC challenge)
  blink-10-20  under 10 s the mean; from 10 s on 10 to 20 blinks a minute or not
  deepvision   too few blinks for this gender, age, activity and time of day, by a table in
               pipeline/presets/deepvision.csv that may be edited
  sequence     a CNN + GRU or LSTM on the first frames: --classifier names one you trained or
               imported, since none may be shipped

examples:
  fakewatch compare interview.mp4
  fakewatch compare interview.mp4 --gender f --age 40-59 --activity static --daytime am
  fakewatch compare interview.mp4 --format json | jq '.rows[] | {rule, answer}'
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "compare",
        help="judge a file by the rules of known systems too",
        description="Judge a picture or video once, and show what known systems' rules would say.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a picture or a video")
    about = parser.add_argument_group("what you know of the person (for deepvision)")
    about.add_argument("--gender", choices=("f", "m"))
    about.add_argument("--age", choices=("0-19", "20-39", "40-59", "60+"))
    about.add_argument("--activity", choices=("static", "dynamic"), help="silent, or talking")
    about.add_argument("--daytime", choices=("am", "pm"))
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--fps",
        type=int,
        choices=(10, 15, 25, 30),
        default=15,
        help="frames a second to look at (default: 15, as analyze)",
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyse the file once and ask everyone."""
    console = Console(stderr=True)
    try:
        settings, models = load_as_asked(args)
        report, comparison = compare(args, models, settings, console)
    except (ModelError, SettingsError) as error:
        console.print(f"fakewatch: {error}", style="red", markup=False, highlight=False)
        return EXIT_START
    except MediaError as error:
        text = f"{redact(args.file)}: {redact(str(error))}"
        console.print(text, style="red", markup=False, highlight=False)
        return EXIT_UNREADABLE
    if args.format == "json":
        sys.stdout.write(json.dumps(dataclasses.asdict(comparison), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        show(comparison, Console())
    return EXIT_NOT_JUDGED if report.verdict.state is State.INSUFFICIENT else 0


def compare(
    args: argparse.Namespace, models: Models, settings: Settings, console: Console
) -> tuple[FileReport, Comparison]:
    """Decode, detect and classify once; every rule then judges what was recorded.

    Raises:
        MediaError: the file cannot be read.
        SettingsError: the table of blinks cannot be used.
    """
    recorder = full_recorder()
    name = redact(args.file)
    with (
        open_media(args.file, analyse_fps=args.fps) as media,
        console.status(f"analysing {Text(name).markup}") as status,
    ):

        def tell(step: file_analysis.Progress) -> None:
            if step.duration_s:
                status.update(f"analysing {Text(name).markup} {step.done_s / step.duration_s:.0%}")

        report = file_analysis.analyze_media(
            name,
            media,
            models,
            settings.analyzer.as_analyzer_settings(),
            file_analysis.Watchers(tell, lambda _frame, analysis: recorder.add(analysis)),
        )
    card = models.classifier.card
    about = Circumstances(args.gender, args.age, args.activity, args.daytime)
    return report, compared(report, recorder.record(), card, about)


def show(comparison: Comparison, console: Console) -> None:
    """One table: a row a rule, P(manipulated) where it gives one, its weakness under its reason."""
    console.print(Text(comparison.input, style="bold"))
    table = Table(box=None, padding=(0, 1, 1, 0), show_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("answer", max_width=14)
    table.add_column("prob.", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("reason, and known weakness", ratio=1)
    for row in comparison.rows:
        why = Text(row.reason)
        why.append(f"\nWeakness: {row.weakness}", style="dim")
        prob = "-" if row.fake_prob is None else f"{row.fake_prob:.0%}"
        table.add_row(Text(row.rule), Text(_answer(row)), prob, _seconds(row), why)
    console.print(table)
    console.print(comparison.note, style="dim", highlight=False)


def _answer(row: Row) -> str:
    """A state in words: "clear" alone could be read as an acquittal."""
    return HEADLINES[State(row.answer)].lower() if row.answer in set(State) else row.answer


def _seconds(row: Row) -> str:
    return f"{row.time_s:.1f} s" if row.rule == "fakewatch" else f"+{row.time_s * 1000:.1f} ms"
