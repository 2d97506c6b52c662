"""Runs the benchmarks that need nothing but this machine, then writes the README's table."""

import argparse
import subprocess
import sys

ALONE = (
    "classifier_speed", "overhead", "file_speed", "startup", "reconnect", "streams", "long_file",
)  # fmt: skip
"""In this order: the short ones first."""
WITH_DATA = {
    "blink": "TRACES",
    "landmarkers": "VIDEOS",
    "time_to_alert": "CLIPS",
    "false_alarms": "--scores HELDOUT.npz --store STORE",
    "evaluation": "MODEL STORE",
    "variants": "FOLD_RUN... --crops FOLDER",
}
"""These measure on recordings of people, which are not part of the repository."""


def main() -> int:
    """Run the named ones, or all that need no data."""
    needing = "; ".join(f"python -m benchmarks.{name} {what}" for name, what in WITH_DATA.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"With data of your own: {needing}"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALONE)}")
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(ALONE))
    if unknown:
        parser.error(f"There is no benchmark {unknown[0]!r}; there are {', '.join(ALONE)}.")
    failed = 0
    for name in (*(args.names or ALONE), "table"):
        print(f"== {name}", flush=True)  # noqa: T201
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)  # noqa: S603
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
