"""Runs the real service for hours on bad lines: does it leak, and has every drop a reason?

A real RTSP camera is seen through one `FaultyLine` a stream; a seeded schedule makes the lines
misbehave (F02-F10 of the faults). What the process holds is sampled all the time.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.camera import rtsp_camera
from benchmarks.faulty_line import FAULTS, FaultyLine
from benchmarks.record import record

COMMAND = "python -m benchmarks.soak"
SAMPLE_S, WRITE_S, STEP_S = 10.0, 60.0, 0.5
BLOCK_S = 300.0
"""Samples within so long are not independent of each other."""
LONGEST_FAULT_S = {"frozen": 30.0}
SETTINGS = """
[storage]
path = "{data}"
[runner]
retry_max_s = 10.0
auth_retry_min_s = 5.0
auth_retry_max_s = 10.0
"""
STREAM = """
[[streams]]
id = "line-{number}"
name = "Line {number}"
source = {{ type = "av", url = "rtsp://127.0.0.1:{port}/live" }}
"""


@dataclass
class Line:
    """One stream's line, its next change, and what it has gone through."""

    line: FaultyLine
    chance: random.Random
    change_at_s: float = 0.0
    fault: str | None = "none yet"
    suffered: Counter[str] = field(default_factory=Counter)

    def play(self, now_s: float) -> None:
        """Change between good times and random faults when it is due."""
        if now_s < self.change_at_s:
            return
        if self.fault is not None:
            self.fault = None
            self.change_at_s = now_s + self.chance.uniform(20, 60)
        else:
            self.fault = self.chance.choice(FAULTS)
            self.suffered[self.fault] += 1
            self.change_at_s = now_s + self.chance.uniform(5, LONGEST_FAULT_S.get(self.fault, 20.0))
        self.line.set_fault(self.fault)


def main() -> None:
    """Soak, and write down what was seen each minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--streams", type=int, default=3)
    parser.add_argument("--warm-up-minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = stack.enter_context(rtsp_camera(width=320, height=240, fps=12))
        lines = [
            Line(
                stack.enter_context(FaultyLine(camera.port, args.seed + number)),
                random.Random(f"{args.seed} {number}"),  # noqa: S311 - reproducible, no secret
            )
            for number in range(args.streams)
        ]
        service = stack.enter_context(_service(folder, [one.line.port for one in lines]))
        soak(service, lines, args)


@dataclass
class Service:
    """The running service: its process and its address."""

    process: subprocess.Popen[bytes]
    client: httpx.Client

    def sample(self, elapsed_s: float) -> dict[str, Any]:
        """What the process holds and how its streams do, at this moment."""
        place = Path(f"/proc/{self.process.pid}")
        held = dict(
            line.split(":", 1)
            for line in (place / "status").read_text().splitlines()
            if ":" in line
        )
        asked_s = time.monotonic()
        page = self.client.get("/metrics").text
        scrape_ms = 1000 * (time.monotonic() - asked_s)
        return {
            "at_s": round(elapsed_s, 1),
            "rss_mib": _mib(held["VmRSS"]),
            "own_mib": _mib(held["RssAnon"]),
            "threads": int(held["Threads"]),
            "fds": len(list((place / "fd").iterdir())),
            "scrape_ms": round(scrape_ms, 1),
            "series": sum(not line.startswith("#") for line in page.splitlines()),
            "alerts_open": _sum_of(page, "fakewatch_alerts_open"),
            "alerts": _sum_of(page, "fakewatch_alerts_total"),
            "ready": self.client.get("/readyz").status_code == 200,
        }

    def streams(self) -> list[dict[str, Any]]:
        """The status of each stream."""
        return [view["status"] for view in self.client.get("/api/streams").json()]


def _sum_of(page: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name + "{"))


@contextmanager
def _service(folder: Path, ports: list[int]) -> Iterator[Service]:
    config, log = folder / "fakewatch.toml", folder / "log"
    tables = [STREAM.format(number=i, port=port) for i, port in enumerate(ports)]
    config.write_text(SETTINGS.format(data=folder / "data") + "".join(tables))
    command = [sys.executable, "-m", "stream_server.cli", "serve", "--port", "0"]
    environment = {**os.environ, "FAKEWATCH_SERVER__LOG_LEVEL": "warning"}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--config", str(config)], stdout=output, stderr=output, env=environment
        )
    try:
        with httpx.Client(base_url=_address(process, log), trust_env=False, timeout=30) as client:
            yield Service(process, client)
    finally:
        process.terminate()
        process.wait(60)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and process.poll() is None:
        _, found, rest = log.read_text().partition("open http://")
        if found:
            return f"http://{rest.split()[0]}"
        time.sleep(0.2)
    raise RuntimeError(f"The service did not start:\n{log.read_text()}")


def soak(service: Service, lines: list[Line], args: argparse.Namespace) -> None:
    """Play the faults, sample, write; at the end cut all lines and balance the books."""
    samples: list[dict[str, Any]] = []
    started_s = time.monotonic()
    sampled_s = written_s = -1e9
    while (elapsed_s := time.monotonic() - started_s) < 3600 * args.hours:
        for line in lines:
            line.play(elapsed_s)
        if elapsed_s - sampled_s >= SAMPLE_S:
            sampled_s = elapsed_s
            samples.append(service.sample(elapsed_s))
        if elapsed_s - written_s >= WRITE_S:
            written_s = elapsed_s
            _write(samples, service.streams(), lines, args, done=False)
        time.sleep(STEP_S)
    for line in lines:
        line.line.set_fault("cut")
    time.sleep(3)
    _write(samples, service.streams(), lines, args, done=True)


def _write(
    samples: list[dict[str, Any]],
    streams: list[dict[str, Any]],
    lines: list[Line],
    args: argparse.Namespace,
    *,
    done: bool,
) -> None:
    figures = {
        "what": f"{args.streams} RTSP streams, 320x240, 12 fps, one drawn face, random faults"
        " F02-F10 on each line; niced, on a machine that did other work too",
        "done": done,
        "seed": args.seed,
        "hours": round(samples[-1]["at_s"] / 3600, 3),
        "warm_up_minutes": args.warm_up_minutes,
        **memory(samples, 60 * args.warm_up_minutes),
        **_range_of(samples, 60 * args.warm_up_minutes),
        "faults": dict(sum((line.suffered for line in lines), Counter())),
        "streams": [balance(status) for status in streams],
        "own_mib_by_minute": [one["own_mib"] for one in samples[:: round(60 / SAMPLE_S)]],
    }
    print(record("soak", f"{COMMAND} --hours {args.hours:g}", figures), json.dumps(figures))  # noqa: T201


def balance(status: dict[str, Any]) -> dict[str, Any]:
    """One stream's frames: what came in, what was analysed, and the reason of all others.

    `unexplained` may be 2 while the stream runs (one frame waits, one is being analysed) and has
    to be 0 when its line is cut.
    """
    dropped = sum(status["drops"].values())
    return {
        "received": status["frames_received"],
        "analysed": status["frames_analysed"],
        "drops": status["drops"],
        "unexplained": status["frames_received"] - status["frames_analysed"] - dropped,
        "decoded": status["frames_decoded"],
        "damaged": status["frames_damaged"],
        "reconnects": status["reconnects_by_code"],
        "state": status["state"],
    }


def memory(samples: list[dict[str, Any]], warm_up_s: float) -> dict[str, Any]:
    """Slope of the process's own memory after warm-up, MiB an hour, with its 95 % interval.

    Its own is what it has allocated: pages of mapped files belong to the kernel, which drops 20 MiB
    of them when others need room and reads them again. The interval comes from a bootstrap of
    residuals in blocks, since neighbours resemble.
    """
    warm = [one for one in samples if one["at_s"] >= warm_up_s]
    if len(warm) < 3 * BLOCK_S / SAMPLE_S:
        return {"own_slope_mib_per_h": None}
    hours = np.array([one["at_s"] for one in warm]) / 3600
    own = np.array([one["own_mib"] for one in warm])
    slope, offset = np.polyfit(hours, own, 1)
    rest = own - slope * hours - offset
    size = round(BLOCK_S / SAMPLE_S)
    chance = np.random.default_rng(0)
    slopes = []
    for _ in range(2000):
        starts = chance.integers(0, len(rest) - size + 1, -(-len(rest) // size))
        blocks = np.concatenate([rest[at : at + size] for at in starts])[: len(rest)]
        slopes.append(slope + np.polyfit(hours, blocks, 1)[0])
    low, high = np.percentile(slopes, [2.5, 97.5])
    return {
        "own_slope_mib_per_h": round(float(slope), 3),
        "own_slope_95_interval": [round(float(low), 3), round(float(high), 3)],
    }


def _mib(held: str) -> float:
    """MiB of a line of /proc/PID/status, in kB."""
    return round(int(held.split()[0]) / 1024, 2)


def _range_of(samples: list[dict[str, Any]], warm_up_s: float) -> dict[str, Any]:
    warm = [one for one in samples if one["at_s"] >= warm_up_s] or samples
    scrapes = [one["scrape_ms"] for one in samples]
    return {
        "samples": len(samples),
        **{
            name: {
                "first": warm[0][name],
                "last": warm[-1][name],
                "min": min(one[name] for one in warm),
                "max": max(one[name] for one in warm),
            }
            for name in ("own_mib", "rss_mib", "threads", "fds", "series")
        },
        "scrape_ms": {
            f"p{p}": round(float(np.percentile(scrapes, p)), 1) for p in (50, 95, 99, 100)
        },
        "not_ready_samples": sum(not one["ready"] for one in samples),
        "alerts": warm[-1]["alerts"],
    }


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
