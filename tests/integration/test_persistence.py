"""What survives: a crash, a restart, a receiver that was away."""

import json
import signal

import pytest

from tests.needs import wait_until
from tests.service import Receiver, ServiceProcess, running, toy_models

SECRET = "the secret of the desk"
BOTH = pytest.mark.usefixtures("each_database")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return toy_models(tmp_path_factory.mktemp("models"))


def hook(receiver):
    return f'[[sinks]]\ntype = "webhook"\nname = "desk"\nurl = "{receiver.url}"\n'


def drawn(number=1):
    source = {"type": "synthetic", "fps": 10, "seed": number}
    return {"id": f"drawn-{number}", "name": "Drawn", "source": source}


def open_alert(api):
    return wait_until(
        lambda: api.get("/api/alerts", params={"state": "open"}).json(), 30, "an open alert"
    )[0]


def bodies(receiver):
    return [json.loads(body) for _, body in receiver.requests]


@pytest.mark.fault("F31")
@BOTH
def test_streams_and_alerts_survive_a_kill(models, tmp_path, receiver):
    """F31: after SIGKILL the stream is back and the alert goes on and ends, under its own id."""
    service = ServiceProcess(tmp_path, models, hook(receiver))
    service.wait_until_up()
    service.client.post("/api/streams", json=drawn())
    alert = open_alert(service.client)
    service.client.post(f"/api/alerts/{alert['alert_id']}/judge", json={"manipulated": True})
    service.end(signal.SIGKILL)

    with running(tmp_path, models, hook(receiver)) as again:
        assert [view["id"] for view in again.client.get("/api/streams").json()] == ["drawn-1"]
        wait_until(
            lambda: again.client.get("/api/streams/drawn-1/status").json()["frames_analysed"],
            30,
            "frames of the restored stream",
        )
        again.client.delete("/api/streams/drawn-1")

        def told():
            old = again.client.get(f"/api/alerts/{alert['alert_id']}").json()
            return old if old["phase"] == "closed" else None

        assert wait_until(told, 60, "the end of the alert")["judged"] is True

        def phases():
            mine = [body["alert"] for body in bodies(receiver)]
            return {one["phase"] for one in mine if one["alert_id"] == alert["alert_id"]}

        wait_until(lambda: {"opened", "closed"} <= phases(), 20, "the deliveries")


@pytest.mark.fault("F29", "F31")
@BOTH
def test_an_alert_is_delivered_once_its_receiver_is_back(models, tmp_path):
    """F29, F31: the receiver is away, the service is killed, the delivery comes all the same."""
    away = Receiver()
    away.close()
    service = ServiceProcess(tmp_path, models, hook(away))
    service.wait_until_up()
    service.client.post("/api/streams", json=drawn())
    alert = open_alert(service.client)
    wait_until(
        lambda: (
            'fakewatch_deliveries_total{result="retried",sink="desk"} 1.0'
            in service.client.get("/metrics").text
        ),
        20,
        "a try that failed",
    )
    service.end(signal.SIGKILL)

    back = Receiver()
    try:
        with running(tmp_path, models, hook(back)) as again:
            again.client.delete("/api/streams/drawn-1")
            wait_until(lambda: len(back.requests) >= 2, 30, "the opening and the close")
        first, *_, last = bodies(back)
    finally:
        back.close()
    assert first["alert"]["alert_id"] == alert["alert_id"]
    assert (first["alert"]["phase"], last["alert"]["phase"]) == ("opened", "closed")
    ids = [headers["webhook-id"] for headers, _ in back.requests]
    assert len(set(ids)) == len(ids), "each event once"


@pytest.mark.fault("F29")
def test_a_failing_sink_delays_no_other(models, tmp_path):
    away = Receiver()
    away.close()
    archive = tmp_path / "alerts.jsonl"
    sinks = hook(away) + f'[[sinks]]\ntype = "jsonl"\npath = "{archive}"\n'
    with running(tmp_path, models, sinks) as service:
        service.client.post("/api/streams", json=drawn())
        wait_until(lambda: archive.exists() and archive.read_text(), 30, "the archive")
        page = wait_until(
            lambda: (
                (text := service.client.get("/metrics").text)
                and 'outbox_pending{sink="jsonl"} 0.0' in text
                and 'outbox_pending{sink="desk"} 1.0' in text
                and text
            ),
            20,
            "one waiting delivery",
        )
    assert 'fakewatch_deliveries_total{result="dead",sink="desk"} 0.0' in page


@pytest.mark.fault("F30")
def test_a_receiver_that_is_gone_is_left_alone_until_a_person_asks(models, tmp_path, receiver):
    """F30: 410; then 204, and what was given up arrives."""
    receiver.status = 410
    with running(tmp_path, models, hook(receiver)) as service:
        api = service.client

        def desk(**wanted):
            (sink,) = api.get("/api/sinks").json()
            return all(sink[key] == value for key, value in wanted.items()) and sink

        api.post("/api/streams", json=drawn())
        alert = open_alert(api)["alert_id"]
        gone = wait_until(lambda: desk(dead=1, waiting=0), 20, "a dead letter")
        assert gone["off"] == "The webhook answers that it is gone (410)."
        api.delete("/api/streams/drawn-1")
        wait_until(lambda: (sink := desk(waiting=0)) and sink["dead"] >= 2, 20, "the close")
        assert len(receiver.requests) == 1, "it is asked once"
        assert api.post("/api/sinks/desk/retry").status_code == 409
        receiver.status = 204
        assert api.post("/api/sinks/desk/enable").json()["off"] is None
        assert api.post("/api/sinks/desk/retry").json()["count"] >= 2
        wait_until(lambda: desk(dead=0, waiting=0), 20, "everything delivered")
        output = service.output()
    sent = [body["alert"] for body in bodies(receiver)[1:]]
    assert {one["alert_id"] for one in sent} == {alert}
    assert (sent[0]["phase"], sent[-1]["phase"]) == ("opened", "closed")
    assert output.count("disable_sink") == 1
    assert receiver.url not in output


@BOTH
def test_a_changed_stream_is_restored_as_it_was_changed(models, tmp_path):
    with running(tmp_path, models) as service:
        for number in (1, 2):
            service.client.post("/api/streams", json=drawn(number))
        change = {"name": "Renamed", "source": {"seed": 7}}
        service.client.patch("/api/streams/drawn-1", json=change)
        service.client.delete("/api/streams/drawn-2")
    with running(tmp_path, models) as again:
        (view,) = again.client.get("/api/streams").json()
    assert (view["name"], view["source"]["seed"], view["source"]["fps"]) == ("Renamed", 7, 10)


@pytest.mark.fault("F33")
def test_a_damaged_database_stops_no_start(models, tmp_path):
    """F33."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/fakewatch.db").write_bytes(b"garbage" * 1000)
    with running(tmp_path, models) as service:
        health = service.client.get("/healthz").json()
        assert service.client.get("/readyz").status_code == 200
    assert "damaged" in health["readiness"]["degraded"][0]
    assert (tmp_path / "data/fakewatch.db.damaged-1").read_bytes() == b"garbage" * 1000


@pytest.mark.fault("F33")
@BOTH
def test_two_services_do_not_share_a_database(models, tmp_path):
    with running(tmp_path, models) as first, running(tmp_path, models) as second:
        assert first.client.get("/readyz").status_code == 200
        report = second.client.get("/readyz")
    assert report.status_code == 503
    assert "another fakewatch service is using it" in report.text
