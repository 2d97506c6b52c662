"""A machine that sleeps: the process is stopped for a while and goes on live when it wakes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.media import moving_person
from tests.scripted_camera import ScriptedCamera, encode

STOPPED = """
import sys, time
from tests.watched_stream import WatchedStream
with WatchedStream(sys.argv[1]) as stream:
    while True:
        sys.stdout.write(f"analysed {stream.status.frames_analysed}\\n")
        sys.stdout.flush()
        time.sleep(0.1)
"""


@pytest.mark.fault("F17")
@pytest.mark.parametrize("sleep_s", [4, pytest.param(60, marks=pytest.mark.nightly)])
def test_a_process_that_slept_goes_on_live_without_working_off_a_backlog(
    sleep_s: float, record_property: Callable[[str, object], None]
) -> None:
    with ScriptedCamera(encode(moving_person(2.0, width=320, height=240))) as camera:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [sys.executable, "-c", STOPPED, camera.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        try:
            analysed = _follow(process, until=lambda count: count >= 15)
            process.send_signal(signal.SIGSTOP)
            time.sleep(sleep_s)
            process.send_signal(signal.SIGCONT)
            woken_s = time.monotonic()
            resumed = _follow(process, until=lambda count: count > analysed + 20)
            took_s = time.monotonic() - woken_s
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    record_property("figure", f"{sleep_s:g} s asleep, 20 more frames analysed {took_s:.1f} s later")
    assert took_s < 5
    # 15 a second are wanted; those of the pause must not come on top.
    assert resumed - analysed < 15 * took_s + 15


def _follow(process: "subprocess.Popen[str]", until: Callable[[int], bool]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("analysed ") and until(int(line.split()[1])):
            return int(line.split()[1])
    pytest.fail("the process ended")
