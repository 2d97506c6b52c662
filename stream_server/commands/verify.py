"""`fakewatch verify`: has anything changed in bundles of evidence since they were written?"""

import argparse
import sys
from pathlib import Path

from stream_server.evidence.verifying import Finding, verify

_EPILOG = """\
examples:
  fakewatch verify 00000007-alert-1c0ffee.zip   a bundle that was downloaded
  fakewatch verify ~/.local/share/fakewatch/evidence
                                                all bundles of a service, and that none is missing
  fakewatch verify bundle.zip --key "$(cat signing-key.txt)"
                                                only what this key has signed

exit codes:
  0  everything holds
  1  something does not hold; each such line begins with NO
  2  wrong usage, or there is no such file

What holds shows that nothing was changed since the bundle was written, not that a picture in it is
genuine or manipulated.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "verify",
        help="check bundles of evidence for changes",
        description="Check bundles of evidence for files that are missing, added or altered.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles",
        nargs="+",
        type=_existing,
        metavar="BUNDLE",
        help="a bundle (zip or folder), or the service's folder of all of them",
    )
    parser.add_argument("--key", type=_public_key, metavar="HEX", help="the service's public key")
    parser.add_argument("--quiet", action="store_true", help="show only what does not hold")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check each and say what was found."""
    failed = [path for path in args.bundles if not _show(path, verify(path, args.key), args.quiet)]
    return 1 if failed else 0


def _show(path: Path, findings: list[Finding], quiet: bool) -> bool:  # noqa: FBT001 - of the parser
    sys.stdout.write(f"{path}\n")
    for finding in findings:
        if not (quiet and finding.holds):
            sys.stdout.write(f"  {'ok' if finding.holds else 'NO'}  {finding.text}\n")
    wrong = sum(not finding.holds for finding in findings)
    answer = f"{wrong} of {len(findings)} do not hold." if wrong else "Everything holds."
    sys.stdout.write(f"  {answer}\n")
    return not wrong


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {text}")
    return path


def _public_key(text: str) -> str:
    key = text.strip().lower()
    if len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("a public key has 64 hexadecimal digits")
    return key
