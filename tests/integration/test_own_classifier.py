"""From a folder of labelled pictures to a model that is served: four verbs, as a new user types."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.load import load_models
from pipeline.onnx_session import Device
from tests.media import draw_face
from tests.needs import REQUIRE_ALL, wait_until
from tests.uploading import is_alive

PEOPLE = 6
SMALL = {
    "minutes = 20.0": "minutes = 0.02",
    "workers = 2 ": "workers = 1 ",
    "average_every = 10": "average_every = 2",
    "pairs = 8": "pairs = 2",
    "labelled = 8": "labelled = 2",
    "pool = 200": "pool = 4",
    "clips = 1.0": "clips = 1.0",
}


@pytest.fixture(scope="module", autouse=True)
def _training_is_installed():
    if find_spec("torch") is None and not REQUIRE_ALL:
        pytest.skip("needs torch (make training)")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("walk")
    for label in ("real", "fake"):
        (root / "clips" / label).mkdir(parents=True)
    for seed in range(PEOPLE):
        face = draw_face(280, seed=seed)
        fake = face.copy()
        fake[110:190, 100:180] = 255 - fake[110:190, 100:180]
        cv2.imwrite(str(root / f"clips/real/p{seed}.png"), face)
        cv2.imwrite(str(root / f"clips/fake/p{seed}.png"), fake)
    return root


def fakewatch(place, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "stream_server.cli", *map(str, arguments)],
        cwd=place,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,  # a busy machine is not a bug
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def trained(place):
    done = fakewatch(place, "data", "prepare", "clips", "--out", "store", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    from export.run_train import TEMPLATE

    text = TEMPLATE.read_text()
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    (place / "own.toml").write_text(text)
    done = fakewatch(place, "train", "own.toml")
    assert done.returncode == 0, done.stderr
    assert "Next: fakewatch export runs/own" in done.stdout
    return place / "runs/own"


def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_worker_behind(place, trained, how):
    name = f"ended-{how.name.lower()}"
    text = (place / "own.toml").read_text().replace("minutes = 0.02", "minutes = 60.0")
    (place / f"{name}.toml").write_text(text.replace("workers = 1 ", "workers = 2 "))
    command = [sys.executable, "-m", "stream_server.cli", "train", f"{name}.toml"]
    said = place / f"{name}.stderr"
    with said.open("w") as stderr, subprocess.Popen(command, cwd=place, stderr=stderr) as run:
        wait_until((place / f"runs/{name}/curve.jsonl").exists, 300, "the first steps")
        workers = children(run.pid)
        assert len(workers) >= 2
        run.send_signal(how)
        code = run.wait(120)
    wait_until(lambda: not any(map(is_alive, workers)), 120, "the end of all workers")
    assert code == (-how if how == signal.SIGKILL else 130), said.read_text()
    assert (place / f"runs/{name}/last.pt").is_file()


def test_a_run_leaves_its_best_weights_its_settings_and_its_curve(trained):
    for name in ("best.pt", "last.pt", "run.toml", "curve.png", "curve.html"):
        assert (trained / name).is_file(), name
    assert "of 0.02 minutes" in (trained / "curve.html").read_text()


def test_the_exported_model_is_served_and_scores_faces(place, trained):
    done = fakewatch(place, "export", "runs/own", "--out", "models")
    assert done.returncode == 0, done.stderr
    assert "Next: fakewatch serve --open --classifier own" in done.stdout
    served = load_models(place / "models", classifier="own", device=Device.CPU)
    card = served.classifier.card
    assert "pseudo-fakes" in card.trained_on
    assert "test_video_auc" in dict(card.metrics)
    crop = np.ascontiguousarray(draw_face(160, seed=3))
    (score,) = served.classifier([crop])
    assert score is not None
    checked = fakewatch(
        place, "serve", "--check", "--port", 0, "--classifier", "own",
        FAKEWATCH_MODELS__DIRECTORY=str(place / "models"),
        FAKEWATCH_STORAGE__PATH=str(place / "storage"),
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_a_model_that_came_along_is_never_written_over(place, trained):
    done = fakewatch(place, "export", "runs/own", "--name", "fakewatch-fast")
    assert done.returncode == 2
    assert "choose another --name" in done.stderr


def test_a_run_for_a_store_is_written_once_and_left_to_be_edited(place, trained):
    from export.run_config import read_run
    from export.run_train import write_own

    path = write_own(place / "store", "mine", 5.0, place / "runs")
    run = read_run(path)
    assert (run.name, run.minutes, run.data.weights) == ("mine", 5.0, {"clips": 1.0})
    path.write_text(path.read_text().replace("minutes = 5.0", "minutes = 6.0"))
    assert read_run(write_own(place / "store", "mine", 5.0, place / "runs")).minutes == 6.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "Give a run's TOML, or --store"),
        (["train", "nothing.toml"], "There is no run nothing.toml."),
        (["train", "--store", "nowhere"], "nowhere is no crop store"),
        (["export", "nowhere"], "nowhere is no trained run"),
        (["data", "audit", "nowhere"], "nowhere is neither a crop store nor a run."),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(place, arguments, sentence):
    done = fakewatch(place, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_training_packages_the_verbs_say_what_to_install(place, tmp_path):
    hide = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n in ('torch', 'tqdm') else real(n, *a)\n"
        "from stream_server.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    for verb in (["train", "x.toml"], ["export", "x"], ["data", "audit", "x"]):
        done = subprocess.run(
            [sys.executable, "-c", hide, *verb], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "pip install 'fakewatch[train]'" in done.stderr, json.dumps(done.stderr)
