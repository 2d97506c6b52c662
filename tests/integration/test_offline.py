"""F48, F49: on a machine with nothing but 127.0.0.1 everything works and no packet leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need

ROOT = Path(__file__).parents[2]
# All that is sent to anywhere leaves by the loopback interface, where the script sees it.
ONLY_LOOPBACK = 'ip link set lo up && ip route add default dev lo && exec "$@"'


@pytest.mark.fault("F48")
def test_the_whole_service_works_without_a_network_and_calls_nobody(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    kept = ("ORT_", "XDG_", "PYTEST", "FAKEWATCH_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
    script = [sys.executable, "-m", "tests.integration.offline_service", str(tmp_path)]
    done = subprocess.run(
        [need("netns"), "-n", "bash", "-c", ONLY_LOOPBACK, "bash", *script],
        env={**environment, "HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["foreign"] == [], "no packet left the machine"
    assert report["packets"] > 100, "and the service was used over 127.0.0.1"
    assert report["files"] == [], "nothing was left in the user's home"
    assert (report["ready"], report["page"], report["metrics"]) == (200, 200, 200)
    assert (report["added"], report["code"]) == (201, 0)
    assert {"alert", "analysis", "status"} <= set(report["kinds"])
