"""`fakewatch train`: a run by its TOML, or a classifier of one's own from a crop store."""

import argparse
from pathlib import Path

from export.extra import TRAINING, require

_EPILOG = """\
Ctrl+C saves and stops; the same command goes on. While it trains, RUNS/NAME/curve.html shows loss
and validation (open it in a browser; it refreshes itself), curve.png the same as a picture.

exit codes:
  0    trained to its end
  2    the run, its store or a package cannot be used
  130  stopped by Ctrl+C; saved

examples:
  fakewatch train --store store                 go on from fakewatch-fast with your own store
  fakewatch train --store store --minutes 60 --name mine
  fakewatch train export/runs/fast.toml         a run described in full
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a classifier, or go on where it stopped",
        description="Train a classifier, or go on where it stopped.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("config", nargs="?", type=Path, metavar="CONFIG", help="a run's TOML")
    add("--store", type=Path, help="in place of CONFIG: write one for this store, and train it")
    add("--name", default="own", help="of the run that --store writes (default: own)")
    add("--minutes", type=float, default=20.0, help="of the run that --store writes (default: 20)")
    add("--out", type=Path, default=Path("runs"), metavar="RUNS", help="default: runs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train to the end, or until Ctrl+C.

    Raises:
        SettingsError: the run, its store or a package cannot be used.
    """
    require(*TRAINING)
    from export.run_train import run_train

    return run_train(args)
