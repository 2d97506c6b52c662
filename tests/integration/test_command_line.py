"""The verbs that look at the installation: sentences and exit codes, never a traceback."""

import subprocess
import sys

import pytest

from stream_server.cli import verbs
from tests.service import toy_models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return toy_models(tmp_path_factory.mktemp("models"))


def fakewatch(*arguments):
    command = [sys.executable, "-m", "stream_server.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_the_verbs_come_from_two_rooms():
    known = verbs()
    assert known["serve"] == "stream_server.commands.serve"
    assert known["data"] == "export.commands.data"
    assert not any("_" in verb for verb in known)


@pytest.mark.parametrize("verb", [None, *sorted(verbs())])
def test_help_explains_with_examples(verb):
    done = fakewatch(*filter(None, [verb, "--help"]))
    assert done.returncode == 0
    assert "examples:" in done.stdout
    assert done.stdout.count("fakewatch") > 3


def test_it_says_its_version():
    assert fakewatch("--version").stdout.startswith("fakewatch 0.")


@pytest.mark.parametrize("arguments", [[], ["dance"], ["serve", "--port", "many"]])
def test_wrong_usage_is_code_2(arguments):
    done = fakewatch(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_models_are_listed_with_the_state_of_their_files(models):
    done = fakewatch("models", "--directory", models)
    assert done.returncode == 0
    assert "toy" in done.stdout
    assert "whole" in done.stdout


def test_an_altered_model_is_named(models, tmp_path):
    for path in models.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes() + b" " * (path.name == "toy.onnx"))
    done = fakewatch("models", "--directory", tmp_path)
    assert done.returncode == 1
    assert "altered" in done.stdout


def test_one_model_is_shown_with_its_limits(models):
    done = fakewatch("models", "show", "toy", "--directory", models)
    assert done.returncode == 0
    assert "cannot" in done.stdout
    assert "knows nothing of faces" in done.stdout


def test_an_unknown_model_is_one_sentence(models):
    done = fakewatch("models", "show", "nobody", "--directory", models)
    assert done.returncode == 2
    assert done.stderr.startswith("fakewatch: There is no model 'nobody'; there are ")


def config(directory, models, classifier="toy"):
    file = directory / "fakewatch.toml"
    file.write_text(
        f'[models]\ndirectory = "{models}"\nclassifier = "{classifier}"\n'
        f'[storage]\npath = "{directory / "data"}"\n'
    )
    return file


def test_the_doctor_finds_a_working_installation_well_and_changes_nothing(models, tmp_path):
    done = fakewatch("doctor", "--config", config(tmp_path, models))
    assert done.returncode == 0, done.stdout
    assert "Everything needed works." in done.stdout
    assert "model toy" in done.stdout
    assert "in use; runs on" in done.stdout
    assert not (tmp_path / "data").exists()


def test_the_doctor_names_what_is_broken(models, tmp_path):
    done = fakewatch("doctor", "--config", config(tmp_path, models, "missing"))
    assert done.returncode == 1
    assert "model missing does not work: chosen in the settings, but not there" in done.stdout


def test_the_doctor_works_where_the_settings_do_not(tmp_path):
    (tmp_path / "bad.toml").write_text("[server]\nprot = 1\n")
    done = fakewatch("doctor", "--config", tmp_path / "bad.toml")
    assert done.returncode == 1
    assert "server.prot: unknown key" in done.stdout
