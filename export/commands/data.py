"""`fakewatch data`: labelled videos and pictures to a crop store, and the search for shortcuts."""

import argparse
from pathlib import Path

from export.extra import TRAINING, require

_EPILOG = """\
examples:
  fakewatch data prepare clips/ --out store
      clips/real/... and clips/fake/... to crops, split 8:1:1 by person and source
  fakewatch data prepare FaceForensics/ --out store --fps 2 --resize by-width
  fakewatch data prepare friends/ --label genuine --identity '^([a-z]+)_' --out store
  fakewatch data audit store
  fakewatch data audit export/runs/own.toml --pairs 1600

`fakewatch data prepare --help` and `fakewatch data audit --help` say more.
"""
_PREPARE = """\
layouts that are recognised by themselves:
  FaceForensics++ and its DeepFakeDetection, DFD on its own, Celeb-DF v2, DFDC (metadata.json),
  WildDeepfake, a manifest.csv (path, label, and if known method, source, group);
  any other folder: the label is the name of a folder above the file, real, genuine, original or 0,
  and fake, manipulated or 1. A person is a folder below that one, else the file's own name.

Run it again after an interruption, or when files were added: what is done is not done twice.
Files that cannot be read are counted and listed, in STORE/left_out.txt too.

exit codes:
  0  the store is ready
  2  there is nothing to prepare, or the options contradict what the store was begun with
"""
_AUDIT = """\
A store's audit asks what gives the label away besides the face: file facts, resolution, the
background. A run's audit looks at the genuine and forged pairs that it would train on.

exit codes:
  0  nothing that should be blind sees more than chance
  1  something does: a network could learn that shortcut instead of the forgery
  2  no such store or run
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb, its two parts and their options."""
    parser = subparsers.add_parser(
        "data",
        help="prepare labelled videos for training, and audit them",
        description="Prepare labelled videos and pictures for training, and audit them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(metavar="PART", required=True)
    _add_prepare(parts)
    _add_audit(parts)


def _add_prepare(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parts.add_parser(
        "prepare",
        help="folders of videos or pictures to one crop store",
        description="Turn folders of videos or pictures into one crop store.",
        epilog=_PREPARE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE", help="a folder")
    add("--out", type=Path, required=True, metavar="STORE", help="folder of the crop store")
    add("--label", choices=("genuine", "fake"), help="of all files, whatever their folders say")
    add("--official", metavar="PART", help="only what the set's own list puts there, as test")
    add("--identity", metavar="REGEX", help="its first group, in a file's path, is the person")
    add("--fps", type=float, default=4.0, help="crops a second of video (default: 4)")
    add("--most", type=int, default=400, help="crops a file, spread over it (default: 400)")
    add(
        "--resize",
        choices=("never", "by-width"),
        default="never",
        help="by-width: frames wider than 1900 px to 1/3, 1000-1900 to 1/2, under 300 doubled",
    )
    add(
        "--min-confidence",
        type=float,
        default=0.6,
        metavar="PROB",
        help="of the face detector (default: 0.6; a known rule is 0.95)",
    )
    add("--jobs", type=int, default=0, help="processes (default: one a core)")
    parser.set_defaults(run=prepare)


def _add_audit(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parts.add_parser(
        "audit",
        help="look for shortcuts in a store or in a run's pairs",
        description="Look for shortcuts that give the label away.",
        epilog=_AUDIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", type=Path, metavar="STORE|RUN", help="a crop store, or a run's TOML or folder")
    add("--pairs", type=int, default=1600, help="pairs to make, of a run (default: 1600)")
    add("--seed", type=int, default=0)
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.set_defaults(run=audit)


def prepare(args: argparse.Namespace) -> int:
    """Build or continue a store.

    Raises:
        SettingsError: a package is missing, or there is nothing to prepare.
    """
    require("tqdm", "onnxruntime")
    from export.prepare import run_prepare

    return run_prepare(args)


def audit(args: argparse.Namespace) -> int:
    """Audit a store or a run; 1 when a probe that should be blind sees.

    Raises:
        SettingsError: a package is missing, or there is no such store or run.
    """
    require(*TRAINING)
    from export.audit_report import run_audit

    return run_audit(args)
