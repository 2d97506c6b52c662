"""The soak itself: hours of random faults, at night."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.needs import need

ROOT = Path(__file__).parents[2]
HOURS = 0.5


@pytest.mark.nightly
@pytest.mark.fault("F45", "F46")
def test_half_an_hour_of_faults_leaves_nothing_behind(
    record_property: Callable[[str, object], None],
) -> None:
    need("gst-rtsp-server")
    need("ffmpeg")
    command = [sys.executable, "-m", "benchmarks.soak", "--hours", str(HOURS)]
    subprocess.run([*command, "--warm-up-minutes", "8"], cwd=ROOT, check=True)
    figures = json.loads((ROOT / "benchmarks/results/soak.json").read_text())["figures"]
    record_property(
        "figure",
        f"{figures['hours']:.1f} h: {figures['own_slope_mib_per_h']} MiB/h"
        f" {figures['own_slope_95_interval']}, scrape p99 {figures['scrape_ms']['p99']} ms",
    )
    assert [one["unexplained"] for one in figures["streams"]] == [0, 0, 0]
    assert figures["threads"]["max"] - figures["threads"]["min"] <= 12
    assert figures["fds"]["max"] - figures["fds"]["min"] <= 24
    assert figures["own_slope_95_interval"][0] < 1.0, "the slope is not surely above 1 MiB/h"
    assert figures["scrape_ms"]["p99"] < 1000
