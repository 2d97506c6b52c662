"""Alerts as server-sent events: as they happen, and after a pause what was missed."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.needs import wait_until
from tests.service import running, toy_models

CONFIG = """
[[streams]]
id = "drawn"
name = "Drawn person"
source = { type = "synthetic", fps = 10 }
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service")
    with running(directory, toy_models(directory / "models"), CONFIG) as service:
        yield service


@pytest.fixture
def api(service):
    return service.client


@pytest.fixture
def alert(api):
    (found,) = wait_until(lambda: api.get("/api/alerts").json(), 30, "an alert")
    return found


def sse(service, count, last_event_id=None):
    """Read so many events of the alert stream: (id, data)."""
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    events, seq = [], None
    with httpx.stream("GET", f"{service.url}/api/events", headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            seq = int(value) if name == "id" else seq
            if name == "data":
                events.append((seq, json.loads(value)))
            if len(events) == count:
                return events
    return events


@pytest.mark.fault("F35")
def test_a_client_that_comes_back_misses_no_alert(service, api, alert):
    """F35."""
    api.post(f"/api/alerts/{alert['alert_id']}/acknowledge")
    (first, opened), (second, _) = sse(service, 2, last_event_id=0)
    assert opened["alert"]["phase"] == "opened"
    assert sse(service, 1, last_event_id=first)[0][0] == second > first


def test_events_arrive_as_they_happen(service, api, alert):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sse, service, 1)
        wait_until(
            lambda: 'fakewatch_ws_clients{kind="sse"} 1.0' in api.get("/metrics").text, 10, "sse"
        )
        api.post(f"/api/alerts/{alert['alert_id']}/judge", json={"manipulated": True})
        ((_, event),) = waiting.result(timeout=30)
    assert event["type"] == "alert"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("9" * 30)
@example(str(2**63))
@example("-1")
@given(
    st.one_of(
        st.integers().map(str), st.text(st.characters(codec="ascii", categories=["L", "N", "P"]))
    )
)
def test_an_event_id_that_is_none_is_refused_or_harmless(service, given_id):
    headers = {"Last-Event-ID": given_id}
    with httpx.stream("GET", f"{service.url}/api/events", headers=headers, timeout=30) as answer:
        if answer.status_code == 200:
            assert next(answer.iter_lines()) == "retry: 3000"
        else:
            assert answer.status_code == 422
    assert service.client.get("/livez").is_success
