"""How long `fakewatch serve` takes until it is ready, and what it weighs when idle."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

from benchmarks.record import record

COMMAND = "python -m benchmarks.startup"
PATIENCE_S = 60.0


def main() -> None:
    """Start and stop the service some times and record the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first_s, _, _ = _start_once(folder)
        rounds = [_start_once(folder) for _ in range(args.rounds)]
    figures = {
        "what": "from the command to the first 200 of /readyz, models loaded and warmed",
        "first_ready_s": round(first_s, 2),
        "rounds": args.rounds,
        "ready_s": round(median(ready for ready, _, _ in rounds), 2),
        "ready_s_max": round(max(ready for ready, _, _ in rounds), 2),
        "idle_memory_mib": round(median(memory for _, memory, _ in rounds)),
        "shutdown_s": round(median(end for _, _, end in rounds), 2),
    }
    print(record("startup", COMMAND, figures), figures)  # noqa: T201


def _start_once(folder: str) -> tuple[float, float, float]:
    """Seconds until ready, MiB when idle, seconds to end after SIGTERM; it stores in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "FAKEWATCH_STORAGE__PATH": str(Path(folder) / "data")}
    command = [sys.executable, "-m", "stream_server.cli", "serve", "--port", str(port)]
    started_s = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as service:
        try:
            _wait_ready(f"http://127.0.0.1:{port}/readyz", service)
            ready_s = time.monotonic() - started_s
            memory_mib = _resident_mib(service.pid)
            service.terminate()
            ending_s = time.monotonic()
            service.wait(PATIENCE_S)
            return ready_s, memory_mib, time.monotonic() - ending_s
        finally:
            service.kill()


def _wait_ready(url: str, service: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and service.poll() is None:
        try:
            if httpx.get(url, timeout=1.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"The service was not ready (exit code {service.poll()}).")


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
