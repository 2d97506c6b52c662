"""A pytest plugin that writes down which fault each test proved: `-p tests.fault_results`.

A test tells a figure by `record_property("figure", "...")`.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

WHERE = "FAKEWATCH_TEST_FAULT_RESULTS"
"""Variable of the environment: the file that is written."""
WHICH = "FAKEWATCH_TEST_FAULTS"
"""Variable of the environment: ids, with commas; nothing means all."""

_results: dict[str, dict[str, Any]] = {}
_facts: dict[str, dict[str, Any]] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember the faults of each test; leave those of others out."""
    wanted = set(filter(None, os.environ.get(WHICH, "").split(",")))
    others = []
    for item in items:
        ids = [one for mark in item.iter_markers("fault") for one in mark.args]
        if wanted and not wanted & set(ids):
            others.append(item)
        elif ids:
            nightly = item.get_closest_marker("nightly") is not None
            _facts[item.nodeid] = {"faults": ids, "nightly": nightly}
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the worst outcome of a test's three phases, and its figures."""
    if report.nodeid not in _facts:
        return
    fresh = {**_facts[report.nodeid], "outcome": "passed", "seconds": 0.0, "figures": []}
    known = _results.setdefault(report.nodeid, fresh)
    known["seconds"] = round(known["seconds"] + report.duration, 1)
    if report.outcome != "passed":
        known["outcome"] = report.outcome
    if report.when == "teardown":
        known["figures"] = [text for name, text in report.user_properties if name == "figure"]


def pytest_sessionfinish() -> None:
    """Write all results as JSON."""
    if WHERE in os.environ:
        Path(os.environ[WHERE]).write_text(json.dumps(_results), encoding="utf-8")
