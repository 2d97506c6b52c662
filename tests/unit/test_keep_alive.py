"""A service that dies is started again, but not for ever; one that ends is not."""

import os
import signal
import sys
import threading

import pytest

from stream_server.keep_alive import KeptAlive

DYING = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
ONCE = """
import os, pathlib, signal, sys
place = pathlib.Path(sys.argv[1])
if not place.exists():
    place.touch()
    os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture(autouse=True)
def _signals():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def python(*arguments):
    return [sys.executable, "-c", *arguments]


def test_one_crash_is_survived(tmp_path, capfd):
    assert KeptAlive(python(ONCE, str(tmp_path / "mark"))).run() == 0
    assert capfd.readouterr().err.count("died (SIGSEGV) and is started again") == 1


def test_what_dies_too_often_is_left_alone(capfd):
    assert KeptAlive(python(DYING), budget=1).run() == 1
    said = capfd.readouterr().err
    assert said.count("started again.") == 2
    assert "died 2 times within 60 s and is not started again" in said


def test_who_asks_it_to_stop_while_it_starts_is_obeyed(capfd):
    ask = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
    ask.start()
    assert KeptAlive(python("import time; time.sleep(60)")).run() == 128 + signal.SIGTERM
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("code", [0, 2])
def test_an_end_and_a_refusal_are_no_death(code, capfd):
    assert KeptAlive(python(f"raise SystemExit({code})")).run() == code
    assert capfd.readouterr().err == ""


def test_the_page_is_opened_once(tmp_path):
    kept = KeptAlive([*python(ONCE, str(tmp_path / "mark")), "--open"])
    assert kept.run() == 0
    assert "--open" not in kept._command
