"""Access: where a request comes from, who makes it, how often they may be wrong about that."""

import pytest

from stream_server.auth.access import Access, NotSignedIn, Opening, TooManyTries
from stream_server.auth.accounts import Accounts
from stream_server.auth.audit import AuditLog
from stream_server.auth.guard import Foreign, check_origin, identify
from stream_server.auth.headers import COOKIE
from stream_server.auth.opening import open_access
from stream_server.auth.origin import is_loopback_name
from stream_server.auth.roles import Role
from stream_server.problems import Conflict, Unusable
from stream_server.settings import ServerSettings, Settings, StorageSettings
from stream_server.store import Store
from tests.databases import database_url_of, store_at

TOKEN = "a token of the operator"
PASSWORD = "canary-of-a-password"


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def store(tmp_path, each_database):
    store = store_at(tmp_path)
    yield store
    store.close()


@pytest.fixture
def accounts(store, tmp_path):
    return Accounts(store, tmp_path)


@pytest.fixture
def make(accounts, tmp_path):
    def access(**opening):
        facts = {"loopback_only": True, **opening}
        return Access(Opening(**facts), accounts, AuditLog(tmp_path), Clock())

    return access


def request(path="/api/info", kind="http", query="", address="192.0.2.1", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": raw,
        "scheme": "http",
        "client": (address, 5),
    }


def origin_code(access, scope):
    try:
        check_origin(scope, access)
    except Foreign as foreign:
        return foreign.code
    return None


async def who(access, **facts):
    try:
        return (await identify(request(**facts), access)).name
    except NotSignedIn:
        return None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "127.0.0.53", "LOCALHOST"],
)
def test_this_machines_own_names_pass(make, host):
    assert origin_code(make(), request(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "", "["],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(make, host, kind):
    assert origin_code(make(), request(kind=kind, host=host)) == "foreign_host"


def test_where_a_token_is_asked_for_a_proxy_may_have_any_name(make):
    assert origin_code(make(token=TOKEN), request(host="watch.example")) is None


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
def test_only_the_services_own_page_may_call_it(make, kind, origin, refused):
    scope = request(kind=kind, host="localhost:8080", origin=origin)
    assert origin_code(make(), scope) == refused


def test_ports_do_not_matter_for_a_name():
    assert is_loopback_name("localhost:1")
    assert not is_loopback_name("example.org:8080")


async def test_a_loopback_service_without_users_is_open_until_the_first_one(make, accounts):
    access = make()
    here = await identify(request(), access)
    assert (here.name, here.role, here.holds()) == ("(local)", Role.ADMIN, True)
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    assert not here.holds()
    assert await who(access) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (f"Bearer {TOKEN}", "(token)"),
        (f"bearer {TOKEN}", "(token)"),
        (f"Bearer {TOKEN}x", None),
        (f"Bearer {TOKEN[:-1]}", None),
        (f"Basic {TOKEN}", None),
        ("Bearer ", None),
        ("Bearer ä", None),
        ("", None),
    ],
)
async def test_only_the_right_token_of_the_settings_passes(make, header, name):
    assert await who(make(token=TOKEN), authorization=header) == name


async def test_only_live_connections_may_carry_the_token_in_their_address(make):
    access, query = make(token=TOKEN), "token=a%20token%20of%20the%20operator"
    assert await who(access, path="/api/live", kind="websocket", query=query) == "(token)"
    assert await who(access, path="/api/events", query=query) == "(token)"
    assert await who(access, path="/api/info", query=query) is None


async def test_a_session_proves_the_token_without_being_it_and_can_be_ended(make):
    access = make(token=TOKEN)
    cookie, _ = await access.sign_in_by_token(TOKEN, "a")
    assert TOKEN not in cookie
    assert await who(access, cookie=f"a=b; {COOKIE}={cookie}") == "(token)"
    assert await who(access, cookie=f"{COOKIE}={cookie[:-1]}") is None
    assert await who(access, cookie=f"{COOKIE}={TOKEN}") is None
    access.sessions.end(cookie)
    assert await who(access, cookie=f"{COOKIE}={cookie}") is None


async def test_users_sign_in_and_their_sessions_end_with_password_role_or_user(make, accounts):
    access = make()
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    accounts.add("bob", Role.VIEWER, frozenset({"door"}), PASSWORD)
    cookie, bob = await access.sign_in("bob", PASSWORD, "a")
    assert (bob.role, bob.sees("door"), bob.sees("hall"), bob.holds()) == ("viewer", True, False, 1)
    accounts.change("bob", Role.OPERATOR, None)
    assert not bob.holds(), "a live connection has to come anew"
    assert access.by_cookie(cookie).role is Role.OPERATOR
    accounts.set_password("bob", PASSWORD + "2")
    assert access.by_cookie(cookie) is None
    cookie, bob = await access.sign_in("bob", PASSWORD + "2", "a")
    accounts.remove("bob")
    assert access.by_cookie(cookie) is None
    assert not bob.holds()


async def test_an_api_token_works_until_it_is_revoked_with_its_sessions(make, accounts):
    access = make()
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    accounts.add("grafana", Role.VIEWER, None, None)
    token, whole = accounts.add_token("grafana", "scrapes")
    assert whole not in repr(accounts.tokens)
    assert await who(access, authorization=f"Bearer {whole}") == "grafana"
    assert await who(access, authorization=f"Bearer {whole}x") is None
    cookie, caller = await access.sign_in_by_token(whole, "a")
    accounts.remove_token("grafana", token.token_id)
    assert await who(access, authorization=f"Bearer {whole}") is None
    assert access.by_cookie(cookie) is None
    assert not caller.holds()


async def test_guessing_is_slowed_down_by_address_also_for_the_right_password(make, accounts):
    access = make()
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    for number in range(10):
        with pytest.raises(NotSignedIn):
            await access.by_token(f"wrong {number}", "192.0.2.1")
    with pytest.raises(TooManyTries) as refused:
        await access.sign_in("ada", PASSWORD, "192.0.2.1")
    assert refused.value.retry_after_s == 10
    await access.sign_in("ada", PASSWORD, "192.0.2.2")
    access._clock.now_s += 10.1
    await access.sign_in("ada", PASSWORD, "192.0.2.1")


def test_the_first_user_is_an_admin_and_the_last_admin_stays(accounts):
    with pytest.raises(Unusable, match="first user"):
        accounts.add("bob", Role.VIEWER, None, PASSWORD)
    with pytest.raises(Unusable, match="12 to 1024"):
        accounts.add("ada", Role.ADMIN, None, "short")
    with pytest.raises(Unusable, match="small letters"):
        accounts.add("Ada Lovelace", Role.ADMIN, None, PASSWORD)
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    for act in (
        lambda: accounts.add("ada", Role.VIEWER, None, PASSWORD),
        lambda: accounts.remove("ada"),
        lambda: accounts.change("ada", Role.VIEWER, None),
        lambda: accounts.change("ada", Role.ADMIN, frozenset({"door"})),
    ):
        with pytest.raises(Conflict):
            act()


def settings(tmp_path, host):
    storage = StorageSettings(path=tmp_path, database_url=database_url_of(tmp_path))
    return Settings(server=ServerSettings(host=host), storage=storage)


async def test_a_service_that_others_can_reach_makes_a_token_in_a_private_file(store, tmp_path):
    access = open_access(settings(tmp_path, "0.0.0.0"), store)  # noqa: S104
    file = tmp_path / "first-run-token"
    token = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not access.is_open
    assert await who(access) is None
    assert await who(access, authorization=f"Bearer {token}") == "(token)"
    again = open_access(settings(tmp_path, "0.0.0.0"), store)  # noqa: S104
    assert again.opening.first_run_token == token
    again.accounts.add("ada", Role.ADMIN, None, PASSWORD)
    assert await who(again, authorization=f"Bearer {token}") is None


def test_users_lost_with_a_damaged_database_open_nothing(tmp_path):
    store = Store(tmp_path)
    Accounts(store, tmp_path).add("ada", Role.ADMIN, None, PASSWORD)
    store.close()
    for file in tmp_path.glob("fakewatch.db*"):
        file.write_bytes(b"damaged" * 1000)
    store = Store(tmp_path)
    access = open_access(settings(tmp_path, "127.0.0.1"), store)
    store.close()
    assert store.moved_aside is not None
    assert not access.accounts.users
    assert not access.is_open
