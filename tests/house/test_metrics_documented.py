"""docs/metrics.md lists every metric with its type and labels, and none that does not exist."""

import re

import pytest

from stream_server.metrics import Metrics
from stream_server.streams.stream_metrics import StreamCollector
from tests.house.repository import ROOT, files, text

ROW = re.compile(r"^\| `(fakewatch_\w+)` \| (\w+) \| ([\w, ]*?) ?\| \S", re.MULTILINE)


@pytest.fixture(scope="module")
def families():
    """{name: (type, labels)} of everything that a scrape may hold."""
    metrics = Metrics()
    metrics.collect_from(StreamCollector(list, dict, list))
    found = {}
    for collector in metrics.registry._collector_to_names:
        for family in collector.collect():
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
            found[name] = (family.type, tuple(labels))
    return found


def test_the_page_lists_every_metric_with_its_type_and_labels(families):
    rows = ROW.findall(text(ROOT / "docs/metrics.md"))
    documented = {
        name: (kind, tuple(filter(None, re.split(r",\s*", labels)))) for name, kind, labels in rows
    }
    assert documented == families


def test_labels_are_few_and_never_a_growing_id(families):
    allowed = {"stream", "state", "code", "reason", "stage", "model", "provider", "severity"}
    allowed |= {"sink", "result", "kind"}
    assert {label for _, labels in families.values() for label in labels} <= allowed


def test_rules_and_dashboards_name_only_metrics_that_exist(families):
    known = set(families)
    for name, (kind, _) in families.items():
        known |= {f"{name}_info"} if kind == "info" else set()
        known |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    named = set()
    for path in files(".yml", ".json"):
        if "deploy" in path.parts:
            named |= set(re.findall(r"fakewatch_\w+", text(path)))
    assert named - known == set()
