"""A file's report as text for a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report import FaceReport, FileReport
from pipeline.types import BlinkStats, State
from stream_server.reports.provenance import Provenance

STYLES = {
    State.CLEAR: "green",
    State.SUSPECT: "yellow",
    State.ALERT: "bold red",
    State.INSUFFICIENT: "dim",
}
_SILENT = ("absent", "unsupported", "not_installed")


def print_report(report: FileReport, provenance: Provenance | None, console: Console) -> None:
    """The verdict, a line a face, the worst one's reasons, and what the file declares."""
    verdict = report.verdict
    console.print(Text(report.input, style="bold"))
    head = Text(f"  {verdict.state.value.upper()}", style=STYLES[verdict.state])
    head.append(f"  {verdict.text}", style="default")
    console.print(head)
    if report.faces:
        console.print(_faces(report))
    for reason in verdict.reasons:
        console.print(f"  {reason.llr:+6.2f}  {reason.text}", highlight=False)
    if provenance is not None and provenance.status not in _SILENT:
        signed = f" Signed by {provenance.signer}." if provenance.signer else ""
        declared = " It declares that it was made by generative AI, in whole or in part."
        generated = declared if provenance.declares_generated else ""
        console.print(Text(f"  {provenance.text}{signed}{generated}"))
    model, timing = report.model, report.timing
    pace = f", {1 / timing.realtime_factor:.1f}x real time" if timing.realtime_factor else ""
    console.print(
        f"  {model.name} {model.version} on {model.provider}, raises at {model.raise_at:.0%}; "
        f"{timing.frames_analysed} frames in {timing.wall_s:.1f} s{pace}",
        style="dim",
        highlight=False,
    )


def _faces(report: FileReport) -> Table:
    table = Table(box=None, padding=(0, 2))
    for column in ("face", "seen", "state", "P(manipulated)", "looks", "blinks"):
        table.add_column(column)
    for face in report.faces:
        table.add_row(
            str(face.track_id),
            "-" if report.kind == "image" else f"{face.first_s:.1f}-{face.last_s:.1f} s",
            Text(face.state.value, style=STYLES[face.state]),
            _probability(face),
            str(face.samples),
            _blinks(face.blink),
        )
    return table


def _probability(face: FaceReport) -> str:
    if face.fake_prob is None:
        return "-"
    if face.low_prob is None or face.high_prob is None:
        return f"{face.fake_prob:.0%}"
    return f"{face.fake_prob:.0%} ({face.low_prob:.0%}-{face.high_prob:.0%})"


def _blinks(blink: BlinkStats | None) -> str:
    if blink is None:
        return "-"
    if blink.rate_per_min is None:
        return f"{blink.blinks} in {blink.observed_s:.0f} s (insufficient)"
    return f"{blink.rate_per_min:.0f}/min"
