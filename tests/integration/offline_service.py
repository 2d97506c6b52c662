"""Run in a network namespace that has only 127.0.0.1: use the whole service, watch every packet."""

import ipaddress
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

from websockets.sync.client import connect

from tests.needs import wait_until
from tests.service import ServiceProcess, toy_models

QUIET_S = 12.0
"""ONNX Runtime, left as it comes, reports about 10 s after its first session."""
CONFIG = """
[[streams]]
id = "drawn"
name = "Drawn"
source = { type = "synthetic", fps = 10 }
"""
_IPV4, _IPV6 = 0x0800, 0x86DD


class Watch:
    """Reads every packet of the loopback interface, by which all that is sent must leave."""

    def __init__(self) -> None:
        self.packets = 0
        self.foreign: set[str] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(3))
        self._socket.bind(("lo", 0))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            packet, (_, protocol, *_) = self._socket.recvfrom(65536)
            if protocol not in (_IPV4, _IPV6):
                continue
            raw = packet[16:20] if protocol == _IPV4 else packet[24:40]
            address = ipaddress.ip_address(raw)
            self.packets += 1
            if not address.is_loopback:
                self.foreign.add(str(address))


def use(service: ServiceProcess) -> dict[str, object]:
    """Do what a user does."""
    api = service.client
    alerts = wait_until(lambda: api.get("/api/alerts").json(), 60, "an alert")
    with connect(f"ws://127.0.0.1:{service.port}/api/live") as live:
        kinds = {json.loads(live.recv(timeout=20))["type"] for _ in range(20)}
    stream = {"id": "second", "name": "Second", "source": {"type": "synthetic", "fps": 5}}
    added = api.post("/api/streams", json=stream).status_code
    api.post(f"/api/alerts/{alerts[0]['alert_id']}/acknowledge")
    return {
        "ready": api.get("/readyz").status_code,
        "page": api.get("/").status_code,
        "metrics": api.get("/metrics").status_code,
        "added": added,
        "kinds": sorted(kinds),
    }


def main() -> None:
    """Start, use, wait, stop, and say what was seen."""
    folder, watch = Path(sys.argv[1]), Watch()
    started_s = time.monotonic()
    service = ServiceProcess(folder / "service", toy_models(folder / "models"), CONFIG)
    try:
        service.wait_until_up()
        seen = use(service)
        time.sleep(max(0.0, QUIET_S - (time.monotonic() - started_s)))
    finally:
        code = service.end()
    foreign, packets = sorted(watch.foreign), watch.packets
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as leak:
        leak.sendto(b"x", ("192.0.2.9", 9))
    wait_until(lambda: "192.0.2.9" in watch.foreign, 5, "the watch to see a packet that leaves")
    home = Path(os.environ["HOME"])
    files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    report = {**seen, "code": code, "foreign": foreign, "packets": packets, "files": files}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
