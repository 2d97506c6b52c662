"""`fakewatch analyze` as a user runs it: a real process, real files, its output and exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from tests.media import blinking_person, draw_face, plain_wall, write_clip
from tests.needs import need_package
from tests.toy_models import green_environment, tint_green

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clip, one that turns green half-way, an empty room, a picture, and no media."""
    folder = tmp_path_factory.mktemp("media")
    people = list(blinking_person(8, 15, blinks_s=(2, 4), width=320, height=240))
    write_clip(folder / "clear.mp4", people, 15)
    half = len(people) // 2
    write_clip(folder / "turns.mp4", people[:half] + [tint_green(i) for i in people[half:]], 15)
    write_clip(folder / "empty-room.mp4", [plain_wall(320, 240)] * 30, 15)
    cv2.imwrite(str(folder / "green.png"), tint_green(draw_face(400)))
    (folder / "notes.txt").write_text("no media")
    (folder / "cut.mp4").write_bytes((folder / "clear.mp4").read_bytes()[:2000])
    return folder


@pytest.fixture(scope="module")
def analyze(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the command with a classifier that calls green faces manipulated."""
    environment = green_environment(tmp_path_factory.mktemp("models"))

    def run(*args: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "stream_server.cli", "analyze", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False, timeout=60
        )

    return run


def document(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_preset_judges_in_the_place_of_the_own_rule_and_says_so(
    analyze: Run, media: Path
) -> None:
    ruled = document(analyze(media / "turns.mp4", "--preset", "frame-mean", "--format", "json"))
    (reason,) = ruled["verdict"]["reasons"]
    assert reason["cue"] == "preset"
    assert "frame-mean" in reason["text"]
    assert "Judged by the rule of frame-mean" in ruled["verdict"]["text"]
    assert ruled["faces"][0]["reasons"][0]["cue"] == "classifier"


def test_a_clip_gives_one_document_with_the_promised_fields(analyze: Run, media: Path) -> None:
    done = analyze(media / "clear.mp4", "--format", "json")
    report = document(done)
    assert done.returncode == 0, done.stderr
    assert report["kind"] == "video"
    assert report["duration_s"] == pytest.approx(8, abs=0.2)
    assert report["verdict"]["state"] == "clear"
    (face,) = report["faces"]
    wanted = {"track_id", "first_s", "last_s", "fake_prob", "state", "reasons", "blink"}
    assert wanted <= set(face)
    assert face["blink"]["blinks"] == 2
    assert report["model"]["name"] == "toy-green"
    assert report["timing"]["wall_s"] > 0
    assert report["timing"]["realtime_factor"] > 0


def test_a_manipulated_stretch_is_an_alert_and_fail_on_says_so(analyze: Run, media: Path) -> None:
    done = analyze(media / "turns.mp4", "--format", "json", "--fail-on", "alert")
    assert done.returncode == 1
    report = document(done)
    assert report["verdict"]["state"] == "alert"
    assert "erify" in report["verdict"]["text"]
    assert analyze(media / "clear.mp4", "--fail-on", "suspect").returncode == 0


def test_a_picture_is_judged_by_its_only_look(analyze: Run, media: Path) -> None:
    report = document(analyze(media / "green.png", "--format", "json"))
    assert report["kind"] == "image"
    assert report["verdict"]["state"] == "alert"
    assert report["faces"][0]["blink"] is None


def test_no_face_is_insufficient_and_never_clear(analyze: Run, media: Path) -> None:
    done = analyze(media / "empty-room.mp4", "--format", "json")
    assert done.returncode == 4
    assert document(done)["verdict"] == {
        "state": "insufficient",
        "fake_prob": None,
        "reasons": [],
        "text": "No face was found, so nothing is said.",
        "low_prob": None,
        "high_prob": None,
    }


def test_bad_inputs_get_a_sentence_each_and_the_others_go_on(analyze: Run, media: Path) -> None:
    bad = [media / "notes.txt", media / "cut.mp4", media / "missing.mp4", media / "empty.mp4"]
    bad[3].write_bytes(b"")
    done = analyze(*bad, media / "clear.mp4", "--format", "json")
    bad[3].unlink()
    assert done.returncode == 3
    assert document(done)["verdict"]["state"] == "clear"
    message = " ".join(done.stderr.split())
    for path in bad:
        assert path.name in message
    assert "no such file" in message
    assert "empty" in message
    assert "Traceback" not in done.stderr


def test_a_folder_is_walked_and_the_output_folder_filled(
    analyze: Run, media: Path, tmp_path: Path
) -> None:
    done = analyze(media, "--output", tmp_path / "out", "--format", "json")
    inputs = [Path(json.loads(line)["input"]).name for line in done.stdout.splitlines()]
    assert inputs == ["clear.mp4", "empty-room.mp4", "green.png", "turns.mp4"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {
        "turns.mp4.report.json",
        "turns.mp4.report.html",
        "turns.mp4.annotated.mp4",
        "green.png.annotated.jpg",
    } <= written
    twin = json.loads((tmp_path / "out" / "turns.mp4.report.json").read_text())
    assert len(twin["origin"]["input_sha256"]) == 64
    assert "toy-green" in [card["name"] for card in twin["origin"]["cards"]]
    assert twin["observed"]["faces"][0]["alerts"]
    assert twin["provenance"]["status"]
    with av.open(str(tmp_path / "out" / "turns.mp4.annotated.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 120
    assert frames[-1].time == pytest.approx(8, abs=0.2)


def test_a_pdf_lies_beside_the_page_whose_times_lead_into_the_annotated_copy(
    analyze: Run, media: Path, tmp_path: Path
) -> None:
    need_package("weasyprint")
    done = analyze(
        media / "turns.mp4", "--output", tmp_path / "my out", "--pictures", "--format", "pdf"
    )
    assert done.returncode == 0, done.stderr
    assert "ALERT" in done.stdout
    page = (tmp_path / "my out" / "turns.mp4.report.html").read_text()
    assert 'href="./turns.mp4.annotated.mp4#t=' in page
    assert "data:image/jpeg" in page
    assert (tmp_path / "my out" / "turns.mp4.report.pdf").read_bytes().startswith(b"%PDF-")


def test_a_pdf_without_a_place_to_put_it_is_refused_before_any_work(
    analyze: Run, media: Path
) -> None:
    done = analyze(media / "turns.mp4", "--format", "pdf")
    assert done.returncode == 2
    assert "--format pdf needs --output DIR" in " ".join(done.stderr.split())


def test_a_missing_model_refuses_to_start_in_one_sentence(media: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream_server.cli", "analyze", str(media / "green.png")],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "FAKEWATCH_MODELS__DIRECTORY": str(tmp_path),
            "FAKEWATCH_MODELS__CLASSIFIER": "no-such-model",
        },
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no-such-model" in done.stderr
    assert str(tmp_path) in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


def test_the_device_of_the_settings_is_obeyed_without_a_flag(media: Path, tmp_path: Path) -> None:
    config = tmp_path / "fakewatch.toml"
    config.write_text('[models]\ndevice = "cuda"\n')
    command = [sys.executable, "-m", "stream_server.cli", "analyze", str(media / "green.png")]
    asked = subprocess.run([*command, "--config", str(config)], capture_output=True, check=False)
    overruled = subprocess.run(
        [*command, "--config", str(config), "--device", "cpu"], capture_output=True, check=False
    )
    has_gpu = Path("/dev/nvidia0").exists()
    assert (asked.returncode == 2) is not has_gpu
    assert overruled.returncode != 2


def test_a_password_in_an_address_is_never_printed(analyze: Run) -> None:
    done = analyze("rtsp://viewer:canary-7f3a@127.0.0.1:9/live")
    assert done.returncode == 3
    assert "canary-7f3a" not in done.stdout + done.stderr
