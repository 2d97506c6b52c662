"""A disk that is really full: the storage lies on a tmpfs of three megabytes."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.needs import need, wait_until
from tests.service import ServiceProcess, toy_models

ON_TMPFS = 'mkdir -p "$0" && mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'


@pytest.mark.fault("F32")
def test_on_a_full_disk_alerts_wait_in_memory_and_are_written_later(tmp_path: Path) -> None:
    within = [need("mountns"), "-m", "sh", "-c", ON_TMPFS, str(tmp_path / "data")]
    models = toy_models(tmp_path / "models")
    service = ServiceProcess(tmp_path, models, within=within)
    try:
        service.wait_until_up()
        data = Path(f"/proc/{service.process.pid}/root{service.data}")
        ballast = fill(data)
        client = service.client
        source = {"type": "synthetic", "fps": 10, "width": 320, "height": 240}
        refused = client.post("/api/streams", json={"name": "Door", "source": source})
        assert refused.status_code in {503, 507}, "a user is told that it cannot be kept"
        ballast.write_bytes(b"")
        client.post("/api/streams", json={"name": "Door", "source": source}).raise_for_status()
        fill(data)
        wait_until(lambda: client.get("/api/info").is_success and waits(client), 60, "alerts wait")
        assert client.get("/readyz").status_code == 200
        analysed = client.get("/api/streams/door/status").json()["frames_analysed"]
        wait_until(
            lambda: client.get("/api/streams/door/status").json()["frames_analysed"] > analysed,
            30,
            "the analysis to go on",
        )
        ballast.write_bytes(b"")
        wait_until(lambda: not waits(client), 60, "the disk to be used again")
        for file in data.glob("fakewatch.db*"):
            shutil.copy(file, tmp_path)
        with contextlib.closing(sqlite3.connect(tmp_path / "fakewatch.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM alert").fetchone()[0] >= 1
    finally:
        service.end()


def waits(client) -> list[str]:
    degraded = client.get("/readyz").json()["degraded"]
    return [text for text in degraded if "wait in memory" in text]


def fill(data: Path) -> Path:
    ballast = data / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast
