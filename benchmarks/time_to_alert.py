"""Seconds from the first manipulated frame to the alert: genuine clips that turn into forged ones.

Needs the development clips (never part of the repository): a folder with `real/NAME` and
`fake/NAME`, the same scene before and after the forgery.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.record import record
from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models, load_models
from pipeline.media_file import open_media
from pipeline.types import AlertId, AlertPhase, Frame, StreamId

COMMAND = "python -m benchmarks.time_to_alert CLIPS"
GENUINE_S = 8.0
"""So much of the genuine clip goes before."""
STREAM = StreamId("bench")


def main() -> None:
    """Play every pair once and record how many alerts came, how soon, and how many were false."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--note", default="", help="what the classifier knows of these clips")
    args = parser.parse_args()
    models = load_models()
    pairs = [
        (path, args.clips / "fake" / path.name)
        for path in sorted((args.clips / "real").iterdir())
        if (args.clips / "fake" / path.name).is_file()
    ]
    delays = [_delay_s(genuine, forged, models, args.fps) for genuine, forged in pairs]
    found = np.array([delay for delay in delays if delay is not None and delay >= 0])
    figures = {
        "what": f"{GENUINE_S:.0f} s genuine, then the forged clip; analysed at {args.fps:g} fps",
        "model": models.classifier.card.fingerprint,
        "note": args.note,
        "pairs": len(pairs),
        "alerted": len(found),
        "alerted_before_the_forgery": sum(delay is not None and delay < 0 for delay in delays),
        "never_alerted": sum(delay is None for delay in delays),
        "delay_s": {
            name: round(float(np.percentile(found, q)), 2) if len(found) else None
            for name, q in (("p10", 10), ("p50", 50), ("p90", 90))
        },
        "within_4_s": int((found <= 4).sum()),
    }
    print(record("time_to_alert", COMMAND, figures), figures)  # noqa: T201


def _delay_s(genuine: Path, forged: Path, models: Models, fps: float) -> float | None:
    """Seconds from the first forged frame to the first alert; negative: before it; None: never."""
    serial = count()
    analyzer = StreamAnalyzer(STREAM, models, lambda: AlertId(f"a{next(serial)}"))
    before = list(_frames(genuine, fps, 0.0, GENUINE_S))
    turn_s = before[-1].time_s + 1 / fps
    for frame in [*before, *_frames(forged, fps, turn_s, float("inf"))]:
        for change in analyzer(frame).alerts:
            if change.phase is AlertPhase.OPENED:
                return change.time_s - turn_s
    return None


def _frames(path: Path, fps: float, start_s: float, at_most_s: float) -> Iterator[Frame]:
    with open_media(path, analyse_fps=fps) as media:
        for frame in media.frames():
            if frame.time_s >= at_most_s:
                return
            yield replace(frame, time_s=frame.time_s + start_s)


if __name__ == "__main__":
    main()
