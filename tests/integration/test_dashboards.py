"""Every panel shows something: its queries return numbers from a service that really ran."""

import json
from pathlib import Path

import httpx
import pytest

from tests.integration.monitored import (
    a_stream,
    running_prometheus,
    shipped_configuration,
)
from tests.needs import find_free_port, need, wait_until
from tests.service import running, toy_models

BOARDS = Path(__file__).parents[2] / "deploy/grafana/dashboards"
TOKEN = "a-token-long-enough-for-tests"
RATE_INTERVAL = "20s"
"""Grafana would put at least four scrape intervals here."""


def _queries():
    for path in sorted(BOARDS.glob("*.json")):
        board = json.loads(path.read_text())
        variables = {v["name"]: v for v in board["templating"]["list"]}
        stream = ".*" if variables["stream"]["multi"] else "door"
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$stream", stream)
                expression = expression.replace("$__rate_interval", RATE_INTERVAL)
                name = f"{board['title']}: {panel['title']} {target['refId']}"
                yield pytest.param(expression, id=name)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A Prometheus that has seen a face, an alert, its delivery and a missing camera."""
    need("prometheus")
    folder = tmp_path_factory.mktemp("dashboards")
    (folder / "token").write_text(TOKEN)
    camera = f"rtsp://127.0.0.1:{find_free_port()}/nothing"
    settings = "[analyzer.alert]\nhold_s = 0.5\n" + a_stream("gone", type="av", url=camera)
    models = toy_models(folder / "models")
    environment = {"FAKEWATCH_AUTH__TOKEN_FILE": str(folder / "token")}
    with (
        running(folder, models, settings, environment=environment) as service,
        running_prometheus(
            folder, shipped_configuration(service.url, folder / "token")
        ) as prometheus,
    ):
        wait_until(lambda: any(prometheus.values("up")), 30, "a scrape that succeeds")
        _add_stream(service.url)
        for count in ("alert_time_to_open_seconds_count", "deliveries_total"):
            grown = f"sum(increase(fakewatch_{count}[5m]))"
            wait_until(lambda grown=grown: any(prometheus.values(grown)), 60, grown)
        yield prometheus


def _add_stream(address):
    """Only now, so that Prometheus sees the counters rise."""
    source = {"type": "synthetic", "width": 320, "height": 240, "fps": 15}
    answer = httpx.post(
        f"{address}/api/streams",
        json={"id": "door", "name": "Door", "source": source},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("expression", list(_queries()))
def test_a_panel_shows_numbers(prometheus, expression):
    wait_until(lambda: prometheus.values(expression), 20, f"numbers from {expression}")


def test_the_stream_chooser_lists_the_streams(prometheus):
    streams = wait_until(lambda: prometheus.get("label/stream/values"), 20, "stream labels")
    assert {"door", "gone"} <= set(streams)


def test_a_running_stream_and_a_missing_camera_are_told_apart(prometheus):
    def state(stream):
        return prometheus.values(f'fakewatch_stream_up{{stream="{stream}"}}')

    wait_until(lambda: (state("door"), state("gone")) == ([1.0], [0.0]), 20, "their states")
