"""Evidence on a disk that is really full: no clips, then no pictures, never a broken chain."""

import contextlib
import shutil
from pathlib import Path

import pytest

from stream_server.evidence.verifying import verify
from tests.media import blinking_person, write_clip
from tests.needs import need, wait_until
from tests.service import ServiceProcess, toy_models

ON_TMPFS = 'mkdir -p "$0" && mount -t tmpfs -o size=6m tmpfs "$0" && exec "$@"'
TOML = """
[analyzer]
window_s = 1.0
window_min_samples = 2
[runner]
retry_min_s = 0.5
retry_max_s = 0.5
[evidence]
mode = "clip"
pre_roll_s = 4
post_roll_s = 0.5
min_free_mb = 0
keep_mb = 2
[[streams]]
id = "door"
name = "Door"
source = {{ type = "av", url = "{url}" }}
"""
"""A file that ends and is opened again: each round is a connection of its own, with its alert."""


@pytest.mark.fault("F32")
def test_a_full_disk_costs_clips_then_pictures_and_breaks_nothing(tmp_path: Path) -> None:
    within = [need("mountns"), "-m", "sh", "-c", ON_TMPFS, str(tmp_path / "data")]
    person = blinking_person(5, 15, width=320, height=240, face_px=150)
    options = {"preset": "ultrafast", "crf": "1", "g": "15", "bf": "0"}
    clip = write_clip(tmp_path / "clip.mp4", person, 15, options=options)
    models = toy_models(tmp_path / "models")
    service = ServiceProcess(tmp_path, models, TOML.format(url=clip.as_uri()), within=within)
    try:
        service.wait_until_up()
        data = Path(f"/proc/{service.process.pid}/root{service.data}")
        whole = newest(service, "clip")
        assert whole["size_bytes"] > 180_000, "a clip is what takes room"
        ballast = fill(data)
        wait_until(lambda: "Evidence" in degraded(service), 90, "the fall-back to be said")
        goes_on(service)
        ballast.truncate_to(-200_000)
        assert newest(service, "snapshot")["note"].startswith("no clip: ")
        assert newest(service, "metadata")["alert_id"], "what waited is written later"
        ballast.truncate_to(0)
        wait_until(lambda: not degraded(service), 90, "the disk to be used again")
        newest(service, "clip", after=whole["name"])
        assert verified(data / "evidence", tmp_path) == ""
    finally:
        service.end()


class Ballast:
    def __init__(self, path: Path) -> None:
        self._path = path

    def truncate_to(self, size: int) -> None:
        """To so many bytes, or by so many where negative."""
        with self._path.open("r+b") as file:
            file.truncate(size if size >= 0 else self._path.stat().st_size + size)


def fill(data: Path) -> Ballast:
    with (data / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return Ballast(data / "ballast")


def degraded(service: ServiceProcess) -> str:
    return " ".join(service.client.get("/readyz").json()["degraded"])


def goes_on(service: ServiceProcess) -> None:
    """Ready, and analysing, whatever the disk does."""
    assert service.client.get("/readyz").status_code == 200
    status = "/api/streams/door/status"
    before = service.client.get(status).json()["frames_analysed"]
    wait_until(
        lambda: service.client.get(status).json()["frames_analysed"] > before, 30, "the analysis"
    )


def newest(service: ServiceProcess, kept: str, after: str = "") -> dict:
    def find() -> dict | None:
        entries = service.client.get("/api/evidence").json()
        fitting = (e for e in entries if e["kept"] == kept and e["name"] > after)
        return next(fitting, None)

    return wait_until(find, 90, f"a bundle with its {kept}")


def verified(folder: Path, tmp_path: Path) -> str:
    """What does not hold in a copy taken while bundles come and go."""

    def copy() -> Path | None:
        target = tmp_path / "copy"
        shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(folder, target)
            return target
        return None

    copied = wait_until(copy, 30, "a copy")
    return "\n".join(finding.text for finding in verify(copied) if not finding.holds)
