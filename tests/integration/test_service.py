"""The service over real HTTP: streams, alerts, live results, probes, and who is kept out."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.needs import find_free_port, wait_until
from tests.service import running, toy_models

MAX_STREAMS = 5
CONFIG = f"""
[server]
max_streams = {MAX_STREAMS}
[[streams]]
id = "drawn"
name = "Drawn person"
source = {{ type = "synthetic", fps = 10 }}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Serve one drawn person in whom the classifier always finds signs of manipulation."""
    directory = tmp_path_factory.mktemp("service")
    with running(directory, toy_models(directory / "models"), CONFIG) as service:
        yield service


@pytest.fixture
def api(service):
    return service.client


@pytest.fixture
def alert(api):
    """The alert of the drawn person."""
    (found,) = wait_until(
        lambda: api.get("/api/alerts", params={"stream": "drawn"}).json(), 30, "an alert"
    )
    return found


def nowhere():
    """A source that cannot be reached: it costs nothing."""
    return {"type": "av", "url": f"rtsp://user:pass-word@127.0.0.1:{find_free_port()}/live"}


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return body["status"], body["code"]


def test_a_stream_of_the_settings_is_analysed(api):
    def status():
        status = api.get("/api/streams/drawn/status").json()
        return status if status["state"] == "analysing" else None

    seen = wait_until(status, 30, "the state analysing")
    assert (seen["provider"], seen["width"]) == ("cpu", 640)
    assert seen["frames_scored"] > 0


def test_a_stream_can_be_added_changed_and_removed(api):
    added = api.post("/api/streams", json={"name": "Back Door!", "source": nowhere()})
    assert added.status_code == 201
    assert added.headers["location"] == "/api/streams/back-door"
    view = added.json()
    assert (view["id"], view["kind"]) == ("back-door", "added")
    assert view["source"]["url"].startswith("rtsp://***@127.0.0.1")

    renamed = api.patch("/api/streams/back-door", json={"name": "Front door"})
    assert renamed.json()["name"] == "Front door"
    assert "back-door" in [view["id"] for view in api.get("/api/streams").json()]

    assert api.delete("/api/streams/back-door").status_code == 204
    assert problem(api.get("/api/streams/back-door")) == (404, "not_found")


def test_a_stream_can_be_judged_by_a_known_systems_rule_and_says_so(api):
    odd = {"id": "ruled", "name": "Ruled", "source": nowhere(), "preset": "nobodys"}
    assert api.post("/api/streams", json=odd).status_code == 422
    added = api.post("/api/streams", json=odd | {"preset": "blink-10-20"})
    assert added.json()["preset"] == "blink-10-20"
    renamed = api.patch("/api/streams/ruled", json={"name": "Still ruled"})
    assert renamed.json()["preset"] == "blink-10-20"
    freed = api.patch("/api/streams/ruled", json={"preset": None})
    assert freed.json()["preset"] is None
    assert api.get("/api/streams/drawn").json()["preset"] is None
    assert api.delete("/api/streams/ruled").status_code == 204


def test_a_change_keeps_the_credential_for_its_own_server_only(api):
    """Write-only credentials: shown as ***, and never sent to another machine."""
    source = nowhere()
    api.post("/api/streams", json={"id": "keep", "name": "Keep", "source": source})
    shown = api.get("/api/streams/keep").json()["source"]["url"]
    other_path = {"url": shown.replace("/live", "/sub")}
    kept = api.patch("/api/streams/keep", json={"source": other_path})
    assert kept.status_code == 200
    assert kept.json()["source"]["url"] == shown.replace("/live", "/sub")
    elsewhere = {"url": "rtsp://***@192.0.2.99/live"}
    stolen = api.patch("/api/streams/keep", json={"source": elsewhere})
    assert problem(stolen) == (422, "unusable")
    assert api.delete("/api/streams/keep").status_code == 204


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "x", "source": {"type": "vhs"}}, (422, "unusable")),
        ({"name": "x", "source": {"type": "webrtc"}}, (422, "unusable")),
        ({"name": "x"}, (422, "unusable")),
        ({"name": "", "source": {"type": "synthetic"}}, (422, "unusable")),
        ({"name": "x", "source": {"type": "synthetic", "fps": 0}}, (422, "unusable")),
        ({"name": "x", "source": {"type": "av", "url": "file:///etc/passwd"}}, (422, "unusable")),
        ({"id": "../x", "name": "x", "source": {"type": "synthetic"}}, (422, "unusable")),
        ({"id": "webrtc-1", "name": "x", "source": {"type": "synthetic"}}, (422, "unusable")),
        ({"id": "drawn", "name": "x", "source": {"type": "synthetic"}}, (409, "conflict")),
    ],
)
def test_what_cannot_be_added_is_refused_as_a_problem(api, body, expected):
    assert problem(api.post("/api/streams", json=body)) == expected


def test_a_stream_of_the_settings_is_not_changed_by_the_api(api):
    assert problem(api.delete("/api/streams/drawn")) == (409, "conflict")
    assert problem(api.patch("/api/streams/drawn", json={"name": "x"})) == (409, "conflict")


@pytest.mark.fault("F50")
def test_of_twenty_streams_at_once_only_as_many_as_fit_are_taken(api):
    """F50."""

    def add(number):
        body = {"id": f"cam-{number}", "name": "Cam", "source": nowhere()}
        return api.post("/api/streams", json=body)

    free = MAX_STREAMS - 1
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(add, range(20)))
    taken = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert (len(taken), len(refused)) == (free, 20 - free)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert {problem(answer) for answer in refused} == {(503, "no_capacity")}
    for answer in taken:
        assert api.delete(answer.headers["location"]).status_code == 204


def test_the_newest_picture_of_a_stream_can_be_seen(api):
    answer = wait_until(
        lambda: (a := api.get("/api/streams/drawn/preview.jpg")).content and a, 20, "a picture"
    )
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert float(answer.headers["x-media-time"]) >= 0
    assert answer.content[:2] == b"\xff\xd8"


def test_live_results_come_over_a_websocket(service, alert):
    with connect(f"ws://127.0.0.1:{service.port}/api/live?stream=drawn") as live:
        seen = {}
        while {"analysis", "status", "alert"} - set(seen):
            said = json.loads(live.recv(timeout=20))
            seen[said["type"]] = said
    assert seen["alert"]["alert"]["alert_id"] == alert["alert_id"]
    (reading,) = seen["analysis"]["analysis"]["readings"]
    assert reading["state"] in {"suspect", "alert"}
    assert {said["v"] for said in seen.values()} == {1}


def test_a_user_acknowledges_and_judges_and_everyone_is_told(service, api, alert):
    path = f"/api/alerts/{alert['alert_id']}"
    with connect(f"ws://127.0.0.1:{service.port}/api/live") as live:
        assert api.post(f"{path}/acknowledge").json()["acknowledged_at"]
        assert api.post(f"{path}/judge", json={"manipulated": False}).json()["judged"] is False
        told = None
        while told is not False:
            said = json.loads(live.recv(timeout=20))
            if said["type"] == "alert":
                told = said["alert"]["judged"]
    assert api.get(path).json()["judged"] is False
    assert problem(api.post("/api/alerts/nobody/acknowledge")) == (404, "not_found")
    assert problem(api.post(f"{path}/judge", json={})) == (422, "unusable")


def test_the_service_describes_itself(api):
    info = api.get("/api/info").json()
    assert info["thresholds"]["raise_at"] > info["thresholds"]["clear_at"]
    assert info["webrtc"]["ice_servers"] == []
    models = api.get("/api/models").json()
    assert [model["task"] for model in models] == ["face_detection", "face_landmarks", "deepfake"]
    assert models[2]["fingerprint"] == info["model"]


def test_its_schema_names_the_core_types_once(api):
    schema = api.get("/api/openapi.json").json()
    assert {"/api/streams", "/api/alerts", "/webrtc/offer", "/whip/{stream}"} <= set(
        schema["paths"]
    )
    named = {"StreamStatus", "Alert", "Reason", "LiveAnalysis", "LiveStatus", "LiveAlert"}
    assert named | {"Problem"} <= set(schema["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(schema["paths"])


def test_it_is_alive_ready_and_tells_details(api):
    assert api.get("/livez").json() == {"alive": True}
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    health = api.get("/healthz").json()
    assert health["streams"]["drawn"]
    assert health["readiness"]["degraded"] == []


@pytest.mark.fault("F01")
def test_a_broken_camera_does_not_make_the_service_unready(api):
    """F01, D12."""
    api.post("/api/streams", json={"id": "broken", "name": "Broken", "source": nowhere()})
    wait_until(
        lambda: api.get("/api/streams/broken/status").json()["last_error"] == "refused", 20, "error"
    )
    assert api.get("/readyz").status_code == 200
    wait_until(
        lambda: 'fakewatch_stream_up{stream="drawn"} 1.0' in api.get("/metrics").text, 20, "drawn"
    )
    assert 'fakewatch_stream_up{stream="broken"} 0.0' in api.get("/metrics").text
    api.delete("/api/streams/broken")
    assert 'stream="broken"' not in api.get("/metrics").text


def test_the_page_comes_with_a_strict_policy(api):
    page = api.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert problem(api.get("/no/such/page")) == (404, "not_found")


def test_a_rebound_name_is_kept_out(service, api):
    assert problem(api.get("/api/streams", headers={"Host": "evil.example"})) == (
        403,
        "foreign_host",
    )
    here = socket.create_connection(("127.0.0.1", service.port))
    with here, pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://evil.example:{service.port}/api/live", sock=here)


def test_a_foreign_page_is_kept_out(service, api):
    headers = {"Origin": "http://evil.example"}
    answer = api.post("/api/streams", headers=headers, json={"name": "x", "source": nowhere()})
    assert problem(answer) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{service.port}/api/live", origin="http://evil.example")


def test_a_request_that_is_too_large_is_refused(api):
    answer = api.post("/api/streams", content=b"x" * 1_100_000)
    assert problem(answer) == (413, "too_large")
    chunks = (b"x" * 100_000 for _ in range(11))
    assert problem(api.post("/api/streams", content=chunks))[0] == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_what_is_no_json_is_refused(api, body):
    answer = api.post("/api/streams", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)[0] == 422
