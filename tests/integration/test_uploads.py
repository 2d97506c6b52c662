"""Uploads over real HTTP: sent in parts or whole, followed, cancelled, and nothing left behind."""

import os
import signal
import socket
import stat
import time
from pathlib import Path

import httpx
import pytest

from tests.media import blinking_person, write_clip
from tests.needs import wait_until
from tests.service import ServiceProcess, running
from tests.toy_models import green_classifier, tint_green, toy_directory
from tests.uploading import (
    ENDED,
    child_of,
    declare,
    is_alive,
    left_behind,
    problem,
    put,
    reach,
    send,
    view,
)

TOML = """
[uploads]
max_bytes = 100000000
max_waiting = 6
"""
ENVIRONMENT = {"FAKEWATCH_MODELS__CLASSIFIER": "toy-green"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    return toy_directory(directory, green_classifier(directory))


@pytest.fixture(scope="module")
def service(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("service")
    with running(folder, models, TOML, environment=ENVIRONMENT) as service:
        yield service


@pytest.fixture
def api(service):
    yield service.client
    for one in service.client.get("/api/uploads").json():
        service.client.delete(f"/api/uploads/{one['id']}")
    assert left_behind(service) == []


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Eight seconds of a person who turns green half-way."""
    people = list(blinking_person(8, 15, blinks_s=(2,), width=320, height=240))
    frames = people[:60] + [tint_green(image) for image in people[60:]]
    return write_clip(tmp_path_factory.mktemp("clips") / "short.mp4", frames, 15).read_bytes()


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A minute and a half of somebody: long enough to be interrupted."""
    frames = list(blinking_person(3, 15, width=320, height=240)) * 30
    return write_clip(tmp_path_factory.mktemp("clips") / "long.mp4", frames, 15).read_bytes()


def test_a_file_sent_in_parts_gets_a_report(service, api, short):
    answer = declare(api, len(short), "my clip.mp4")
    assert answer.status_code == 201
    upload = answer.json()
    assert answer.headers["location"] == f"/api/uploads/{upload['id']}"
    assert (upload["state"], upload["received_bytes"]) == ("receiving", 0)
    for offset in range(0, len(short), 100_000):
        part = put(api, upload["id"], offset, short[offset : offset + 100_000]).json()
        assert part["received_bytes"] == min(len(short), offset + 100_000)
    assert api.post(f"/api/uploads/{upload['id']}/finish").json()["state"] == "queued"
    seen = reach(api, upload["id"], "analysing")
    done = reach(api, upload["id"], *ENDED)
    assert (done["state"], done["verdict"], done["worst"]) == ("done", "alert", "alert")
    assert "Verify through another channel" in done["text"]
    assert seen["finished_at"] is None
    assert done["finished_at"] > done["created_at"]
    page = api.get(f"/api/uploads/{upload['id']}/report.html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    assert "my clip.mp4" in page.text
    twin = api.get(f"/api/uploads/{upload['id']}/report.json").json()
    assert twin["input"] == "my clip.mp4"
    assert twin["verdict"]["state"] == "alert"
    assert len(twin["origin"]["input_sha256"]) == 64


def test_the_file_is_gone_once_its_report_is_there_and_nobody_else_may_read(service, api, short):
    upload_id = send(api, short, pictures="true")
    folder = service.data / "uploads" / upload_id
    assert stat.S_IMODE((folder / "input").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    reach(api, upload_id, "done")
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == dict.fromkeys(
        ("report.html", "report.json", "compare.json", "upload.json"), 0o600
    )
    assert "data:image/jpeg" in api.get(f"/api/uploads/{upload_id}/report.html").text
    assert api.delete(f"/api/uploads/{upload_id}").status_code == 204
    assert not folder.exists()
    assert problem(api.get(f"/api/uploads/{upload_id}")) == (404, "not_found")


def test_progress_grows_and_the_place_in_the_queue_is_shown(api, long):
    first, second, third = (send(api, long, f"{n}.mp4") for n in (1, 2, 3))
    reach(api, first, "analysing")
    assert [view(api, one)["position"] for one in (first, second, third)] == [None, 1, 2]
    early = wait_until(lambda: view(api, first)["done_s"], 60, "progress")
    wait_until(lambda: view(api, first)["done_s"] > early, 60, "more progress")
    assert view(api, first)["duration_s"] == pytest.approx(90, abs=1)
    assert api.post(f"/api/uploads/{second}/cancel").json()["state"] == "cancelled"
    assert view(api, third)["position"] == 1


def test_cancelling_ends_the_process_and_leaves_nothing(service, api, long):
    upload_id = send(api, long)
    wait_until(lambda: view(api, upload_id)["done_s"] > 0, 60, "progress")
    child = child_of(service)
    assert child is not None
    started_s = time.monotonic()
    assert api.post(f"/api/uploads/{upload_id}/cancel").json()["state"] == "cancelled"
    assert time.monotonic() - started_s < 5
    assert not Path(f"/proc/{child}").exists()
    assert left_behind(service) == []
    assert problem(api.get(f"/api/uploads/{upload_id}/report.html")) == (404, "not_found")


def test_a_process_that_dies_fails_its_file_only(service, api, long, short):
    doomed, next_one = send(api, long), send(api, short)
    wait_until(lambda: view(api, doomed)["done_s"] > 0, 60, "progress")
    os.kill(child_of(service), signal.SIGKILL)
    failed = reach(api, doomed, *ENDED)
    assert (failed["state"], failed["error"]) == ("failed", "crashed")
    assert failed["error_text"].endswith(".")
    assert reach(api, next_one, *ENDED)["state"] == "done"


def test_a_broken_connection_costs_only_what_was_under_way(service, api, short):
    """The part goes on where it stopped; a whole file that never came whole is forgotten."""
    padded = short + b"\0" * (4 * 2**20 - len(short))
    upload_id = declare(api, len(padded), "parts.mp4").json()["id"]
    for path in (f"/api/uploads/{upload_id}/parts?offset=0", "/api/uploads?name=whole.mp4"):
        verb = "PUT" if "parts" in path else "POST"
        head = f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(padded)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port)) as raw:
            raw.sendall(head.encode() + padded[: 5 * 2**19])
            wait_until(lambda: api.get("/api/uploads").json()[0]["received_bytes"], 20, "a piece")
    wait_until(lambda: len(api.get("/api/uploads").json()) == 1, 20, "the whole one forgotten")
    kept = view(api, upload_id)["received_bytes"]
    assert 2**20 <= kept <= 5 * 2**19
    assert put(api, upload_id, kept, padded[kept:]).status_code == 200
    assert api.post(f"/api/uploads/{upload_id}/finish").status_code == 200
    assert reach(api, upload_id, *ENDED)["state"] == "done"


def test_a_foreign_page_can_send_nothing(api):
    headers = {"Origin": "http://evil.example"}
    answer = api.post("/api/uploads", params={"name": "a"}, content=b"x", headers=headers)
    assert problem(answer) == (403, "foreign_origin")


def test_after_a_crash_reports_are_back_and_everything_else_is_gone(tmp_path, models, short, long):
    first = ServiceProcess(tmp_path, models, TOML, environment=ENVIRONMENT)
    first.wait_until_up()
    done, cut = send(first.client, short, "done.mp4"), None
    reach(first.client, done, "done")
    cut = send(first.client, long, "cut.mp4")
    declare(first.client, 1000)
    wait_until(lambda: view(first.client, cut)["done_s"] > 0, 60, "progress")
    child = child_of(first)
    first.end(signal.SIGKILL)
    wait_until(lambda: not is_alive(child), 10, "the process to leave with the service")
    assert len(list((tmp_path / "data/uploads").iterdir())) == 3
    with running(tmp_path, models, TOML, environment=ENVIRONMENT) as second:
        (kept,) = second.client.get("/api/uploads").json()
        assert (kept["id"], kept["name"], kept["state"]) == (done, "done.mp4", "done")
        assert "done.mp4" in second.client.get(f"/api/uploads/{done}/report.html").text
        assert [path.name for path in (tmp_path / "data/uploads").iterdir()] == [done]


def test_a_shutdown_ends_the_analysis_and_leaves_no_file(tmp_path, models, long):
    service = ServiceProcess(tmp_path, models, TOML, environment=ENVIRONMENT)
    service.wait_until_up()
    upload_id = send(service.client, long)
    wait_until(lambda: view(service.client, upload_id)["done_s"] > 0, 60, "progress")
    child = child_of(service)
    assert service.end() == 0
    assert not is_alive(child)
    assert left_behind(service) == []
    assert "Traceback" not in service.output()


def test_with_a_token_nobody_else_sees_files(tmp_path, models):
    token = "a-token-of-twenty-signs"
    environment = {**ENVIRONMENT, "FAKEWATCH_AUTH__TOKEN": token}
    with running(tmp_path, models, environment=environment) as service:
        for path in ("/api/uploads", "/api/uploads/x/report.html"):
            assert service.client.get(path).status_code == 401
        assert service.client.post("/api/uploads?name=a", content=b"x").status_code == 401
        signed = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{service.url}/api/uploads", headers=signed).json() == []
