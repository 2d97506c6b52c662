"""Roles, streams and sessions over HTTPS, with the real service and its command."""

import asyncio
import json
import os
import ssl
import subprocess
import sys

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream_server.auth.rules import RULES
from tests.databases import environment_of
from tests.needs import wait_until
from tests.service import ServiceProcess, toy_models
from tests.tls_peer import make_certificate

PASSWORD = "canary-pass-ada-1"
ALSO = "canary-pass-bob-2"
STREAMS = "".join(
    f'[[streams]]\nid = "{name}"\nname = "{name}"\nsource = {{ type = "synthetic", fps = 5 }}\n'
    for name in ("door", "hall")
)
TURN = '[webrtc]\nice_servers = [{ url = "turn:127.0.0.1:9", secret = "${TURN}" }]\n'


class Secure(ServiceProcess):
    """The service over HTTPS."""

    def __init__(self, directory, models, **facts):
        directory.mkdir(parents=True, exist_ok=True)
        pem = str(make_certificate(directory))
        self.trust = ssl.create_default_context(cafile=pem)
        super().__init__(
            directory,
            models,
            STREAMS + TURN,
            arguments=["--tls-cert", pem, "--tls-key", pem, "--host", "0.0.0.0"],  # noqa: S104
            environment={"TURN": "canary-turn-secret"},
            **facts,
        )
        self.url = self.url.replace("http:", "https:")
        self.client.close()
        self.client = self.browser()

    def browser(self, **facts):
        return httpx.Client(
            base_url=self.url, verify=self.trust, trust_env=False, timeout=20, **facts
        )

    def bearing(self, token):
        return self.browser(headers={"Authorization": f"Bearer {token}"})

    def users(self, *arguments, given=""):
        return subprocess.run(
            [sys.executable, "-m", "stream_server.cli", "users", *arguments],
            env={
                **os.environ,
                **environment_of(self.data),
                "FAKEWATCH_STORAGE__PATH": str(self.data),
            },
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory, each_database):
    directory = tmp_path_factory.mktemp("access")
    one = Secure(directory, toy_models(directory / "models"))
    try:
        one.wait_until_up()
        yield one
    finally:
        one.end()


@pytest.fixture(scope="module")
def callers(service):
    """Clients by name: from the first-run token to a viewer of one stream."""
    file = service.data / "first-run-token"
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text().strip()
    assert first not in service.output()
    assert str(file) in service.output()
    assert service.client.get("/api/streams").status_code == 401
    with service.bearing(first) as setup:
        ada = {"name": "ada", "role": "admin", "password": PASSWORD}
        assert setup.post("/api/users", json=ada).status_code == 201
        assert setup.get("/api/users").status_code == 401, "its time is over"
    found = {"ada": service.browser(), "secrets": [first, PASSWORD, ALSO, "canary-turn-secret"]}
    answer = found["ada"].post("/api/session", json={"name": "ada", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure"))
    for name, role, streams in (
        ("olga", "operator", None),
        ("otto", "operator", ["door"]),
        ("vera", "viewer", None),
        ("vito", "viewer", ["door"]),
    ):
        facts = {"name": name, "role": role, "streams": streams}
        assert found["ada"].post("/api/users", json=facts).status_code == 201
        token = found["ada"].post(f"/api/users/{name}/tokens", json={}).json()["token"]
        found["secrets"].append(token)
        found[name] = service.bearing(token)
        found[f"{name} token"] = token
    wait_until(lambda: len(found["ada"].get("/api/streams").json()) == 2, 30, "both streams")
    yield found
    for client in found.values():
        if isinstance(client, httpx.Client):
            client.close()


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [  # ada, olga, otto, vera, vito
        ("GET", "/api/streams/hall", (200, 200, 404, 200, 404)),
        ("GET", "/api/streams/door", (200, 200, 200, 200, 200)),
        ("GET", "/api/streams/hall/preview.jpg", (2, 2, 404, 2, 404)),
        ("GET", "/api/alerts?stream=hall", (200, 200, 404, 200, 404)),
        ("GET", "/api/uploads", (200, 200, 403, 200, 403)),
        ("GET", "/api/sinks", (200, 200, 403, 403, 403)),
        ("POST", "/api/sinks/none/enable", (404, 404, 403, 403, 403)),
        ("GET", "/api/evidence", (200, 200, 200, 200, 200)),
        ("GET", "/api/users", (200, 403, 403, 403, 403)),
        ("GET", "/api/audit", (200, 403, 403, 403, 403)),
        ("GET", "/api/config/effective", (200, 403, 403, 403, 403)),
        ("GET", "/api/alerts/none", (404, 404, 404, 404, 404)),
        ("DELETE", "/api/streams/hall/enrolment", (204, 204, 404, 403, 403)),
        ("DELETE", "/webrtc/hall", (404, 404, 404, 403, 403)),
        ("POST", "/whip/phone", (415, 415, 404, 403, 403)),
        ("POST", "/webrtc/offer", (400, 400, 400, 403, 403)),
        ("POST", "/api/streams", (422, 422, 403, 403, 403)),
    ],
)
def test_each_caller_may_do_what_role_and_streams_allow(callers, method, path, statuses):
    names = ("ada", "olga", "otto", "vera", "vito")
    got = [callers[name].request(method, path).status_code for name in names]
    want = [g // 100 if s < 10 else s for g, s in zip(got, statuses, strict=True)]
    assert [g // 100 if s < 10 else g for g, s in zip(got, statuses, strict=True)] == list(
        statuses
    ), (names, got, want)


def test_lists_and_metrics_tell_of_ones_own_streams_only(callers):
    vito, vera = callers["vito"], callers["vera"]
    assert [stream["id"] for stream in vito.get("/api/streams").json()] == ["door"]
    assert list(vito.get("/healthz").json()["streams"]) == ["door"]
    assert 'stream="hall"' in vera.get("/metrics").text
    page = vito.get("/metrics").text
    assert 'stream="door"' in page
    assert "hall" not in page


def live(service, token, query=""):
    """Not by threads: one that reads and one that writes can block each other inside TLS."""
    url = f"wss://127.0.0.1:{service.port}/api/live{query}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(url, ssl=service.trust, additional_headers=headers, open_timeout=20)


async def hear(one, most):
    return [await asyncio.wait_for(one.recv(), 20) for _ in range(most)]


async def test_live_connections_are_held_to_the_same(service, callers):
    for token, query in ((None, ""), ("wrong", ""), (callers["vito token"], "?stream=hall")):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with live(service, token, query) as one:
                await hear(one, 1)
    async with live(service, callers["vito token"]) as one:
        heard = [json.loads(message) for message in await hear(one, 15)]
    assert {(event.get("alert") or event)["stream_id"] for event in heard} == {"door"}
    assert callers["vito"].get("/api/events", params={"stream": "hall"}).status_code == 404
    assert service.client.get("/api/events").status_code == 401


async def test_a_revoked_token_ends_live_connections(service, callers):
    made = callers["ada"].post("/api/users/vera/tokens", json={"label": "short"}).json()
    callers["secrets"].append(made["token"])
    async with live(service, made["token"]) as one:
        await hear(one, 1)
        gone = callers["ada"].delete(f"/api/users/vera/tokens/{made['id']}")
        assert gone.status_code == 204
        with pytest.raises(ConnectionClosed) as closed:
            await hear(one, 1000)
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, rule.path)
        for rule in RULES
        for method in sorted(rule.methods & {"POST", "PUT", "PATCH", "DELETE"})
    ],
)
def test_no_page_from_elsewhere_may_change_anything(callers, method, path):
    address = path.replace("{", "").replace("}", "")
    answer = callers["ada"].request(method, address, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in answer.headers


def test_only_those_who_may_send_get_a_turn_password_that_expires(callers):
    assert callers["vera"].get("/api/info").json()["webrtc"]["ice_servers"] == []
    (server,) = callers["olga"].get("/api/info").json()["webrtc"]["ice_servers"]
    expiry, _, user = server["username"].partition(":")
    assert user == "olga"
    assert int(expiry) > 0
    assert server["credential"]


def test_who_am_i_and_the_way_out(service, callers):
    assert callers["vito"].get("/api/session").json() == {
        "signed_in": True,
        "open": False,
        "asks_for": "password",
        "name": "vito",
        "role": "viewer",
        "streams": ["door"],
    }
    with service.browser() as browser:
        assert browser.get("/api/session").json()["signed_in"] is False
        facts = {"name": "ada", "password": PASSWORD}
        assert browser.post("/api/session", json=facts).status_code == 204
        assert browser.get("/api/users").status_code == 200
        cookies = dict(browser.cookies)
        assert browser.delete("/api/session").status_code == 204
    with service.browser(cookies=cookies) as thief:
        assert thief.get("/api/users").status_code == 401, "revoked, not just forgotten"


def test_the_command_changes_users_while_the_service_runs(service, callers):
    service.users("add", "bob", "--role", "viewer", given=ALSO + "\n")
    facts = {"name": "bob", "password": ALSO}

    def signed_in():
        with service.browser() as browser:
            return browser.post("/api/session", json=facts).status_code == 204

    wait_until(signed_in, 30, "the service to know bob")
    shown = service.users("list")
    assert "bob" in shown.stdout
    service.users("remove", "bob")
    entries = callers["ada"].get("/api/audit", params={"limit": 1000}).json()
    assert ("(command)", "user.add", "bob") in {
        (one["who"], one["action"], one.get("target")) for one in entries
    }
    wait_until(
        lambda: "bob" not in str(callers["ada"].get("/api/users").json()), 30, "bob to be gone"
    )


def test_the_audit_log_says_who_did_what_and_holds_no_secret(service, callers):
    typed = {"name": "canary-typed-as-name", "password": "canary-typed-wrongly"}
    assert service.client.post("/api/session", json=typed).status_code == 401
    callers["vera"].delete("/api/streams/door")
    entries = callers["ada"].get("/api/audit", params={"limit": 1000}).json()
    seen = {(one["who"], one["action"], one.get("target"), one["allowed"]) for one in entries}
    for entry in (
        ("(token)", "user.add", "ada", True),
        ("ada", "session.begin", None, True),
        ("ada", "user.add", "vito", True),
        ("ada", "token.add", "vito", True),
        ("(unknown)", "session.begin", None, False),
        ("vera", "stream.remove", "door", False),
    ):
        assert entry in seen, seen
    shown = service.output() + callers["ada"].get("/metrics").text + json.dumps(entries)
    shown += callers["ada"].get("/api/users").text
    shown += "".join(file.read_text() for file in service.data.glob("audit*"))
    database = b"".join(file.read_bytes() for file in service.data.glob("fakewatch.db*"))
    for secret in [*callers["secrets"], typed["name"], typed["password"]]:
        assert secret not in shown
        assert secret.encode() not in database
    assert "127.0.0.1" not in json.dumps(entries)


def test_guessing_is_answered_with_429(tmp_path):
    """On a service of its own: from then on nobody gets in from this address for a while."""
    one = Secure(tmp_path / "own", toy_models(tmp_path / "models"))
    try:
        one.wait_until_up()
        answers = [
            one.client.post("/api/session", json={"name": "nobody", "password": "guess"})
            for _ in range(12)
        ]
    finally:
        one.end()
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
