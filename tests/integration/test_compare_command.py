"""`fakewatch compare` as a user runs it: one table of every rule's answer, and the exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from stream_server.cli import main
from tests.media import blinking_person, draw_face, plain_wall, write_clip
from tests.toy_models import green_environment, tint_green

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PRESETS = ["blink-10-20", "confident", "deepvision", "frame-mean", "sequence"]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader who blinks once in 12 s, an empty room, a tinted picture, and no media."""
    folder = tmp_path_factory.mktemp("media")
    reader = blinking_person(12, 10, blinks_s=(6,), width=320, height=240)
    write_clip(folder / "reader.mp4", reader, 10)
    write_clip(folder / "empty-room.mp4", [plain_wall(320, 240)] * 15, 15)
    cv2.imwrite(str(folder / "green.png"), tint_green(draw_face(400)))
    (folder / "notes.txt").write_text("no media")
    return folder


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the command with a classifier that calls green faces manipulated."""
    environment = green_environment(tmp_path_factory.mktemp("models"))

    def run(*args: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "stream_server.cli", "compare", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False, timeout=60
        )

    return run


def rows(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in json.loads(done.stdout)["rows"]}


def test_a_reader_is_clear_to_fakewatch_and_manipulated_to_the_fixed_blink_rule(
    compare: Run, media: Path
) -> None:
    about = ("--gender", "f", "--age", "40-59", "--activity", "static", "--daytime", "am")
    done = compare(media / "reader.mp4", *about, "--format", "json")
    assert done.returncode == 0, done.stderr
    found = rows(done)
    assert list(found) == ["fakewatch", *PRESETS]
    assert found["fakewatch"]["answer"] == "clear"
    assert found["blink-10-20"]["answer"] == "its rule says: manipulated"
    assert "1 blink in 12 s" in found["blink-10-20"]["reason"]
    assert found["deepvision"]["answer"] == "its rule says: not manipulated"
    assert "1 blink in" in found["deepvision"]["reason"]
    for preset in ("confident", "frame-mean"):
        assert found[preset]["answer"] == "its rule says: not manipulated"
        assert found[preset]["fake_prob"] < 0.5
    assert all(row["reason"] and row["weakness"] for row in found.values())
    analysis_s = found["fakewatch"]["time_s"]
    assert all(0 < found[preset]["time_s"] < analysis_s for preset in PRESETS)
    assert found["sequence"]["answer"] == "its rule says: no answer"
    assert "train or import a model" in found["sequence"]["reason"]


def test_the_table_shows_every_rule_of_a_picture(compare: Run, media: Path) -> None:
    done = compare(media / "green.png")
    assert done.returncode == 0, done.stderr
    page = " ".join(done.stdout.split())
    for rule in ("fakewatch", *PRESETS):
        assert rule in page
    assert "strong signs of" in page.lower()
    assert page.count("Weakness:") == 6
    assert "another channel" in page


def test_nobody_to_judge_is_code_4_whatever_the_rules_say(compare: Run, media: Path) -> None:
    done = compare(media / "empty-room.mp4", "--format", "json")
    assert done.returncode == 4
    found = rows(done)
    assert found["fakewatch"]["answer"] == "insufficient"
    assert {row["answer"] for rule, row in found.items() if rule != "fakewatch"} == {
        "its rule says: no answer"
    }


def test_a_file_that_is_no_media_is_one_sentence_and_code_3(compare: Run, media: Path) -> None:
    done = compare(media / "notes.txt")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "notes.txt" in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["clip.mp4", "--age", "old"], 2, "0-19"),
        (["clip.mp4", "--fps", "0"], 2, "15"),
        (["a.mp4", "b.mp4"], 2, "unrecognized arguments"),
        (["--help"], 0, "sequence     a CNN"),
    ],
)
def test_usage_is_explained(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    assert left.value.code == code
    shown = capsys.readouterr()
    assert words in shown.out + shown.err
