"""Foreign formats, written by their own frameworks, become models that the pipeline loads."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pipeline.load import adapter
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from stream_server.cli import main
from tests.foreign_models import SIZE_PX

GENUINE_BY_SIGMOID = ["--scale", "unit", "--labels", "fake,real"]
TWO_OUTPUTS = ["--scale", "signed", "--labels", "real,fake"]


FILES = {
    "whole.keras": "keras_file",
    "whole.h5": "keras_file",
    "some.weights.h5": "keras_weights",
    "whole.pt2": "torch_program",
    "script.pt": "torch_script",
    "weights.pth": "torch_checkpoint",
    "module.pt": "torch_pickle",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A folder with one model of each format; Keras writes a SavedModel by TensorFlow only."""
    folder = tmp_path_factory.mktemp("foreign")
    make(*(part for file, kind in FILES.items() for part in (kind, folder / file)))
    make("saved_model", folder / "saved")
    return folder


def make(*kinds_and_paths: object) -> None:
    command = [sys.executable, "-m", "tests.foreign_models", *map(str, kinds_and_paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def models(capsys):
    """`fakewatch models` in this process, which is quicker."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main(["models", *map(str, arguments)])
        return subprocess.CompletedProcess([], code, *capsys.readouterr())

    return run


def models_apart(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own: Keras chooses its backend once, and TensorFlow is large."""
    command = [sys.executable, "-m", "stream_server.cli", "models", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "flags", "framework"),
    [
        ("whole.keras", GENUINE_BY_SIGMOID, "keras 3"),
        ("whole.h5", GENUINE_BY_SIGMOID, "keras 3"),
        ("saved", TWO_OUTPUTS, "tensorflow 2"),
        ("whole.pt2", TWO_OUTPUTS, "torch 2"),
        ("script.pt", [*TWO_OUTPUTS, "--size-px", SIZE_PX], "torch 2"),
        (
            "weights.pth",
            [*TWO_OUTPUTS, "--size-px", 64, "--architecture", "timm/mobilenetv3_small_050"],
            "torch 2",
        ),
    ],
    ids=["keras", "h5", "SavedModel", "torch.export", "TorchScript", "checkpoint"],
)
def test_a_foreign_model_runs_in_the_pipeline_by_its_card_alone(
    tmp_path, sources, models, file, flags, framework
):
    run = models if framework.startswith("torch") else models_apart
    done = run("import", sources / file, "--name", "mine", "--color", "rgb", *flags,
               "--directory", tmp_path / "models")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fakewatch models calibrate mine" in done.stdout
    card = read_card(tmp_path / "models/mine.toml")
    assert card.golden is not None
    assert card.golden.framework.startswith(framework)
    assert (card.licence, card.trained_on) == ("unknown", "unknown")
    assert "placeholders" in card.limits
    classify = adapter(card)(card, Device.CPU)
    noise = np.random.default_rng(3).integers(0, 256, (2, *[card.crop.size_px] * 2, 3), np.uint8)
    first, second = classify(list(noise))
    assert first is not None
    assert second is not None
    assert first.logit != second.logit


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("some.weights.h5", "holds weights without their network"),
        ("module.pt", "holds more than tensors"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, sources, models, file, sentence):
    done = models("import", sources / file, "--name", "mine", "--color", "rgb", *TWO_OUTPUTS,
                  "--size-px", SIZE_PX, "--directory", tmp_path / "models")  # fmt: skip
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists()


def test_a_model_is_replaced_only_when_that_is_asked_for(tmp_path, models):
    (tmp_path / "mine.toml").write_text("kept = true")
    done = models("import", tmp_path / "none.onnx", "--name", "mine", "--color", "rgb",
                  *TWO_OUTPUTS, "--directory", tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert tomllib.loads((tmp_path / "mine.toml").read_text()) == {"kept": True}
