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


OPTION = "--continue-on-collection-errors"
NEEDY = "def test_it(need):\n    need('no-such-tool')\n"
LAZY = "import pytest\n\n\n@pytest.mark.skip('later')\ndef test_it():\n    pass\n"
ABSENT = "import pytest\n\npytest.skip('not here', allow_module_level=True)\n"


def test_a_skip_is_fine_on_a_users_machine_and_fails_in_ci(tmp_path):
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    for number, body in enumerate((NEEDY, LAZY, ABSENT)):
        (tmp_path / "house").mkdir(exist_ok=True)
        (tmp_path / f"house/test_{number}.py").write_text(body)
    assert "3 skipped" in _pytest(tmp_path, required="0")
    in_ci = _pytest(tmp_path, required="1")
    assert "1 failed" in in_ci
    assert "2 errors" in in_ci


def test_a_test_outside_the_layers_is_refused(tmp_path):
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    assert "is in no layer" in _pytest(tmp_path, required="0")


def _pytest(folder, required):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", OPTION, str(folder)],
        env={"PYTHONPATH": str(ROOT), "FAKEWATCH_TEST_REQUIRE_ALL": required, "PATH": "/usr/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr
