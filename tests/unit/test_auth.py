"""Access: this machine's own pages only, or whoever knows the token; never a foreign page."""

import pytest

from stream_server.auth import COOKIE, Access, is_loopback_name

TOKEN = "a token of the operator"
HERE = Access(loopback_only=True, token=None)
ANYWHERE = Access(loopback_only=False, token=TOKEN)


def request(path="/api/info", kind="http", query="", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": raw,
        "scheme": "http",
    }


def code(access, scope):
    refusal = access.refusal(scope)
    return refusal and refusal[1]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "127.0.0.53", "LOCALHOST"],
)
def test_this_machines_own_names_pass(host):
    assert code(HERE, request(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.1",
        "",
        "[",
        "0",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(host, kind):
    assert code(HERE, request(kind=kind, host=host)) == "foreign_host"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("http://localhost:8080", None),
        ("https://localhost:8080", None),
        ("http://localhost:3000", "foreign_origin"),
        ("http://127.0.0.1:8080", "foreign_origin"),
        ("http://evil.example", "foreign_origin"),
        ("http://localhost:8080.evil.example", "foreign_origin"),
        ("chrome-extension://localhost:8080", "foreign_origin"),
        ("null", "foreign_origin"),
        ("", "foreign_origin"),
    ],
)
def test_only_the_services_own_page_may_call_it(kind, origin, refused):
    assert code(HERE, request(kind=kind, host="localhost:8080", origin=origin)) == refused


def test_a_foreign_origin_is_refused_even_with_the_token():
    headers = {"host": "watch.example", "authorization": f"Bearer {TOKEN}"}
    assert code(ANYWHERE, request(**headers)) is None
    assert code(ANYWHERE, request(**headers, origin="http://evil.example")) == "foreign_origin"
    assert code(ANYWHERE, request(**headers, origin="https://watch.example")) is None
    assert code(ANYWHERE, request(**headers, origin="https://watch.example:443")) is None


@pytest.mark.parametrize(
    "path",
    [
        "/api/info",
        "/metrics",
        "/readyz",
        "/healthz",
        "/webrtc/offer",
        "/whip/phone",
        "/api/openapi.json",
    ],
)
def test_everything_but_the_page_needs_the_token(path):
    assert code(ANYWHERE, request(path, host="watch.example")) == "no_token"


@pytest.mark.parametrize("path", ["/livez", "/", "/css/page.css", "/api/session"])
def test_liveness_the_pages_files_and_signing_in_need_none(path):
    assert code(ANYWHERE, request(path, host="watch.example")) is None


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        (f"Bearer {TOKEN}", None),
        (f"bearer {TOKEN}", None),
        (f"Bearer {TOKEN}x", "no_token"),
        (f"Bearer {TOKEN[:-1]}", "no_token"),
        (f"Basic {TOKEN}", "no_token"),
        ("Bearer ", "no_token"),
        ("Bearer ä", "no_token"),
        ("", "no_token"),
    ],
)
def test_only_the_right_token_passes(header, refused):
    assert code(ANYWHERE, request(host="watch.example", authorization=header)) == refused


def test_a_cookie_proves_the_token_without_being_it():
    session = ANYWHERE.session()
    assert TOKEN not in session
    assert code(ANYWHERE, request(host="h", cookie=f"a=b; {COOKIE}={session}")) is None
    assert code(ANYWHERE, request(host="h", cookie=f"{COOKIE}={session[:-1]}")) == "no_token"
    assert code(ANYWHERE, request(host="h", cookie=f"{COOKIE}={TOKEN}")) == "no_token"
    other = Access(loopback_only=False, token="another token of the operator")
    assert code(other, request(host="h", cookie=f"{COOKIE}={session}")) == "no_token"


def test_only_live_connections_may_carry_the_token_in_their_address():
    query = "token=a%20token%20of%20the%20operator"
    assert code(ANYWHERE, request("/api/live", "websocket", query, host="h")) is None
    assert code(ANYWHERE, request("/api/events", "http", query, host="h")) is None
    assert code(ANYWHERE, request("/api/info", "http", query, host="h")) == "no_token"


def test_without_a_token_no_token_is_right():
    assert not HERE.knows_token("")


def test_a_token_is_asked_for_on_loopback_too_when_one_is_set():
    access = Access(loopback_only=True, token=TOKEN)
    assert code(access, request(host="localhost")) == "no_token"
    assert code(access, request(host="localhost", authorization=f"Bearer {TOKEN}")) is None


def test_a_proxy_in_front_of_a_loopback_service_with_a_token_may_have_any_name():
    access = Access(loopback_only=True, token=TOKEN)
    assert code(access, request(host="watch.example")) == "no_token"
    assert code(access, request(host="watch.example", authorization=f"Bearer {TOKEN}")) is None


def test_ports_do_not_matter_for_a_name():
    assert is_loopback_name("localhost:1")
    assert not is_loopback_name("example.org:8080")
