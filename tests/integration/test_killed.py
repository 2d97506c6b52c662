"""The serving process is killed: `--keep-alive` starts it again, and alerts go on as the same."""

import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.media import blinking_person
from tests.needs import wait_until
from tests.scripted_camera import Script, ScriptedCamera, encode
from tests.service import running, toy_models
from tests.uploading import is_alive

KEPT = {"arguments": ("--keep-alive",)}
LENIENT = """
[runner]
age_budget_s = 10.0
[analyzer]
window_min_samples = 2
"""
"""A busy machine is no reason to see nothing."""
FPS = 12
TRIES, SOON_S = 3, 20.0
"""After half a minute nobody goes on: a start that takes nearly as long proves nothing."""
needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return toy_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def service(tmp_path, models, receiver):
    hook = LENIENT + f'[[sinks]]\ntype = "webhook"\nname = "desk"\nurl = "{receiver.url}"\n'
    with running(tmp_path, models, hook, **KEPT) as one:
        yield one


@pytest.fixture
def camera():
    script = Script(fps=FPS, pts=lambda index: index * 90_000 // FPS)
    pictures = blinking_person(8.0, FPS, blinks_s=(2.0, 5.0), width=400, height=300)
    with ScriptedCamera(encode(pictures), script) as camera:
        yield camera


def worker_of(service):
    """The process that serves: the only child of the one that was started."""
    pid = service.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def ask(service, path):
    """An answer; None while nobody serves."""
    try:
        return service.client.get(path).json()
    except httpx.TransportError:
        return None


def kill_worker(service):
    """SIGKILL what serves, and wait until another one does."""
    worker = worker_of(service)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not is_alive(worker) and ask(service, "/livez"), 90, "another service")
    assert worker_of(service) != worker


def ids(alerts):
    return sorted(alert["alert_id"] for alert in alerts.values())


def alerts_of(service):
    return {alert["stream_id"]: alert for alert in ask(service, "/api/alerts?state=open") or ()}


def opened(receiver):
    """The alerts that were told as opened; who is told again, after a kill, knows it by its id."""
    told = {headers["webhook-id"]: json.loads(body) for headers, body in receiver.requests}
    alerts = [event["alert"] for event in told.values()]
    return sorted(alert["alert_id"] for alert in alerts if alert["phase"] == "opened")


@needs_proc
@pytest.mark.fault("F43")
def test_after_a_kill_streams_and_their_alerts_go_on_as_the_same(
    service, camera, receiver, record_property
):
    """F43: a real camera and a drawn one; both alerts keep their id, none is opened twice."""
    for name, source in (
        ("door", {"type": "av", "url": camera.url}),
        ("yard", {"type": "synthetic", "fps": 10}),
    ):
        body = {"id": name, "name": name, "source": source}
        assert service.client.post("/api/streams", json=body).is_success
    for _ in range(TRIES):
        wait_until(lambda: len(alerts_of(service)) == 2, 90, "two alerts")
        wait_until(lambda: set(ids(alerts_of(service))) <= set(opened(receiver)), 30, "their news")
        before, known = alerts_of(service), len(ask(service, "/api/alerts"))
        killed_s, killed_at = time.monotonic(), datetime.now(UTC)
        kill_worker(service)
        if (back_s := time.monotonic() - killed_s) < SOON_S:
            break

    def gone_on():
        found = alerts_of(service)
        news = [datetime.fromisoformat(alert["updated_at"]) for alert in found.values()]
        return len(found) == 2 and min(news) > killed_at and found

    after = wait_until(gone_on, 60, "news of both alerts")
    took_s = time.monotonic() - killed_s
    record_property("figure", f"both alerts went on {took_s:.1f} s after the kill")
    assert ids(after) == ids(before)
    assert {one["opened_at"] for one in after.values()} == {
        one["opened_at"] for one in before.values()
    }
    assert len(ask(service, "/api/alerts")) == known
    assert len(opened(receiver)) == known
    assert took_s <= 20 or back_s > 10, "a busy machine starts slowly"


@needs_proc
@pytest.mark.fault("F44")
def test_without_its_keeper_the_service_goes_on(service, receiver):
    """F44: whoever would place a stream anew is gone; what runs, alerts and is told goes on."""
    worker = worker_of(service)
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    try:
        source = {"type": "synthetic", "fps": 10}
        body = {"id": "yard", "name": "Yard", "source": source}
        assert service.client.post("/api/streams", json=body).is_success
        wait_until(lambda: opened(receiver), 60, "an alert and its delivery")
        assert ask(service, "/readyz")["ready"] is True
    finally:
        os.kill(worker, signal.SIGTERM)
    wait_until(lambda: not is_alive(worker), 60, "the end of the service")
    assert not (service.data / "memory.json").exists()


@needs_proc
def test_a_kept_service_stops_when_it_is_asked_to(service):
    worker = worker_of(service)
    assert service.end() == 0
    assert not is_alive(worker)


def test_a_kept_service_that_refuses_to_start_is_not_started_again(tmp_path, models):
    with pytest.raises(AssertionError, match="the service ended"):  # noqa: SIM117 - in this order
        with running(tmp_path, models, "[unknown]\n", **KEPT):
            pytest.fail("it started")
    said = (tmp_path / "stderr").read_text()
    assert said.count("unknown key") == 1
    assert "started again" not in said
