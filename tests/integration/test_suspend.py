"""Suspending a stream's alerts by the API: said in the status, bounded, and taken back."""

from datetime import UTC, datetime

import pytest

from tests.service import running, toy_models

CONFIG = """
[[streams]]
id = "drawn"
name = "Drawn person"
source = { type = "synthetic", fps = 4 }
"""
PATH = "/api/streams/drawn/suspend"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    directory = tmp_path_factory.mktemp("suspend")
    with running(directory, toy_models(directory / "models"), CONFIG) as service:
        yield service.client


def test_a_suspension_is_in_the_status_until_it_is_taken_back(api):
    answer = api.post(PATH, json={"minutes": 30})
    assert answer.status_code == 200, answer.text
    until = api.get("/api/streams/drawn/status").json()["suspended_until"]
    assert until == answer.json()["until"]
    left_s = (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds()
    assert 1700 < left_s <= 1800
    assert api.delete(PATH).json() == {"until": None}
    assert api.get("/api/streams/drawn").json()["status"]["suspended_until"] is None


@pytest.mark.parametrize("minutes", [0, -1, 1441, "long", None])
def test_a_suspension_without_a_sensible_end_is_refused(api, minutes):
    assert api.post(PATH, json={"minutes": minutes}).status_code == 422


def test_a_stream_that_is_not_there_cannot_be_suspended(api):
    assert api.post("/api/streams/none/suspend", json={"minutes": 5}).status_code == 404


def test_without_a_calibration_nothing_is_said_about_drift(api):
    status = api.get("/api/streams/drawn/status").json()
    assert (status["drift"], status["drift_text"]) == (None, None)
    assert "fakewatch_stream_drift{" not in api.get("/metrics").text
