"""Seconds from a camera's return to the first analysed frame, after outages of some lengths."""

import argparse
import threading
import time
from itertools import count
from statistics import median

from benchmarks.camera import Camera, rtsp_camera
from benchmarks.record import record
from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models, load_models
from pipeline.types import AlertId, StreamId
from stream_server.live import LiveAnalysis, LiveEvent
from stream_server.sources import av_url
from stream_server.streams.runner import RunnerSettings, StreamRunner

COMMAND = "python -m benchmarks.reconnect"
STREAM = StreamId("door")
PATIENCE_S = 60.0


class LastFrame:
    """When the newest analysis came, for whoever waits for the next."""

    def __init__(self) -> None:
        self._came = threading.Event()

    def take(self, event: LiveEvent) -> None:
        """Note an analysis."""
        if isinstance(event, LiveAnalysis):
            self._came.set()

    def next_after_s(self, started_s: float) -> float:
        """Wait for an analysis from now on; seconds since `started_s`."""
        self._came.clear()
        if not self._came.wait(PATIENCE_S):
            raise RuntimeError("No frame was analysed after the camera came back.")
        return time.monotonic() - started_s


def main() -> None:
    """Kill and restart the camera and record how long the picture took to come back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outages", type=float, nargs="+", default=[2, 2, 5, 5, 10, 10, 20])
    args = parser.parse_args()
    models = load_models()
    with rtsp_camera() as camera:
        seconds = [(gap, _outage(camera, gap, models)) for gap in args.outages]
    back = [s for _, s in seconds]
    figures = {
        "what": "camera process killed and restarted; from its 'ready' to the first analysed frame",
        "outages": [{"outage_s": gap, "back_s": round(s, 2)} for gap, s in seconds],
        "median_s": round(median(back), 2),
        "max_s": round(max(back), 2),
    }
    print(record("reconnect", COMMAND, figures), figures)  # noqa: T201


def _outage(camera: Camera, gap_s: float, models: Models) -> float:
    last, serial = LastFrame(), count()
    config = av_url.Config.model_validate({"url": camera.url})
    runner = StreamRunner(
        STREAM,
        lambda epoch: av_url.build(config, STREAM, epoch),
        lambda: StreamAnalyzer(STREAM, models, lambda: AlertId(f"a{next(serial)}")),
        last.take,
        RunnerSettings(provider=models.provider),
    )
    runner.start()
    try:
        last.next_after_s(time.monotonic())
        camera.kill()
        time.sleep(gap_s)
        camera.start()
        return last.next_after_s(time.monotonic())
    finally:
        runner.stop()


if __name__ == "__main__":
    main()
