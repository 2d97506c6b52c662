"""How many RTSP streams a core carries, how old frames are when judged, and what is dropped."""

import argparse
import resource
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from benchmarks.camera import rtsp_camera
from benchmarks.record import record
from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models, load_models
from pipeline.types import AlertId, StreamId
from stream_server.live import LiveAnalysis, LiveEvent
from stream_server.sources import av_url
from stream_server.streams.runner import RunnerSettings, StreamRunner

COMMAND = "python -m benchmarks.streams"
WARM_UP_S = 8.0


@dataclass
class Tally:
    """What one run delivered, between start and stop of the counting."""

    ages_ms: list[float] = field(default_factory=list)
    analysed: Counter[str] = field(default_factory=Counter)
    faces: Counter[str] = field(default_factory=Counter)
    scored: Counter[str] = field(default_factory=Counter)
    counting: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, event: LiveEvent) -> None:
        """Count an analysis."""
        if not self.counting or not isinstance(event, LiveAnalysis):
            return
        with self.lock:
            self.ages_ms.append(event.age_ms)
            self.analysed[event.stream_id] += 1
            self.faces[event.stream_id] += len(event.analysis.readings)
            self.scored[event.stream_id] += sum(r.scored for r in event.analysis.readings)


def main() -> None:
    """Run each number of streams in turn and record the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 12, 16])
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    models = load_models()
    with rtsp_camera() as camera:
        rows = []
        for number in args.streams:
            rows.append(measure(camera.url, number, args.seconds, models))
            print(rows[-1])  # noqa: T201
    good = [row for row in rows if row["landmarks_fps"] >= 12 and row["classifier_fps"] >= 3]
    per_core = max((1 / row["core_share_per_stream"] for row in good), default=0.0)
    figures = {
        "what": "640x480 H.264 at 30 fps over RTSP/TCP, one face, camera on the same machine",
        "seconds_per_row": args.seconds,
        "models": [card.fingerprint for card in models.cards],
        "rows": rows,
        "streams_per_core": round(per_core, 1),
    }
    print(record("streams", COMMAND, figures))  # noqa: T201


def measure(url: str, number: int, seconds: float, models: Models) -> dict[str, float]:
    """Run `number` streams for `seconds` and sum up."""
    tally, serial = Tally(), count()
    runners = [_runner(url, StreamId(f"s{i}"), models, tally, serial) for i in range(number)]
    for runner in runners:
        runner.start()
    time.sleep(WARM_UP_S)
    before = [runner.status() for runner in runners]
    cpu_s, started_s = time.process_time(), time.monotonic()
    tally.counting = True
    time.sleep(seconds)
    tally.counting = False
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - started_s
    after = [runner.status() for runner in runners]
    for runner in runners:
        runner.stop()
    decoded = sum(b.frames_decoded - a.frames_decoded for a, b in zip(before, after, strict=True))
    drops: Counter[str] = Counter()
    for old, new in zip(before, after, strict=True):
        drops.update({reason: n - old.drops.get(reason, 0) for reason, n in new.drops.items()})
    ages = np.array(tally.ages_ms or [np.nan])
    faces_per_frame = sum(tally.faces.values()) / max(1, sum(tally.analysed.values()))
    return {
        "streams": number,
        "decoded_fps": round(decoded / wall_s / number, 1),
        "landmarks_fps": round(_slowest(tally.faces, number) / wall_s, 1),
        "classifier_fps": round(_slowest(tally.scored, number) / wall_s, 2),
        "faces_per_frame": round(faces_per_frame, 2),
        "core_share_per_stream": round(cpu_s / wall_s / number, 4),
        **{f"age_p{p}_ms": round(float(np.percentile(ages, p)), 1) for p in (50, 95, 99)},
        "dropped_share": round(sum(drops.values()) / max(1, decoded), 4),
        "shed_max": max(status.shed for status in after),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _slowest(counter: Counter[str], number: int) -> int:
    """The stream that got least: an average would hide it."""
    return min(counter.values()) if len(counter) == number else 0


def _runner(
    url: str, stream_id: StreamId, models: Models, tally: Tally, serial: "count[int]"
) -> StreamRunner:
    config = av_url.Config.model_validate({"url": url, "analyse_fps": 15})
    return StreamRunner(
        stream_id,
        lambda epoch: av_url.build(config, stream_id, epoch),
        lambda: StreamAnalyzer(stream_id, models, lambda: AlertId(f"a{next(serial)}")),
        tally.take,
        RunnerSettings(provider=models.provider),
    )


if __name__ == "__main__":
    main()
