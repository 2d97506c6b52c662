"""Nothing phones home: a loaded model sends no packet and leaves no file behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need

QUIET_S = 12.0
"""ONNX Runtime 1.31, left as it comes, reports about 10 s after its first session."""

LOAD_AND_WAIT = f"""
import time
from pipeline.load import adapter, list_cards, models_directory
from pipeline.onnx_session import Device
models = [
    adapter(card)(card, Device.CPU)
    for card in list_cards(models_directory())
    if card.path is not None
]
time.sleep({QUIET_S})
for line in open("/proc/net/dev"):
    if line.strip().startswith("lo:"):
        print(len(models), int(line.split()[10]))
"""

# Everything that is sent to anywhere leaves by the loopback interface, where it is counted.
IN_AN_EMPTY_NETWORK = 'ip link set lo up && ip route add default dev lo && exec "$@"'


@pytest.mark.fault("F48")
def test_a_loaded_model_sends_no_packet_and_writes_no_file(tmp_path: Path) -> None:
    unshare = need("netns")
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORT_", "XDG_", "PYTEST"))
    }
    done = subprocess.run(
        [unshare, "-n", "sh", "-c", IN_AN_EMPTY_NETWORK, "sh", sys.executable, "-c", LOAD_AND_WAIT],
        env={**environment, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded, packets = (int(word) for word in done.stdout.split())
    assert loaded >= 3
    assert packets == 0
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_the_user_s_own_choice_is_respected() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import pipeline, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"],
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "0"
