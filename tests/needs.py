"""What tests ask of the machine: tools, ports, and patience with a deadline."""

import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

REQUIRE_ALL = os.environ.get("FAKEWATCH_TEST_REQUIRE_ALL") == "1"
"""Set in CI: a missing tool is a failure and nothing may be skipped."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own: only it sees python3-gi."""

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")

_GST_RTSP_SERVER = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "wanted = ('rtph264pay', 'h264parse', 'udpsrc');"
    "missing = [name for name in wanted if not Gst.ElementFactory.find(name)];"
    "raise SystemExit(bool(missing))"
)


def need(tool: str) -> str:
    """Path of a program the test cannot do without.

    Besides program names: "gst-rtsp-server" (GStreamer's RTSP server from Debian's Python),
    "postgres" (PostgreSQL's server), "netns" and "mountns" (the right to make a namespace of
    networks or mounts). A missing tool skips the test on a user's machine and fails it under
    FAKEWATCH_TEST_REQUIRE_ALL=1.
    """
    found = _find(tool)
    if found:
        return found
    reason = f"needs {tool}, which this machine lacks (see .ci/run for the package)"
    if REQUIRE_ALL:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need_package(name: str) -> None:
    """Skip the test on a user's machine without this extra's package; fail it in CI."""
    if importlib.util.find_spec(name) is not None:
        return
    if REQUIRE_ALL:
        pytest.fail(f"needs the Python package {name}", pytrace=False)
    pytest.skip(f"needs the Python package {name} (see the extras in pyproject.toml)")


@functools.cache
def _find(tool: str) -> str | None:
    if tool == "gst-rtsp-server":
        return SYSTEM_PYTHON if _succeeds(SYSTEM_PYTHON, "-c", _GST_RTSP_SERVER) else None
    if tool == "netns":
        works = _succeeds("unshare", "-n", "ip", "link", "set", "lo", "up")
        return shutil.which("unshare") if works else None
    if tool == "mountns":
        works = _succeeds("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
        return shutil.which("unshare") if works else None
    if tool == "postgres":  # Debian keeps it off the PATH
        return shutil.which(tool) or max(
            map(str, DEBIAN_POSTGRES.glob("*/bin/postgres")), default=None
        )
    return shutil.which(tool)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


_given_ports: set[int] = set()


def find_free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has, and that this session was not given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def wait_until(condition: Callable[[], T], timeout_s: float, what: str, every_s: float = 0.05) -> T:
    """Poll until the condition is truthy and return its value; fail by name at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            pytest.fail(f"Waited {timeout_s:g} s for {what}; last seen: {value!r}", pytrace=False)
        time.sleep(every_s)
