"""How long `fakewatch analyze` takes for a clip, as a whole process and without its start."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.clips import talking_clip
from benchmarks.record import record

COMMAND = "python -m benchmarks.file_speed"


def main() -> None:
    """Analyse clips of some sizes some times and record the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((640, 480), (1280, 720)):
            clip = Path(folder) / f"{height}.mp4"
            talking_clip(clip, args.seconds, width=width, height=height)
            runs = [_analyze(clip) for _ in range(args.rounds)]
            rows.append(
                {
                    "size": f"{width}x{height}",
                    "process_s": round(median(process for process, _ in runs), 2),
                    "process_s_max": round(max(process for process, _ in runs), 2),
                    "analysis_s": round(median(inside for _, inside in runs), 2),
                }
            )
    figures = {
        "what": f"{args.seconds:.0f} s at 30 fps, one drawn face, default sampling",
        "rounds": args.rounds,
        "rows": rows,
    }
    print(record("file_speed", COMMAND, figures), figures)  # noqa: T201


def _analyze(clip: Path) -> tuple[float, float]:
    """Wall seconds of the whole process, and of the analysis as it reports it."""
    command = [sys.executable, "-m", "stream_server.cli", "analyze", str(clip), "--format", "json"]
    started_s = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return time.monotonic() - started_s, json.loads(done.stdout)["timing"]["wall_s"]


if __name__ == "__main__":
    main()
