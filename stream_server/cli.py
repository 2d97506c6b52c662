"""The command line: `fakewatch VERB`, one file a verb in this room's commands or in export's."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipeline.errors import FakewatchError, SettingsError
from stream_server.redact import redact

_EPILOG = """\
examples:
  fakewatch serve --open            start the service and open its page
  fakewatch analyze interview.mp4   judge a file
  fakewatch watch rtsp://camera/1   watch a stream in the terminal
  fakewatch doctor                  what is installed, and does it work
  fakewatch data prepare clips/     first step to a classifier of your own

`fakewatch VERB --help` explains a verb. There are signs of manipulation, never proofs: verify by
another channel.
"""
START_REFUSED = 2
_ROOMS = ("stream_server.commands", "export.commands")
"""Named, not imported: training never sees the service, nor the service training."""


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


def verbs() -> dict[str, str]:
    """Every verb and its module: the files of both rooms; one with an underscore is part of one."""
    return {
        path.stem: f"{room}.{path.stem}"
        for room in _ROOMS
        for path in sorted(_folder(room).glob("[a-z]*.py"))
        if "_" not in path.stem
    }


def _folder(room: str) -> Path:
    spec = find_spec(room)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"The package {room} is missing: install fakewatch again.")
    return Path(next(iter(spec.submodule_search_locations)))


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
    known = verbs()
    for verb in [verb for verb in known if verb in given[:1]] or sorted(known):
        import_module(known[verb]).add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
