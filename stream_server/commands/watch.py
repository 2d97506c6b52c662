"""`fakewatch watch`: one live stream in the terminal, until it ends or Ctrl-C."""

import argparse
import itertools
import logging
import signal
import threading
from collections import deque

import structlog
from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.analyzer import StreamAnalyzer
from pipeline.errors import FakewatchError
from pipeline.load import Models
from pipeline.types import AlertChange, AlertId, Analysis, Reading, StreamId
from stream_server.live import LiveAnalysis, LiveEvent, LiveStatus
from stream_server.loading import add_model_options, load_as_asked
from stream_server.redact import redact
from stream_server.reports.text import STYLES
from stream_server.sources import av_url
from stream_server.streams.runner import StreamRunner
from stream_server.streams.status import StreamState, StreamStatus

EXIT_STOPPED, EXIT_START, EXIT_REJECTED = 0, 2, 3
OVER = frozenset({StreamState.REJECTED, StreamState.ENDED, StreamState.FAILED})
STREAM = StreamId("watched")
BARS = "▁▂▃▄▅▆▇█"
EPILOG = """\
exit codes:
  0  stopped with Ctrl-C, or the stream came to its end
  2  wrong usage, or a model could not be loaded
  3  the stream cannot be used as it is (wrong address, no video, unknown codec)

examples:
  fakewatch watch rtsp://camera.local/stream1
  fakewatch watch rtsps://camera.local/stream1 --transport tcp
  fakewatch watch file:///srv/clips/interview.mp4 --fps 30
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "watch",
        help="watch a live stream in the terminal",
        description="Watch a live stream in the terminal: faces, scores, blinks, alerts.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "url", metavar="URL", help="rtsp, rtsps, http, https, rtmp, rtmps, srt or file address"
    )
    parser.add_argument("--fps", type=float, default=15.0, help="frames analysed a second")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="for RTSP")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Watch until the stream is over or the user stops."""
    console = Console()
    # The screen shows what happens; log lines would tear it apart.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        config = av_url.Config(url=args.url, transport=args.transport, analyse_fps=args.fps)
        settings, models = load_as_asked(args)
    except ValidationError as error:
        console.print(f"fakewatch: {redact(error.errors()[0]['msg'])}", style="red", markup=False)
        return EXIT_START
    except FakewatchError as error:
        console.print(f"fakewatch: {redact(str(error))}", style="red", markup=False)
        return EXIT_START
    screen = Screen(models)
    runner = StreamRunner(
        STREAM,
        lambda epoch: av_url.build(config, STREAM, epoch),
        lambda: StreamAnalyzer(
            STREAM, models, screen.new_alert_id, settings.analyzer.as_analyzer_settings()
        ),
        screen.take,
        settings.runner.as_runner_settings(models.provider),
    )
    asked_to_stop = _signals_to_stop()
    runner.start()
    try:
        with Live(screen, console=console, refresh_per_second=8):
            while not asked_to_stop and not screen.over.wait(0.25):
                pass
    finally:
        runner.stop()
    status = runner.status() if screen.status is None else screen.status
    if screen.rejected:
        console.print(f"fakewatch: {status.last_error_text}", style="red", markup=False)
    return EXIT_REJECTED if screen.rejected else EXIT_STOPPED


def _signals_to_stop() -> list[int]:
    """Fill with the first Ctrl+C or SIGTERM; the second one ends the process at once.

    An exception raised in the middle of a wait may leave its lock held, and so may a handler that
    takes the lock: appending to a list needs none.
    """
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return seen


class Screen:
    """What the terminal shows: fed by the stream's threads, drawn by rich's."""

    def __init__(self, models: Models) -> None:
        self.status: StreamStatus | None = None
        self.over = threading.Event()
        self._models = models
        self._analysis: Analysis | None = None
        self._age_ms = 0.0
        self._scores: dict[int, deque[float]] = {}
        self._alerts: deque[AlertChange] = deque(maxlen=6)
        self._serial = itertools.count(1)

    @property
    def rejected(self) -> bool:
        """The stream ended because it cannot be used."""
        return self.status is not None and self.status.state in {
            StreamState.REJECTED,
            StreamState.FAILED,
        }

    def new_alert_id(self) -> AlertId:
        """Number the alerts of this run."""
        return AlertId(f"alert-{next(self._serial)}")

    def take(self, event: LiveEvent) -> None:
        """Keep what an event says; called from the stream's threads."""
        if self.over.is_set():
            return  # the reason of the end must not be covered by the farewell
        if isinstance(event, LiveStatus):
            self.status = event.status
            if event.status.state in OVER:
                self.over.set()
        elif isinstance(event, LiveAnalysis):
            self._analysis, self._age_ms = event.analysis, event.age_ms
            self._alerts.extend(event.analysis.alerts)
            for reading in event.analysis.readings:
                if reading.scored and reading.fused_prob is not None:
                    scores = self._scores.setdefault(reading.track_id, deque(maxlen=40))
                    scores.append(reading.fused_prob)

    def __rich__(self) -> RenderableType:
        """Draw everything that is known now."""
        return Group(self._head(), self._faces(), *self._alert_lines())

    def _head(self) -> Text:
        status = self.status
        if status is None:
            return Text("connecting", style="dim")
        text = Text(status.state.value, style="bold")
        text.append(f"  {status.fps_analysed:.0f} of {status.fps_decoded:.0f} frames/s")
        text.append(f"  {self._age_ms:.0f} ms old  {self._models.provider}", style="dim")
        if status.last_error_text and status.state is not StreamState.ANALYSING:
            text.append(f"\n{status.last_error_text}", style="yellow")
        if status.retry_in_s:
            text.append(f" Next try in {status.retry_in_s:.0f} s.", style="yellow")
        return text

    def _faces(self) -> Table:
        table = Table(box=None, padding=(0, 2))
        for column in ("face", "state", "P(manipulated)", "last minute", "blinks", "why"):
            table.add_column(column)
        for reading in self._analysis.readings if self._analysis else ():
            table.add_row(*self._row(reading))
        return table

    def _row(self, reading: Reading) -> tuple[str | Text, ...]:
        scores = self._scores.get(reading.track_id, ())
        spark = "".join(BARS[min(7, int(score * 8))] for score in scores)
        prob = "-" if reading.fused_prob is None else f"{reading.fused_prob:.0%}"
        blink = reading.blink
        why = reading.reasons[0].text if reading.reasons else reading.quality.reason or ""
        return (
            str(reading.track_id),
            Text(reading.state.value, style=STYLES[reading.state]),
            prob,
            spark,
            str(blink.blinks) if blink else "-",
            why,
        )

    def _alert_lines(self) -> list[Text]:
        return [
            Text(
                f"{change.time_s:8.1f} s  face {change.track_id}  alert {change.phase.value}  "
                f"{change.fake_prob:.0%}: signs of manipulation, verify through another channel",
                style="red" if change.phase.value != "closed" else "dim",
            )
            for change in self._alerts
        ]
