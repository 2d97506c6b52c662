"""The faults of benchmarks/faults.toml, the tests that name them and the page are in step."""

import ast

from benchmarks.faults import PAGE, page, promises
from tests.house.repository import ROOT, files, short, text, tree


def _marks():
    """(fault id, file) of every `pytest.mark.fault` in the tests."""
    return [
        (argument.value, short(path))
        for path in files(".py")
        if path.is_relative_to(ROOT / "tests") and "mark.fault(" in text(path)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.fault")
        for argument in node.args
    ]


def test_all_fifty_faults_have_a_promise():
    assert list(promises()) == [f"F{number:02}" for number in range(1, 51)]


def test_every_fault_is_injected_by_a_test_or_says_why_not():
    proved = {fault for fault, _ in _marks()}
    absent = {fault for fault, facts in promises().items() if "absent" in facts}
    assert proved | absent == set(promises())
    assert proved & absent == set(), "what is tested is not absent"


def test_no_test_names_a_fault_that_is_not_listed():
    assert [mark for mark in _marks() if mark[0] not in promises()] == []


def test_the_page_is_what_the_command_writes():
    assert text(PAGE) == page(), "run python -m benchmarks.faults --page"
