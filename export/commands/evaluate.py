"""`fakewatch evaluate`: how good a classifier is on a crop store, as a page, JSON and plots."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from export.extra import TRAINING, require

if TYPE_CHECKING:
    from export.evaluation.run import Asked

_EPILOG = """\
A model that was trained on the clips looks far better than it is. Where its logits were held out
(export/crossval.py), give them by --logits, and the models of the folds for the robustness sweep.
Of a store that `fakewatch data prepare` split, the test part is measured.

exit codes:
  0  the report was written
  2  the model, the data or an option cannot be used

examples:
  fakewatch evaluate fakewatch-fast data/crops/test --unseen
  fakewatch evaluate fakewatch-fast data/crops/dev --logits runs/tune-heldout.npz \\
      --fold-models runs/tune-0/last.pt runs/tune-1/last.pt runs/tune-2/last.pt
  fakewatch evaluate mine.onnx store --baseline meso4-df.toml --quick
  fakewatch evaluate fakewatch-fast data/crops/dev --leave-one-out export/runs/fast.toml \\
      --minutes 10
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a classifier: a report with intervals, plots and baselines",
        description="Measure a classifier on labelled crops, with intervals by whole groups.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a card's name or path, or an ONNX file")
    add("data", metavar="DATA", type=Path, help="a crop store")
    add("--out", type=Path, default=Path("runs/evaluation"), help="default: %(default)s")
    add("--baseline", nargs="+", default=[], metavar="CARD", help="models to compare with")
    add("--unseen", action="store_true", help="you know that the model never saw these clips")
    held = parser.add_argument_group("a model that was trained on the clips")
    held.add_argument("--logits", type=Path, metavar="NPZ", help="held-out logits of all crops")
    held.add_argument(
        "--fold-models",
        nargs="+",
        type=Path,
        default=[],
        metavar="MODEL",
        help="ONNX or last.pt, in the order of the folds: for the robustness sweep",
    )
    more = parser.add_argument_group("what else is shown")
    add = more.add_argument
    add("--run", nargs="+", type=Path, default=[], dest="runs", metavar="FOLDER",
        help="training runs whose curves are drawn")  # fmt: skip
    add("--families", type=Path, metavar="JSON", help="what --leave-one-out wrote")
    add("--pictures", action="store_true",
        help="show the strongest crops with heat-maps; they are personal data")  # fmt: skip
    _add_effort(parser)
    parser.set_defaults(run=run)


def _add_effort(parser: argparse.ArgumentParser) -> None:
    effort = parser.add_argument_group("effort")
    add = effort.add_argument
    add("--quick", action="store_true", help="300 draws, one crop a video disturbed")
    add("--draws", type=int, default=2000, help="of the bootstrap (default: %(default)s)")
    add("--sweep-frames", type=int, default=8, metavar="N",
        help="crops a video that are disturbed; 0: none (default: %(default)s)")  # fmt: skip
    add("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="threads")
    add("--seed", type=int, default=0)
    add("--leave-one-out", type=Path, metavar="CONFIG",
        help="first train this run once without each family of pseudo-fakes")  # fmt: skip
    add("--minutes", type=float, default=10.0, help="of each such run (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure and write the report.

    Raises:
        SettingsError: a package is missing, or the data or an option cannot be used.
        ModelError: a model cannot be used.
    """
    require(*TRAINING)
    from export.evaluation.run import evaluate, quick

    asked = _asked(args)
    asked = quick(asked) if args.quick else asked
    now = datetime.now(UTC).isoformat(timespec="seconds")
    report = evaluate(asked, now)
    out = sys.stdout
    for sentence in report["summary"]:
        out.write(f"- {sentence}\n")
    if report["origin"]["state"] == "maybe_seen":
        sys.stderr.write("fakewatch: the model may have been trained on these clips.\n")
    out.write(f"\n{asked.out / 'evaluation.html'}\n")
    return 0


def _asked(args: argparse.Namespace) -> "Asked":
    from export.evaluation.run import Asked

    families: Path | None = args.families
    if args.leave_one_out is not None:
        from export.evaluation.leave_one_out import leave_one_out

        families = args.out / "families.json"
        leave_one_out(args.leave_one_out, args.data, args.minutes, args.seed, families)
    return Asked(
        args.model, args.data, args.out, tuple(args.baseline), args.logits,
        tuple(args.fold_models), tuple(args.runs), families, args.unseen, args.pictures,
        max(2, args.draws), max(0, args.sweep_frames), max(1, args.jobs), args.seed,
    )  # fmt: skip
