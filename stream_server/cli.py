"""The command line: `fakewatch VERB`, one file of stream_server/commands a verb."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from pipeline.errors import FakewatchError
from stream_server.redact import redact

_EPILOG = """\
examples:
  fakewatch serve --open            start the service and open its page
  fakewatch analyze interview.mp4   judge a file
  fakewatch watch rtsp://camera/1   watch a stream in the terminal
  fakewatch doctor                  what is installed, and does it work

`fakewatch VERB --help` explains a verb. There are signs of manipulation, never proofs: verify by
another channel.
"""
START_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code; a refusal is one sentence and code 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = _parser(given).parse_args(given)
    try:
        code: int = args.run(args)
    except FakewatchError as error:
        sys.stderr.write(f"fakewatch: {redact(str(error))}\n")
        return START_REFUSED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `fakewatch models | head`
        sys.stderr.close()
        return 141
    return code


def verbs() -> list[str]:
    """List the verbs: the files of the commands folder."""
    folder = Path(__file__).parent / "commands"
    return sorted(path.stem for path in folder.glob("[a-z]*.py"))


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fakewatch",
        description="Live detection of manipulated faces in webcams, cameras and files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fakewatch {version('fakewatch')}")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    # Only the wanted verb is imported: `doctor` has to work where `serve` cannot.
    wanted = [verb for verb in verbs() if verb in given[:1]] or verbs()
    for verb in wanted:
        import_module(f"stream_server.commands.{verb}").add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
