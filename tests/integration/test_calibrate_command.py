"""`fakewatch calibrate` as a user runs it: real clips, the real pipeline, settings in use."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media import blinking_person, plain_wall, write_clip
from tests.toy_models import green_environment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two genuine clips and an empty room."""
    folder = tmp_path_factory.mktemp("clips")
    for name, blink_s in (("door", 2), ("desk", 5)):
        people = blinking_person(10, 8, blinks_s=(blink_s,), width=320, height=240)
        write_clip(folder / f"{name}.mp4", people, 8)
    write_clip(folder / "empty-room.mp4", [plain_wall(320, 240)] * 16, 8)
    return folder


@pytest.fixture(scope="module")
def fakewatch(tmp_path_factory: pytest.TempPathFactory) -> Run:
    environment = green_environment(tmp_path_factory.mktemp("models"))

    def run(*args: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "stream_server.cli", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment | more, check=False, timeout=90
        )

    return run


@pytest.fixture(scope="module")
def settings(clips: Path, fakewatch: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settings file that had a setting of its own before the calibration."""
    file = tmp_path_factory.mktemp("settings") / "fakewatch.toml"
    file.write_text("[server]\n# ours\nport = 8099\n")
    done = fakewatch("calibrate", clips, "--false-alarms-every", "8", "--out", file)
    assert done.returncode == 1, done.stderr
    assert "cannot show fewer than one in 8.0 h at 95 %" in done.stderr
    assert "empty-room.mp4: left out" in done.stderr
    return file


def test_the_table_joins_the_settings_and_says_what_it_rests_on(settings: Path) -> None:
    text = settings.read_text()
    assert "# ours\nport = 8099" in text
    table = tomllib.loads(text)["calibration"]
    assert table["model"].startswith("toy-green@1@")
    assert (table["streams"], table["alarms"], table["false_alarms_every_h"]) == (2, 0, 8.0)
    assert 0 < table["hours"] < 20 / 3600
    assert table["clear_at"] < table["raise_at"]


def test_analyze_takes_the_thresholds_from_the_settings(
    settings: Path, clips: Path, fakewatch: Run
) -> None:
    raise_at = tomllib.loads(settings.read_text())["calibration"]["raise_at"]
    told = fakewatch("analyze", clips / "door.mp4", "--format", "json", "--config", settings)
    assert told.returncode == 0, told.stderr
    assert f'"raise_at": {raise_at}' in told.stdout
    assert "[calibration]" not in told.stderr


def test_another_model_voids_the_table_with_a_clear_sentence(
    settings: Path, clips: Path, fakewatch: Run, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(settings.read_text().replace("toy-green@1@", "toy-green@0@"))
    told = fakewatch("analyze", clips / "door.mp4", "--format", "json", "--config", other)
    assert '"raise_at": 0.8' in told.stdout
    assert "was made with toy-green@0@" in told.stderr
    assert "run fakewatch calibrate again" in told.stderr


def test_without_a_file_to_write_the_table_is_printed(clips: Path, fakewatch: Run) -> None:
    done = fakewatch("calibrate", clips / "door.mp4", "--false-alarms-every", "0.0015", "--cusum")
    table = tomllib.loads(done.stdout)["calibration"]
    assert table["cusum_limit"] > 0
    assert len(table["reference"]["blur"]) == 7


def test_what_holds_no_face_or_no_video_is_refused_by_exit_code(
    clips: Path, fakewatch: Run, tmp_path: Path
) -> None:
    empty = fakewatch("calibrate", clips / "empty-room.mp4", "--false-alarms-every", "8")
    assert (empty.returncode, empty.stdout) == (4, "")
    (tmp_path / "notes.mp4").write_text("no video")
    mixed = fakewatch("calibrate", clips / "door.mp4", tmp_path, "--false-alarms-every", "8")
    assert mixed.returncode == 3
    assert fakewatch("calibrate", clips, "--false-alarms-every", "0").returncode == 2
