"""`fakewatch export`: a trained run becomes a model that the service can serve."""

import argparse
from pathlib import Path

from export.extra import TRAINING, require

_EPILOG = """\
The weights that did best on validation become an ONNX file with a card: calibrated on the store's
val part, measured on its test part. An int8 variant (and with --fp16 one for GPUs) is kept where
it is as right.

exit codes:
  0  the model is there
  2  the run, its store or a package cannot be used, or the ONNX file answers differently

examples:
  fakewatch export runs/own
  fakewatch export runs/own --name mine --genuine-recall 0.98
  fakewatch serve --classifier own
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "export",
        help="make a trained run a model that can be served",
        description="Make a trained run a model that the service can serve.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="RUN", help="a run's folder, as fakewatch train leaves it")
    add("--name", help="of the model (default: the run's)")
    add("--out", type=Path, metavar="DIR", help="default: the models of this installation")
    add(
        "--genuine-recall",
        type=float,
        default=0.96,
        metavar="SHARE",
        help="of genuine four-second windows that stay below the alert (default: 0.96)",
    )
    add("--fp16", action="store_true", help="write an fp16 variant for GPUs, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, calibrate, measure, quantise.

    Raises:
        SettingsError: the run, its store or a package cannot be used.
    """
    require(*TRAINING)
    from export.ship_run import ship_run

    return ship_run(args)
