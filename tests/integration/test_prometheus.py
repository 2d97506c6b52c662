"""Prometheus scrapes a running service, and its rules say what they should to whom they should."""

import json
import socket
import subprocess
from contextlib import closing, contextmanager

import httpx
import pytest
import yaml

from tests.integration.monitored import (
    DEPLOY,
    a_stream,
    running_prometheus,
    shipped_configuration,
)
from tests.needs import find_free_port, need, wait_until
from tests.service import Receiver, running, toy_models

TOKEN = "a-token-long-enough-for-tests"


def _promtool(*arguments, stdin=None):
    command = [need("promtool"), *arguments]
    run = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def test_the_rules_are_sound():
    code, said = _promtool("check", "rules", str(DEPLOY / "rules.yml"))
    assert code == 0, said


def test_every_rule_fires_when_it_should_and_only_then():
    code, said = _promtool("test", "rules", str(DEPLOY / "rules_test.yml"))
    assert code == 0, said


def test_every_rule_has_a_unit_test_a_severity_and_advice():
    tests = (DEPLOY / "rules_test.yml").read_text()
    for group in yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert f'ALERTS{{alertname="{rule["alert"]}", alertstate="firing"}}' in tests
            assert rule["labels"]["severity"] in ("critical", "warning", "info")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"].endswith(".")


def test_the_configuration_is_sound(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    shipped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    shipped["scrape_configs"][0]["authorization"]["credentials_file"] = str(tmp_path / "token")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(shipped))
    (tmp_path / "rules.yml").write_text((DEPLOY / "rules.yml").read_text())
    code, said = _promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert code == 0, said


@pytest.fixture(scope="module")
def hung_camera():
    """A camera that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/hung"


@pytest.fixture(scope="module")
def service(tmp_path_factory, hung_camera):
    """A service with a token, one stream that runs and one that hangs."""
    folder = tmp_path_factory.mktemp("service")
    settings = a_stream("door", type="synthetic", width=320, height=240, fps=10) + a_stream(
        "hung", type="av", url=hung_camera
    )
    environment = {"FAKEWATCH_AUTH__TOKEN": TOKEN}
    with running(folder, toy_models(folder / "models"), settings, environment=environment) as it:
        yield it.url


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return file


def test_the_metrics_follow_prometheus_own_rules_of_style(service):
    page = httpx.get(f"{service}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert page.status_code == 200
    code, said = _promtool("check", "metrics", stdin=page.text)
    assert (code, said) == (0, "")


def test_a_scrape_needs_the_token(service, token, tmp_path):
    token.write_text("another-token-than-the-right-one")
    with running_prometheus(tmp_path, shipped_configuration(service, token)) as prometheus:
        wait_until(lambda: prometheus.values("up") == [0.0], 20, "a refused scrape")
        targets = prometheus.get("targets", state="active")["activeTargets"]
        assert "401" in targets[0]["lastError"]


@pytest.mark.fault("F46")
def test_scrapes_stay_fast_while_a_camera_hangs(service, token, tmp_path):
    with running_prometheus(tmp_path, shipped_configuration(service, token)) as prometheus:
        scrapes = "sum_over_time(up[1m]) >= 5"
        wait_until(lambda: prometheus.values(scrapes), 30, "five scrapes that succeeded")
        slowest = prometheus.values("max_over_time(scrape_duration_seconds[1m])")
        assert max(slowest) < 0.5
        assert prometheus.values("scrape_samples_scraped")[0] < 1000


def test_all_rules_are_evaluated_without_error(service, token, tmp_path):
    with running_prometheus(tmp_path, shipped_configuration(service, token)) as prometheus:

        def evaluated():
            rules = prometheus.get("rules")["groups"][0]["rules"]
            return rules if all(rule["health"] != "unknown" for rule in rules) else None

        rules = wait_until(evaluated, 20, "the first evaluation")
        assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_a_camera_that_gives_no_frames_reaches_a_person(service, token, tmp_path):
    """From the scrape over the rule and the Alertmanager to somebody's webhook."""
    with closing(Receiver()) as person, _alertmanager(tmp_path, person.url) as alertmanager:
        alerting = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        configuration = shipped_configuration(service, token, alerting=alerting)
        configuration["rule_files"] = [str(_impatient_rules(tmp_path))]
        with running_prometheus(tmp_path, configuration):
            _, body = wait_until(lambda: person.requests and person.requests[0], 60, "a message")
    alert = json.loads(body)["alerts"][0]
    assert alert["labels"]["alertname"] == "StreamDown"
    assert alert["labels"]["stream"] == "hung"
    assert alert["annotations"]["summary"] == "Stream hung gives no frames"


def _impatient_rules(folder):
    """The shipped StreamDown, without its patience."""
    rules = yaml.safe_load((DEPLOY / "rules.yml").read_text())
    (group,) = rules["groups"]
    group["rules"] = [
        rule | {"for": "1s"} for rule in group["rules"] if rule["alert"] == "StreamDown"
    ]
    (folder / "impatient.yml").write_text(yaml.safe_dump(rules))
    return folder / "impatient.yml"


@contextmanager
def _alertmanager(folder, webhook):
    receiver = {"name": "person", "webhook_configs": [{"url": webhook}]}
    route = {"receiver": "person", "group_wait": "1s"}
    (folder / "alertmanager.yml").write_text(
        yaml.safe_dump({"route": route, "receivers": [receiver]})
    )
    address = f"127.0.0.1:{find_free_port()}"
    command = [
        need("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: _answers(f"http://{address}/-/ready"), 30, "the Alertmanager")
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _answers(address):
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
