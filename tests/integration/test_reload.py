"""Settings that change while the service runs: each at its own price, a bad file at none."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest

from tests.gst_camera import GstCamera
from tests.media import blinking_person
from tests.needs import wait_until
from tests.service import ServiceProcess, running, toy_models

SMALL = {"width": 160, "height": 120, "fps": 2}
PACE = """
[runner]
age_budget_s = 10.0
[analyzer]
detect_every_s = 2.0
window_s = 2.0
window_min_samples = 2
prior_prob = {prior}
[analyzer.alert]
tau_s = 0.1
hold_s = 0.0
"""
"""With a toy classifier whose log-odds are always 4: a prior of 0.001 asks for more."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that finds signs of manipulation in every face."""
    return toy_models(tmp_path_factory.mktemp("models") / "models")


def streams(camera: GstCamera, seventh: str = "/live7") -> str:
    """One camera of a person, seven of nobody; the last one's address may be another."""
    mounts = ["/person", *(f"/live{number}" for number in range(1, 7)), seventh]
    return "".join(
        f'[[streams]]\nid = "camera-{number}"\nname = "Camera {number}"\n'
        f'source = {{ type = "av", url = "{camera.url(mount)}" }}\n'
        for number, mount in enumerate(mounts)
    )


def camera_of(folder: Path) -> GstCamera:
    for number, image in enumerate(blinking_person(3.0, 5, width=320, height=240, face_px=140)):
        (folder / f"{number:03d}.i420").write_bytes(
            cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()
        )
    person = {"frames": folder / "%03d.i420", "width": 320, "height": 240, "fps": 5}
    # Seven who ask for one mount at once can end GStreamer's server by an assertion of its own.
    nobody = {f"/live{number}": SMALL for number in range(1, 8)}
    return GstCamera({"/person": person, **nobody, "/other": SMALL})


def rewrite(service: ServiceProcess, text: str) -> None:
    """Put the file's tail in the place of its former one, all at once or not."""
    file = service.data.parent / "fakewatch.toml"
    head = file.read_text(encoding="utf-8").partition("[runner]")[0]
    file.write_text(head + text, encoding="utf-8")


def statuses(service: ServiceProcess) -> dict[str, dict[str, object]]:
    return {view["id"]: view["status"] for view in service.client.get("/api/streams").json()}


def logged(service: ServiceProcess, event: str) -> list[dict[str, object]]:
    lines = [line for line in service.output().splitlines() if f'"event": "{event}"' in line]
    return [json.loads(line) for line in lines]


def reloads(service: ServiceProcess, result: str) -> float:
    page = service.client.get("/metrics").text
    name = f'fakewatch_config_reloads_total{{result="{result}"}} '
    return next(float(line.removeprefix(name)) for line in page.splitlines() if name in line)


@pytest.mark.fault("F41")
def test_a_threshold_applies_within_two_seconds_and_a_new_address_restarts_one_of_eight_streams(
    models: Path, tmp_path: Path
) -> None:
    with (
        camera_of(tmp_path) as camera,
        running(tmp_path / "s", models, PACE.format(prior=0.001) + streams(camera)) as service,
    ):
        wait_until(
            lambda: all(int(str(s["frames_analysed"])) > 3 for s in statuses(service).values()),
            60, "eight streams",
        )  # fmt: skip
        wait_until(
            lambda: int(str(statuses(service)["camera-0"]["frames_scored"])) > 5, 30, "scores"
        )
        assert service.client.get("/api/alerts").json() == []

        written_at = datetime.now(UTC)
        rewrite(service, PACE.format(prior=0.5) + streams(camera))
        alert = wait_until(lambda: service.client.get("/api/alerts").json(), 20, "an alert")[0]
        applied_s = (datetime.fromisoformat(alert["opened_at"]) - written_at).total_seconds()
        assert applied_s < 2.0
        assert {s["reconnects"] for s in statuses(service).values()} == {0}
        assert len(logged(service, "stream_connected")) == 8

        rewrite(service, PACE.format(prior=0.5) + streams(camera, "/other"))
        wait_until(lambda: len(logged(service, "stream_connected")) > 8, 20, "the new address")
        assert logged(service, "settings_reloaded")[-1]["streams"] == ["camera-7"]
        assert [line["stream"] for line in logged(service, "stream_connected")[8:]] == ["camera-7"]
        assert {s["reconnects"] for s in statuses(service).values()} == {0}


@pytest.mark.fault("F40", "F41")
def test_a_bad_file_changes_nothing_and_is_named_where_people_look(
    models: Path, tmp_path: Path
) -> None:
    one = '[[streams]]\nid = "drawn"\nname = "Drawn"\nsource = { type = "synthetic", fps = 2 }\n'
    with running(tmp_path, models, PACE.format(prior=0.5) + one) as service:
        before = service.client.get("/api/config/effective").json()["settings"]
        rewrite(service, PACE.format(prior=7) + one)
        wait_until(lambda: reloads(service, "refused"), 10, "the refusal")
        answer = service.client.post("/api/config/reload")
        error = service.client.get("/healthz").json()["settings"]["error"]
        assert answer.status_code == 422
        assert "analyzer.prior_prob" in answer.json()["detail"]
        assert "analyzer.prior_prob" in error
        assert "analyzer.prior_prob" in str(logged(service, "settings_refused")[0]["reason"])
        after = service.client.get("/api/config/effective").json()
        assert (after["settings"], "analyzer.prior_prob" in after["error"]) == (before, True)
        assert service.client.get("/readyz").json()["ready"]

        rewrite(service, PACE.format(prior=0.5) + one)
        wait_until(lambda: not service.client.get("/healthz").json()["settings"]["error"], 10, "it")
        assert len(logged(service, "stream_connected")) == 1


def test_each_class_of_settings_takes_effect_at_its_own_price(models: Path, tmp_path: Path) -> None:
    head = PACE.format(prior=0.5)
    one = '[[streams]]\nid = "drawn"\nname = "Drawn"\nsource = { type = "synthetic", fps = 2 }\n'
    with running(tmp_path, models, head + one) as service:
        wait_until(lambda: logged(service, "stream_connected"), 30, "the stream")
        sink = f'[[sinks]]\ntype = "jsonl"\nname = "kept"\npath = "{tmp_path}/kept.jsonl"\n'
        rewrite(service, f"{head}[server]\ndrain_s = 9.0\nmax_clients = 3\n{sink}{one}")
        done = service.client.post("/api/config/reload").json()
        assert done == {
            "changed": {"server.max_clients": "live", "sinks": "worker"},
            "streams": [],
            "waiting": ["server.drain_s"],
            "models": [],
        }
        shown = service.client.get("/api/config/effective").json()
        facts = {setting["path"]: setting for setting in shown["settings"]}
        assert (facts["server.drain_s"]["value"], shown["waiting"]) == (30.0, ["server.drain_s"])
        assert facts["server.drain_s"]["waits_for_restart"]
        assert (
            facts["server.max_clients"] | {"value": 3, "origin": "file"}
            == facts["server.max_clients"]
        )
        assert facts["server.port"]["origin"] == "command line"
        assert [s["name"] for s in service.client.get("/api/sinks").json()] == ["kept"]
        assert service.client.post("/api/sinks/kept/test").json()["taken"]

        rewrite(service, f"{head.replace('10.0', '9.0')}{one}")
        answer = service.client.post("/api/config/reload").json()
        assert (answer["streams"], answer["waiting"]) == (["drawn"], [])
        wait_until(lambda: len(logged(service, "stream_connected")) == 2, 20, "the stream again")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
def test_a_hangup_signal_reads_the_settings_anew(models: Path, tmp_path: Path) -> None:
    with running(tmp_path, models) as service:
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads(service, "applied"), 10, "the reload")
        assert logged(service, "settings_reloaded")[0]["changed"] == []


def test_a_check_prints_what_would_be_in_force_and_touches_no_storage(
    models: Path, tmp_path: Path
) -> None:
    data, config = tmp_path / "data", tmp_path / "check.toml"
    good = f'[models]\ndirectory = "{models}"\nclassifier = "toy"\n[storage]\npath = "{data}"\n'
    config.write_text(good)
    token = "a token of the operator"
    done = checked(config, FAKEWATCH_AUTH__TOKEN=token)
    assert done.returncode == 0, done.stderr
    assert 'models.classifier = "toy"  # file, models' in done.stdout
    assert "server.port = 8080  # default, process" in done.stdout
    assert "auth.token" in done.stdout
    assert token not in done.stdout + done.stderr
    assert not data.exists()
    config.write_text(good + "[server]\nprot = 1\n")
    refused = checked(config)
    assert (refused.returncode, "server.prot: unknown key" in refused.stderr) == (2, True)


def checked(config: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stream_server.cli", "serve", "--check", "--config"]
    return subprocess.run(
        [*command, str(config)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
