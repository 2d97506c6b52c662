"""The test suite's own rules hold."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import find_free_port, need, wait_until

ROOT = Path(__file__).parents[2]


def test_the_folder_gives_the_marker(request):
    assert request.node.get_closest_marker("house") is not None


def test_free_ports_are_never_given_twice():
    assert len({find_free_port() for _ in range(50)}) == 50


def test_waiting_returns_the_truthy_value():
    answers = iter([0, 0, 7])
    assert wait_until(lambda: next(answers), 1.0, "a seven", every_s=0) == 7


def test_waiting_in_vain_names_what_never_came():
    with pytest.raises(pytest.fail.Exception, match="the moon"):
        wait_until(lambda: False, 0.0, "the moon")


def test_a_found_tool_is_given_by_its_path():
    assert Path(need("git")).is_file()


NEEDY = "def test_it(need):\n    need('no-such-tool')\n"
LAZY = "import pytest\n\n\n@pytest.mark.skip('later')\ndef test_it():\n    pass\n"
ABSENT = "import pytest\n\npytest.skip('not here', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("body", "in_ci"), [(NEEDY, "1 failed"), (LAZY, "1 error"), (ABSENT, "1 error")]
)
def test_a_skip_is_fine_on_a_users_machine_and_fails_in_ci(tmp_path, body, in_ci):
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "house").mkdir()
    (tmp_path / "house/test_it.py").write_text(body)
    assert "1 skipped" in _pytest(tmp_path, required="0")
    assert in_ci in _pytest(tmp_path, required="1")


def test_a_test_outside_the_layers_is_refused(tmp_path):
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    assert "is in no layer" in _pytest(tmp_path, required="0")


def _pytest(folder, required):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        env={"PYTHONPATH": str(ROOT), "FAKEWATCH_TEST_REQUIRE_ALL": required, "PATH": "/usr/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr
