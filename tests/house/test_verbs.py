"""The verbs: they explain themselves, start at once the second time, and say what is missing."""

import re
import shutil
import subprocess

import pytest

from tests.house.repository import ROOT, files, text
from tests.needs import need

PACKAGE_OF = {
    "chromium": "chromium",
    "docker-compose": "docker-compose",
    "faketime": "faketime",
    "ffmpeg": "ffmpeg",
    "git": "git",
    "gst-rtsp-server": "gir1.2-gst-rtsp-server-1.0",
    "ip": "iproute2",
    "make": "make",
    "mosquitto": "mosquitto",
    "mountns": "util-linux",
    "netns": "iproute2",
    "postgres": "postgresql",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "unshare": "util-linux",
}
"""Which Debian package brings what the tests need."""


def _make(*arguments, path="/usr/bin:/bin"):
    return subprocess.run(
        [need("make"), "--no-print-directory", "DEVICE=cpu", *arguments],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_every_verb():
    verbs = re.search(r"^\.PHONY: (.*)$", text(ROOT / "Makefile"), re.MULTILINE)[1].split()
    listed = [line.split()[0] for line in _make().stdout.splitlines()]
    assert sorted(listed) == sorted(verbs)


@pytest.mark.parametrize("stub", [None, "exit 1"], ids=["no Python", "too old, or without venv"])
def test_a_missing_python_is_named_with_what_to_install(tmp_path, stub):
    tools = tmp_path / "bin"
    tools.mkdir()
    if stub:
        (tools / "python3").write_text(f"#!/bin/sh\n{stub}\n")
        (tools / "python3").chmod(0o755)
    run = _make(f"VENV={tmp_path / 'venv'}", "serve", path=str(tools))
    assert run.returncode != 0
    assert "needs Python 3.11 or newer" in run.stderr
    assert "apt install python3 python3-venv" in run.stderr
    assert not (tmp_path / "venv").exists()


def test_the_second_start_installs_nothing(tmp_path):
    venv = tmp_path / "venv"
    venv.mkdir()
    for name in ("pyvenv.cfg", ".fakewatch-cpu"):
        (venv / name).touch()
    steps = _make(f"VENV={venv}", "--dry-run", "serve").stdout
    assert steps.strip() == f"{venv}/bin/fakewatch serve --open"


def test_the_two_builds_of_onnx_runtime_never_meet(tmp_path):
    plan = _make(f"VENV={tmp_path}", "--dry-run", "serve").stdout
    assert plan.index("uninstall --quiet --yes onnxruntime-gpu") < plan.index("--editable '.[cpu]'")


def test_ci_runs_what_a_person_runs_and_requires_all_of_it():
    script = text(ROOT / ".ci/run")
    assert "FAKEWATCH_TEST_REQUIRE_ALL=1" in script
    for verb in ("lint", "types", "test"):
        assert re.search(rf"^make .*DEVICE=cpu {verb}\b", script, re.MULTILINE)
    run = subprocess.run([shutil.which("bash"), "-n", ROOT / ".ci/run"], check=False)
    assert run.returncode == 0


def test_ci_installs_every_tool_that_a_test_needs():
    needed = set()
    for path in files(".py"):
        if "tests" in path.parts:
            needed |= set(re.findall(r"\bneed\(\s*\"([\w-]+)\"", text(path))) - {"no-such-tool"}
    assert needed <= PACKAGE_OF.keys()
    script = text(ROOT / ".ci/run")
    assert [
        name for name in needed if f" {PACKAGE_OF[name]} " not in script.replace("\n", " ")
    ] == []
