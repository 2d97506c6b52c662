"""Evidence of real alerts: from a camera, over a kill, on a full disk, by the API."""

import json
import signal
import time
from pathlib import Path

import av
import cv2
import httpx
import pytest

from stream_server.cli import main
from stream_server.evidence.settings import EvidenceSettings, Mode
from stream_server.settings import AnalyzerSection
from tests.gst_camera import GstCamera
from tests.media import blinking_person
from tests.needs import wait_until
from tests.served import served
from tests.service import ServiceProcess, toy_models
from tests.toy_models import tint_green

FPS, WIDTH, HEIGHT = 15, 320, 240
CLIP = 'mode = "clip"\nmin_free_mb = 0\n'


def i420_frames(folder: Path, seconds: float) -> Path:
    """A person who is tinted, as a forgery would be, in the second half."""
    folder.mkdir()
    count = round(seconds * FPS)
    person = blinking_person(seconds, FPS, width=WIDTH, height=HEIGHT, face_px=150)
    for index, image in enumerate(person):
        shown = tint_green(image) if index >= count // 2 else image
        (folder / f"{index:03}.i420").write_bytes(
            cv2.cvtColor(shown, cv2.COLOR_BGR2YUV_I420).tobytes()
        )
    return folder / "%03d.i420"


def test_an_alert_of_a_camera_yields_a_clip_from_a_keyframe_before_it(tmp_path, capsys):
    frames = i420_frames(tmp_path / "frames", 8)
    evidence = EvidenceSettings(
        mode=Mode.CLIP, pre_roll_s=3, post_roll_s=2, min_free_mb=0, sign=True
    )
    analyzer = AnalyzerSection(window_s=1.0, window_min_samples=2)
    mount = {"frames": frames, "width": WIDTH, "height": HEIGHT, "fps": FPS, "gop": FPS}
    with (
        GstCamera({"/live": mount}) as camera,
        served(tmp_path, analyzer=analyzer, evidence=evidence) as service,
        httpx.Client(base_url=service.address, trust_env=False, timeout=20) as client,
    ):
        source = {"type": "av", "url": camera.url()}
        client.post("/api/streams", json={"name": "Door", "source": source}).raise_for_status()
        (entry, *_) = wait_until(lambda: client.get("/api/evidence").json(), 60, "a bundle")
        where = f"/api/alerts/{entry['alert_id']}/evidence"
        assert client.get(where).json() == entry
        bundle = tmp_path / "bundle.zip"
        bundle.write_bytes(client.get(f"{where}/bundle.zip").raise_for_status().content)
        assert entry["kept"] == "clip", entry
        assert 'fakewatch_evidence_bundles_total{result="clip"}' in client.get("/metrics").text
        folder = tmp_path / "data/evidence" / entry["name"]
        check_clip(folder)
        check_use(client, where, tmp_path / "data/evidence")
    key = (tmp_path / "data/evidence/signing-key.txt").read_text().strip()
    assert main(["verify", str(bundle), "--key", key]) == 0
    assert main(["verify", str(tmp_path / "data/evidence"), "--key", key, "--quiet"]) == 0
    assert "unbroken" not in capsys.readouterr().out.rpartition("Everything")[2]


def check_clip(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["clip"]["made_from"].startswith("packets")
    assert manifest["clip"]["from_s"] < -2, "it begins before the alert"
    assert {"face-1.jpg", "face-1-heat.jpg", "picture.jpg"} <= set(manifest["files"])
    with av.open(str(folder / "clip.mp4")) as clip:
        packets = [packet for packet in clip.demux(video=0) if packet.size]
        assert packets[0].is_keyframe
    with av.open(str(folder / "clip.mp4")) as clip:
        frames = list(clip.decode(video=0))
    length_s = manifest["clip"]["to_s"] - manifest["clip"]["from_s"]
    assert len(frames) == len(packets) == pytest.approx(length_s * FPS, rel=0.25)
    assert not any(frame.is_corrupt for frame in frames)
    assert (frames[0].width, frames[0].height) == (WIDTH, HEIGHT)
    rows = json.loads((folder / "scores.json").read_text())["rows"]
    assert any(row[2] == "alert" for row in rows)


def check_use(client: httpx.Client, where: str, folder: Path) -> None:
    """Pin and delete by the API."""
    assert client.post(f"{where}/pin", json={"pinned": True}).json()["pinned"]
    name = client.get(where).json()["name"]
    assert (folder / f"{name}.pinned").exists()
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404
    assert (folder / f"{name}.deleted.json").exists()
    assert client.get("/api/alerts/none/evidence").status_code == 404


def test_webcams_and_drawn_people_yield_a_low_rate_clip(tmp_path):
    models = toy_models(tmp_path / "models")
    service = ServiceProcess(tmp_path, models, f"[evidence]\n{CLIP}post_roll_s = 2\n")
    try:
        service.wait_until_up()
        add_door(service)
        (entry,) = wait_until(lambda: bundles(service), 60, "a bundle")
        folder = service.data / "evidence" / entry["name"]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["clip"]["made_from"].startswith("about 5 pictures a second")
        with av.open(str(folder / "clip.mp4")) as clip:
            frames = list(clip.decode(video=0))
        assert len(frames) >= 8
    finally:
        service.end()


@pytest.mark.parametrize("delay_s", [0.1, 0.7, 1.3])
def test_a_kill_leaves_no_half_bundle_and_each_alert_one(tmp_path, delay_s):
    models = toy_models(tmp_path / "models")
    service = ServiceProcess(tmp_path, models, f"[evidence]\n{CLIP}post_roll_s = 0.5\n")
    folder = service.data / "evidence"
    try:
        service.wait_until_up()
        add_door(service)
        wait_until(lambda: service.client.get("/api/alerts").json(), 60, "an alert")
        (alert,) = service.client.get("/api/alerts").json()
        time.sleep(delay_s)  # the very moment is what is tried
    finally:
        service.end(signal.SIGKILL)
    again = ServiceProcess(tmp_path, models, f"[evidence]\n{CLIP}post_roll_s = 0.5\n")
    try:
        again.wait_until_up()
        assert not list(folder.glob(".*")), "what a crash left is gone"
        kept = wait_until(lambda: bundles(again), 60, "the bundle of the alert, which goes on")
        assert [bundle["alert_id"] for bundle in kept] == [alert["alert_id"]]
        pending = f"/api/alerts/{alert['alert_id']}"
        wait_until(lambda: again.client.get(pending).json()["phase"] != "opened", 60, "its news")
        again.client.delete("/api/streams/door")
    finally:
        again.end()
    assert len(bundles_in(folder)) == 1, "before the kill or after it, not both"
    assert main(["verify", str(folder)]) == 0


def bundles_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def add_door(service: ServiceProcess) -> None:
    source = {"type": "synthetic", "fps": 10, "width": 320, "height": 240}
    answer = service.client.post("/api/streams", json={"name": "Door", "source": source})
    answer.raise_for_status()


def bundles(service: ServiceProcess) -> list[dict]:
    return service.client.get("/api/evidence").raise_for_status().json()
