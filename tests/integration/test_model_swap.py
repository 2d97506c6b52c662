"""Other models while streams run: taken whole between two frames, or not at all."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.gst_camera import GstCamera
from tests.integration.test_reload import camera_of, logged, reloads, statuses
from tests.needs import wait_until
from tests.service import ServiceProcess, running, toy_models
from tests.toy_models import constant_classifier, write_classifier

PACE = """
[runner]
age_budget_s = 10.0
[analyzer]
detect_every_s = 2.0
window_s = 2.0
window_min_samples = 2
[analyzer.alert]
tau_s = 0.1
hold_s = 0.0
cooldown_s = 0.0
"""
DRAWN = """
[[streams]]
id = "drawn"
name = "Drawn"
source = { type = "synthetic", fps = 5, width = 320, height = 240 }
"""
SWAP_S = 30.0
"""For a machine with much else to do; alone it takes a second."""
GIVEN_BACK_S = 25.0
"""So long after a swap the memory of the models before is given back at the latest."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two classifiers: "toy" finds signs in every face, "calm", of larger crops, in none."""
    directory = toy_models(tmp_path / "models")
    write_classifier(directory, "calm", weights=(0.0, 0.0, 0.0), offset=-4.0, size_px=48)
    return directory


def camera(server: GstCamera) -> str:
    return (
        '[[streams]]\nid = "camera"\nname = "Camera"\n'
        f'source = {{ type = "av", url = "{server.url("/person")}" }}\n'
    )


def choose(service: ServiceProcess, before: str, after: str) -> None:
    """Name another classifier in the file, which the service sees by itself."""
    file = service.data.parent / "fakewatch.toml"
    text = file.read_text(encoding="utf-8")
    fresh = text.replace(f'classifier = "{before}"', f'classifier = "{after}"')
    assert fresh != text
    file.write_text(fresh, encoding="utf-8")


def judges(service: ServiceProcess) -> set[str]:
    """The names of the models that judge the streams."""
    return {str(status["model"]).partition("@")[0] for status in statuses(service).values()}


def classifier_of(service: ServiceProcess) -> str:
    cards = service.client.get("/api/models").json()
    (name,) = [card["name"] for card in cards if card["task"] == "deepfake"]
    assert service.client.get("/api/info").json()["model"].startswith(f"{name}@")
    return str(name)


def open_alerts(service: ServiceProcess) -> list[dict[str, object]]:
    alerts = service.client.get("/api/alerts", params={"state": "open"}).json()
    return list(alerts)


@pytest.mark.fault("F20")
def test_all_streams_go_over_to_another_model_and_back_and_none_connects_anew(
    models: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with (
        camera_of(tmp_path) as server,
        running(tmp_path / "s", models, PACE + DRAWN + camera(server)) as service,
    ):
        wait_until(lambda: len(open_alerts(service)) == 2, 60, "an alert of each stream")
        choose(service, "toy", "calm")
        began_s = time.monotonic()
        wait_until(lambda: judges(service) == {"calm"}, SWAP_S, "the other model")
        record_property("figure", f"{time.monotonic() - began_s:.1f} s from the file to the frames")
        assert classifier_of(service) == "calm"
        alerts = service.client.get("/api/alerts").json()
        assert {alert["model"].partition("@")[0] for alert in alerts} == {"toy"}
        for alert in alerts:
            assert alert["closed_at"]
            assert "toy@1@" in alert["reasons"][-1]["text"]
            assert "became calm@1@" in alert["reasons"][-1]["text"]
        page = service.client.get("/metrics").text
        assert 'execution_provider_info{model="calm",provider="cpu"} 1.0' in page
        assert 'execution_provider_info{model="toy"' not in page
        assert 'inference_duration_seconds_count{model="calm",provider="cpu"}' in page

        choose(service, "calm", "toy")
        wait_until(lambda: judges(service) == {"toy"}, SWAP_S, "the first model again")
        wait_until(lambda: len(open_alerts(service)) == 2, SWAP_S, "its alerts")
        assert {status["reconnects"] for status in statuses(service).values()} == {0}
        assert len(logged(service, "stream_connected")) == 2
        assert service.client.get("/readyz").status_code == 200
        wait_until(lambda: len(kept_with(service, "toy")) >= 2, 60, "the bundles")
        assert kept_with(service, "calm") == []


def kept_with(service: ServiceProcess, model: str) -> list[Path]:
    """The bundles of evidence whose classifier was that one."""
    manifests = (service.data / "evidence").glob("*/manifest.json")
    return [m for m in manifests if f"{model}@" in json.loads(m.read_text())["models"][2]]


def truncated(directory: Path) -> str:
    card = constant_classifier(directory, 4.0, "bad")
    assert card.path is not None
    card.path.write_bytes(card.path.read_bytes()[:-40])
    return "bad.onnx is not the one of its card"


def of_another_hash(directory: Path) -> str:
    card = constant_classifier(directory, 4.0, "bad")
    text = (directory / "bad.toml").read_text()
    (directory / "bad.toml").write_text(text.replace(str(card.sha256), "0" * 64))
    return "the card says 000000"


def missing(directory: Path) -> str:
    card = constant_classifier(directory, 4.0, "bad")
    assert card.path is not None
    card.path.unlink()
    return "bad.onnx: No such file"


def of_another_shape(directory: Path) -> str:
    write_classifier(directory, "bad", size_px=32)
    text = (directory / "bad.toml").read_text()
    (directory / "bad.toml").write_text(text.replace("size_px = 32", "size_px = 64"))
    return "its card cuts crops of 64 px"


def without_an_answer(directory: Path) -> str:
    constant_classifier(directory, float("nan"), "bad")
    return "The model bad answers a drawn crop with no finite number"


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    "spoil", [truncated, of_another_hash, missing, of_another_shape, without_an_answer]
)
def test_a_model_that_cannot_be_used_leaves_the_one_before_at_work(
    models: Path, tmp_path: Path, spoil: Callable[[Path], str]
) -> None:
    with running(tmp_path / "s", models, PACE + DRAWN) as service:
        wait_until(lambda: open_alerts(service), 60, "an alert")
        (alert,) = open_alerts(service)
        reason = spoil(models)
        choose(service, "toy", "bad")
        wait_until(lambda: reloads(service, "refused"), SWAP_S, "the refusal")
        answer = service.client.post("/api/config/reload")
        assert answer.status_code == 422
        effective = service.client.get("/api/config/effective").json()
        health = service.client.get("/healthz").json()["settings"]
        last = logged(service, "settings_refused")[-1]["reason"]
        for text in (answer.json()["detail"], effective["error"], health["error"], str(last)):
            assert text.startswith("models: ")
            assert reason in text
        shown = {setting["path"]: setting["value"] for setting in effective["settings"]}
        assert (shown["models.classifier"], classifier_of(service)) == ("toy", "toy")
        analysed = int(str(statuses(service)["drawn"]["frames_analysed"]))
        wait_until(
            lambda: int(str(statuses(service)["drawn"]["frames_analysed"])) > analysed + 3,
            SWAP_S, "frames",
        )  # fmt: skip
        assert judges(service) == {"toy"}
        assert statuses(service)["drawn"]["reconnects"] == 0
        assert [one["alert_id"] for one in open_alerts(service)] == [alert["alert_id"]]
        assert service.client.get("/readyz").status_code == 200


@pytest.mark.fault("F20")
def test_a_file_replaced_under_its_own_name_is_taken_when_somebody_asks(
    models: Path, tmp_path: Path
) -> None:
    with running(tmp_path / "s", models, PACE + DRAWN) as service:
        wait_until(lambda: statuses(service)["drawn"]["frames_scored"], 60, "scores")
        whole = (models / "toy.onnx").read_bytes()
        (models / "toy.onnx").write_bytes(whole[:-40])
        assert "toy.onnx is not the one" in service.client.post("/api/config/reload").text
        (models / "toy.onnx").write_bytes(whole)
        done = service.client.post("/api/config/reload").json()
        assert done == {"changed": {}, "streams": [], "waiting": [], "models": []}

        card = constant_classifier(models, -4.0)
        taken = service.client.post("/api/config/reload").json()["models"]
        assert taken[2] == card.fingerprint
        wait_until(
            lambda: statuses(service)["drawn"]["model"] == card.fingerprint, SWAP_S, "the new file"
        )
        assert service.client.get("/api/info").json()["model"] == card.fingerprint
        assert service.client.post("/api/config/reload").json()["models"] == []
        assert statuses(service)["drawn"]["reconnects"] == 0


@pytest.mark.nightly
@pytest.mark.fault("F20")
def test_twenty_swaps_leave_no_model_behind_in_memory(
    models: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    names = ("fakewatch-fast-int8", "fakewatch-fast")
    with (
        camera_of(tmp_path) as server,
        running(tmp_path / "s", models, PACE + camera(server)) as service,
    ):
        swap_in_turn(service, "toy", names)
        time.sleep(GIVEN_BACK_S)
        before_mib = resident_mib(service)
        most_mib = swap_in_turn(service, names[-1], names * 10)
        wait_until(lambda: resident_mib(service) < before_mib + 30, 60, "the memory")
        grown_mib = resident_mib(service) - before_mib
        assert {status["reconnects"] for status in statuses(service).values()} == {0}
    text = f"{before_mib:.0f} MiB after 2 swaps, {grown_mib:+.0f} MiB after 20 more"
    record_property("figure", f"{text}, {most_mib:.0f} MiB at most meanwhile")


def swap_in_turn(service: ServiceProcess, before: str, names: Sequence[str]) -> float:
    """Take each of them; resident MiB at most, after one of the swaps."""
    sizes = []
    for name in names:
        choose(service, before, name)
        wait_until(lambda name=name: judges(service) == {name}, SWAP_S, f"{name}")
        sizes.append(resident_mib(service))
        before = name
    return max(sizes)


def resident_mib(service: ServiceProcess) -> float:
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
