"""F47: with canaries in every secret, nothing that the service shows or prints holds one."""

import io
import json
import threading
import zipfile
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import quote

import httpx
import pytest
from websockets.sync.client import connect

from tests.databases import PASSWORD
from tests.needs import find_free_port, wait_until
from tests.service import Receiver, running, toy_models

CANARIES = {
    "TOKEN": "canary-token-0123456789",
    "CAMERA": "canary/cam@era?#1%",
    "ADDED": "canary-added-password",
    "QUERY": "canary-query-value",
    "HOOK": "canary-hook-secret",
    "HOOK_PASSWORD": "canary-hook-password",
    "TURN": "canary-turn-credential",
    "TYPED": "canary-typed-wrongly",
    "DATABASE": PASSWORD,
}


PATHS = (
    "/api/streams",
    "/api/streams/added",
    "/api/streams/locked/status",
    "/api/alerts",
    "/api/models",
    "/api/info",
    "/api/openapi.json",
    "/api/config/effective",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
)


def spellings(secret):
    return {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}


class RefusingCamera(StreamRequestHandler):
    """An RTSP server that takes no password."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            if line.lower().startswith(b"cseq:"):
                number = line.split(b":")[1].strip().decode()
            if line == b"\r\n":
                self.wfile.write(
                    f"RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\n"
                    'WWW-Authenticate: Basic realm="camera"\r\n\r\n'.encode()
                )


@pytest.fixture(scope="module")
def camera_port():
    server = ThreadingTCPServer(("127.0.0.1", 0), RefusingCamera)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def service(tmp_path_factory, camera_port, each_database):
    """A service with a secret wherever one can be."""
    directory = tmp_path_factory.mktemp("secrets")
    receiver = Receiver()
    receiver.status = 500
    hook = f"http://desk:${{HOOK_PASSWORD}}@127.0.0.1:{receiver.port}/x?token=${{QUERY}}"
    config = f"""
[server]
log_level = "debug"
[webrtc]
ice_servers = [{{ url = "turn:127.0.0.1:9", username = "u", credential = "${{TURN}}" }}]
[[sinks]]
type = "webhook"
url = "{hook}"
secret = "${{HOOK}}"
[[sinks]]
type = "jsonl"
path = "{directory / "alerts.jsonl"}"
[[streams]]
id = "locked"
name = "Locked"
source = {{ type = "av", url = "rtsp://admin:${{CAMERA}}@127.0.0.1:{camera_port}/live" }}
[[streams]]
id = "drawn"
name = "Drawn"
source = {{ type = "synthetic", fps = 10 }}
"""
    environment = {**CANARIES, "FAKEWATCH_AUTH__TOKEN": CANARIES["TOKEN"]}
    with running(
        directory, toy_models(directory / "models"), config, environment=environment
    ) as service:
        service.client.headers["Authorization"] = f"Bearer {CANARIES['TOKEN']}"
        yield service
    receiver.close()


@pytest.fixture(scope="module")
def shown(service):
    """Everything that a day's use shows: {where: text}."""
    api, seen = service.client, {}

    def note(what, answer):
        seen[f"{what} {answer.status_code}"] = answer.text + str(answer.headers)

    wait_until(lambda: error_of(api, "locked") == "auth_failed", 30, "the wrong password")
    closed = f"rtsp://u:{CANARIES['ADDED']}@127.0.0.1:{find_free_port()}/a?pwd={CANARIES['QUERY']}"
    note("added", post(api, {"id": "added", "name": "A", "source": {"type": "av", "url": closed}}))
    wait_until(lambda: error_of(api, "added"), 30, "a refused connection")
    typed = f"gopher://u:{CANARIES['TYPED']}@h/"
    note("typed", post(api, {"name": "B", "source": {"type": "av", "url": typed}}))
    note("extra", post(api, {"name": "B", "source": {"type": "av", "url": [typed]}, "pin": typed}))
    note("patch", api.patch("/api/streams/added", json={"source": {"url": typed}}))
    note("patch", api.patch("/api/streams/added", json={"name": "Renamed"}))
    note("sign in", api.post("/api/session", json={"token": CANARIES["TYPED"]}))
    note("sign in", api.post("/api/session", json={"token": {"a": CANARIES["TYPED"]}}))
    note("link", httpx.get(f"{service.url}/?token={CANARIES['TYPED']}"))
    note("link", httpx.get(f"{service.url}/?token={CANARIES['TOKEN']}"))
    wait_until(lambda: api.get("/api/alerts").json(), 30, "an alert")
    wait_until(lambda: 'result="retried",sink="webhook"} 1' in api.get("/metrics").text, 20, "hook")
    for path in PATHS:
        note(path, api.get(path))
    with connect(f"ws://127.0.0.1:{service.port}/api/live?token={CANARIES['TOKEN']}") as live:
        seen["websocket"] = "".join(str(live.recv(timeout=20)) for _ in range(20))
    return seen


def error_of(api, stream):
    return api.get(f"/api/streams/{stream}/status").json()["last_error"]


def post(api, body):
    return api.post("/api/streams", json=body)


def holders(texts, *, but=()):
    """Say where which canary was found."""
    return {
        (where, name)
        for where, text in texts.items()
        for name, secret in CANARIES.items()
        if name not in but and any(spelling in text for spelling in spellings(secret))
    }


@pytest.mark.fault("F47")
def test_no_answer_of_the_api_holds_a_secret(shown):
    assert len(shown) > 15
    assert holders(shown) == set()


@pytest.mark.fault("F47")
def test_nothing_that_is_printed_holds_a_secret(service, shown):
    output = service.output()
    assert "stream_lost" in output, "the refused password was logged"
    assert "delivery_failed" in output, "the failing webhook was logged"
    assert holders({"output": output}) == set()


@pytest.mark.fault("F47")
def test_the_process_list_holds_no_secret(service):
    command = Path(f"/proc/{service.process.pid}/cmdline").read_bytes().decode()
    assert holders({"command": command}) == set()


@pytest.mark.fault("F47")
def test_the_archive_of_alerts_holds_no_secret(service, shown):
    archive = service.data.parent / "alerts.jsonl"
    assert holders({"archive": archive.read_text()}) == set()


@pytest.mark.fault("F47")
def test_a_bundle_of_evidence_holds_no_secret(service, shown):
    (bundle, *_) = wait_until(lambda: service.client.get("/api/evidence").json(), 60, "evidence")
    path = f"/api/alerts/{bundle['alert_id']}/evidence/bundle.zip"
    with zipfile.ZipFile(io.BytesIO(service.client.get(path).content)) as archive:
        texts = {name: archive.read(name).decode("latin-1") for name in archive.namelist()}
    assert any("manifest.json" in name for name in texts)
    assert holders(texts) == set()


def test_only_added_streams_keep_a_password_and_only_their_owner_can_read_it(service, shown):
    """An added camera has to work after a restart; all other secrets stay in the environment."""
    kept = list(service.data.rglob("*"))
    files = {path.name: path.read_bytes().decode("latin-1") for path in kept if path.is_file()}
    assert {name for _, name in holders(files)} <= {"ADDED", "QUERY"}
    modes = {path.stat().st_mode & 0o077 for path in kept}
    assert modes == {0}
    assert service.data.stat().st_mode & 0o077 == 0


def test_without_the_token_nothing_is_told(service):
    for path in ("/api/streams", "/metrics", "/healthz", "/api/openapi.json", "/webrtc/offer"):
        answer = httpx.get(service.url + path)
        assert (answer.status_code, answer.json()["code"]) == (401, "no_token")
    assert httpx.get(f"{service.url}/livez").status_code == 200


def test_a_link_with_the_token_signs_a_browser_in(service):
    with httpx.Client(base_url=service.url) as browser:
        answer = browser.get("/", params={"token": CANARIES["TOKEN"]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/api/info").status_code == 200
        assert browser.get("/api/info", headers={"Origin": "http://evil"}).status_code == 403
        assert browser.delete("/api/session").status_code == 204
        assert browser.get("/api/info").status_code == 401
