"""What importing, checking and calibrating say on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from export.importing.importer import Imported
from export.importing.labelled import Labelled
from export.importing.variants import Reading
from pipeline.model_card import ModelCard

FIX = {
    "colour": "import it again with the other --color",
    "labels": "import it again with --labels in the other order",
}


def imported(done: Imported, *, checked: bool) -> None:
    """Where it is, how well it was proved, what is not known, and what to do next."""
    card, console = done.card, _console()
    console.print(f"{card.path} and its card are written.")
    framework = card.golden.framework if card.golden else "its framework"
    console.print(f"Logits differ from {framework} by at most {done.gap:.1e}.")
    for remark in done.remarks:
        console.print(f"Note: {remark}", style="yellow")
    unknown = [word for word in ("licence", "trained_on") if getattr(card, word) == "unknown"]
    if unknown:
        flags = " and ".join("--" + word.replace("_", "-") for word in unknown)
        console.print(f"Its card says 'unknown' for what {flags} would have told.")
    places = "--fakes DIR --genuine DIR"
    if not checked:
        console.print(f"Is it read rightly?   fakewatch models check {card.name} {places}")
    console.print(f"Set its thresholds:   fakewatch models calibrate {card.name} {places}")


def checked(found: Sequence[Reading], pictures: Labelled) -> None:
    """The table of readings, and a warning for each that clearly beats the declared one."""
    console = _console()
    labels = pictures.labels
    console.print(
        f"{len(set(pictures.files))} files, {int((labels == 1).sum())} manipulated and "
        f"{int((labels == 0).sum())} genuine pictures. AUC 1 ranks all rightly, 0.5 none."
    )
    table = Table("reading", "AUC", "fakes above 0", "genuine below 0", "gain", "sure")
    for reading in found:
        first = reading is found[0]
        table.add_row(
            reading.what,
            f"{reading.auc:.3f}",
            f"{reading.fakes_above_0:.0%}",
            f"{reading.genuine_below_0:.0%}",
            "" if first else f"{reading.gain:+.3f}",
            "" if first else f"{reading.share_better:.1%}",
            style="red" if reading.suspicious else None,
        )
    console.print(table)
    for reading in found:
        if reading.suspicious:
            change = FIX.get(reading.what.split()[0], f"import it again with {reading.what}")
            console.print(f"Warning: it fits clearly better with {reading.what}: {change}.")
    if not any(reading.suspicious for reading in found):
        console.print("No other reading fits clearly better.")


def calibrated(card: ModelCard) -> None:
    """The calibration that the card now holds."""
    facts = dict(card.metrics)
    limits = card.thresholds
    console = _console()
    console.print(
        f"{card.name}: temperature {card.temperature:.3g}, bias {card.bias:+.3g}, AUC "
        f"{facts['own_files_auc']:.3f} on {facts['own_files_genuine']} genuine and "
        f"{facts['own_files_fake']} manipulated files."
    )
    if limits is not None:
        console.print(
            f"Alerts are raised at {limits.raise_at:.2f}, cleared at {limits.clear_at:.2f}."
        )


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False)
