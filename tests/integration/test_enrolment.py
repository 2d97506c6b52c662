"""Enrolment through the real service: a drawn person is enrolled, kept over a restart, removed."""

import json
import sqlite3

import pytest
from websockets.sync.client import connect

from stream_server.sqlite_file import FILE
from tests.needs import wait_until
from tests.service import running, toy_models

LENIENT = """
[runner]
age_budget_s = 10.0
[analyzer]
window_min_samples = 2
"""
"""A busy machine is no reason to see nothing."""
CONFIG = f"""{LENIENT}
[[streams]]
id = "drawn"
name = "Drawn person"
source = {{ type = "synthetic", fps = 4 }}
"""
PATH = "/api/streams/drawn/enrolment"
VOUCHED = {"genuine_and_agreed": True}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A classifier that finds few signs in everybody."""
    return toy_models(tmp_path_factory.mktemp("models") / "models", logit=-2.0)


def rows(service):
    with sqlite3.connect(service.data / FILE) as connection:
        return connection.execute("SELECT count(*) FROM enrolment").fetchone()[0]


def enrol(api):
    assert api.post(PATH, json=VOUCHED).status_code == 202
    return wait_until(lambda: finished(api), 120, "the end of the enrolment")


def finished(api):
    view = api.get(PATH).json()
    return view if view["state"] not in ("running", "none") else None


def reasons(service):
    """The cues of the newest reading that has any."""
    with connect(f"ws://127.0.0.1:{service.port}/api/live?stream=drawn") as socket:
        for _ in range(200):
            event = json.loads(socket.recv(timeout=20))
            for reading in event.get("analysis", {}).get("readings", ()):
                if reading["reasons"]:
                    return {reason["cue"]: reason["llr"] for reason in reading["reasons"]}
    return {}


def test_a_person_is_enrolled_kept_over_a_restart_and_removed(models, tmp_path):
    with running(tmp_path, models, CONFIG) as service:
        api = service.client
        assert api.get(PATH).json()["state"] == "none"
        assert api.post(PATH, json={}).status_code == 422
        assert api.post(PATH, json={"genuine_and_agreed": False}).status_code == 422
        assert api.get("/api/streams/nowhere/enrolment").status_code == 404
        view = enrol(api)
        assert (view["state"], view["survives_restart"]) == ("enrolled", True), view
        assert view["observed_s"] >= 20
        assert "embedding" not in json.dumps(view)
        assert wait_until(lambda: reasons(service).get("reference"), 60, "the term") == (
            pytest.approx(0.7, abs=0.01)
        )
        assert rows(service) == 1
        assert "embedding" not in service.output()

    with running(tmp_path, models, CONFIG) as service:
        api = service.client
        assert api.get(PATH).json()["state"] == "enrolled"
        assert api.delete(PATH).status_code == 204
        assert api.get(PATH).json()["state"] == "none"
        assert rows(service) == 0


def test_a_removed_stream_takes_its_enrolment_along(models, tmp_path):
    with running(tmp_path, models, LENIENT) as service:
        api = service.client
        source = {"type": "synthetic", "fps": 4}
        assert api.post("/api/streams", json={"name": "drawn", "source": source}).status_code == 201
        view = enrol(api)
        assert view["state"] == "enrolled", view
        assert rows(service) == 1
        assert api.delete("/api/streams/drawn").status_code == 204
        assert rows(service) == 0
        assert api.get(PATH).status_code == 404
