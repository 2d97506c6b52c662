"""`fakewatch watch` in a real terminal: what it shows, how it ends, what it never prints."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.media import blinking_person, write_clip
from tests.toy_models import green_environment, tint_green

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        **green_environment(tmp_path_factory.mktemp("models")),
        "COLUMNS": "160",
        "LINES": "40",
        "TERM": "xterm-256color",
    }


class Terminal:
    """A watching process and all that its terminal has shown."""

    def __init__(self, process: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self.process = process
        self.shown = ""
        self._descriptor = descriptor

    def wait_for(self, words: str, timeout_s: float = 40) -> None:
        deadline_s = time.monotonic() + timeout_s
        while words not in self.shown and time.monotonic() < deadline_s:
            if not self._read(0.2) and self.process.poll() is not None:
                break
        assert words in self.shown, self.shown[-2000:]

    def end(self) -> int:
        """Read what is left and return the exit code."""
        deadline_s = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self._read(0.1)
        self._read(0.1)
        return self.process.wait(1)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return False
        try:
            text = os.read(self._descriptor, 65536).decode(errors="replace")
        except OSError:  # Linux: the other end of the terminal is closed
            return False
        self.shown += ESCAPES.sub("", text)
        return bool(text)


@contextmanager
def watch(environment: dict[str, str], *arguments: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "stream_server.cli", "watch", *arguments]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_stream_is_watched_until_ctrl_c(environment: dict[str, str], tmp_path: Path) -> None:
    people = [tint_green(image) for image in blinking_person(6, 15, width=320, height=240)]
    clip = write_clip(tmp_path / "green.mp4", people, 15)
    with watch(environment, clip.as_uri()) as terminal:
        terminal.wait_for("alert opened")
        terminal.wait_for("signs of manipulation")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
    assert "analysing" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_a_camera_that_is_not_there_is_said_and_tried_again(environment: dict[str, str]) -> None:
    with watch(environment, "rtsp://viewer:canary-51c0@127.0.0.1:9/live") as terminal:
        terminal.wait_for("Nothing listens at that address and port.")
        terminal.wait_for("Next try in")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 0
    assert "canary-51c0" not in terminal.shown


def test_what_is_no_address_is_refused_at_once(environment: dict[str, str]) -> None:
    with watch(environment, "gopher://u:canary-51c0@camera/1") as terminal:
        assert terminal.end() == 2
    assert "scheme" in terminal.shown
    assert "canary-51c0" not in terminal.shown


def test_a_stream_without_video_ends_with_its_reason(
    environment: dict[str, str], tmp_path: Path
) -> None:
    sound = tmp_path / "sound.wav"
    header = (
        b"RIFF$\x04\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0@\x1f\0\0\x01\0\x08\0data\0\x04\0\0"
    )
    sound.write_bytes(header + b"\x80" * 1024)
    with watch(environment, sound.as_uri()) as terminal:
        assert terminal.end() == 3
    assert "no video" in terminal.shown
