"""The Grafana files: well formed, complete, and careful with titles, units and thresholds."""

import itertools
import json
import re

import pytest
import yaml

from tests.house.repository import ROOT, text

FOLDER = ROOT / "deploy/grafana/dashboards"
BOARDS = {path.stem: json.loads(text(path)) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(board, panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
KINDS = {"stat", "timeseries", "table", "state-timeline"}
UNITS = {"short", "none", "s", "percentunit", "fps", "cps", "bytes"}
COLUMNS = 24


def test_the_four_dashboards_are_there():
    assert set(BOARDS) == {"fleet", "stream", "models", "alerts"}


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_is_one_that_grafana_loads(board):
    assert re.fullmatch(r"fakewatch-[a-z]+", board["uid"])
    assert board["title"]
    assert board["description"].endswith((".", "?"))
    assert board["schemaVersion"] >= 39
    assert "id" not in board  # the id of somebody's own Grafana
    assert board["tags"] == ["fakewatch"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_asks_for_its_data_source_and_stream(board):
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["stream"]["definition"] == "label_values(fakewatch_stream_up, stream)"
    assert any("$stream" in json.dumps(panel) for panel in board["panels"])


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_fill_the_grid_without_overlap(board):
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        rows = range(place["y"], place["y"] + place["h"])
        cells = set(itertools.product(columns, rows))
        assert max(columns) < COLUMNS, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_says_what_it_shows_and_in_which_unit(board, panel):
    assert panel["type"] in KINDS
    titles = [other["title"] for other in board["panels"] if other["type"] != "row"]
    assert titles.count(panel["title"]) == 1
    assert panel["description"].endswith((".", "!", "?"))
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_thresholds_rise_from_an_open_start(board, panel):
    steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert steps[0] is None
    assert steps[1:] == sorted(steps[1:])


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_queries_are_named_and_follow_the_scrape_interval(board, panel):
    letters = [target["refId"] for target in panel["targets"]]
    assert letters == sorted(set(letters))
    for target in panel["targets"]:
        assert target["legendFormat" if panel["type"] != "stat" else "expr"]
        assert not re.search(r"\brate\([^[]*\[\d", target["expr"]), "a fixed rate interval"
        assert target["expr"].count("(") == target["expr"].count(")")


def test_no_panel_claims_that_something_is_fake_or_real():
    words = " ".join(text(path) for path in FOLDER.glob("*.json"))
    assert not re.search(r"\b(?:is|are) (?:fake|real|a deepfake)\b", words)


def test_grafana_is_told_where_data_and_dashboards_are():
    folder = ROOT / "deploy/grafana/provisioning"
    source = yaml.safe_load(text(folder / "datasources/prometheus.yaml"))["datasources"][0]
    compose = yaml.safe_load(text(ROOT / "compose.yaml"))
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
    provider = yaml.safe_load(text(folder / "dashboards/fakewatch.yaml"))["providers"][0]
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    home = compose["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert home == f"{provider['options']['path']}/fleet.json"
