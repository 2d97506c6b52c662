"""A real MQTT broker for a test."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import find_free_port, need, wait_until


@contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """Mosquitto on a port of its own, which it gives."""
    program = need("mosquitto")
    port = find_free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as broker:
        try:
            wait_until(lambda: _answers(port), 10, "the broker listens")
            yield port
        finally:
            broker.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
