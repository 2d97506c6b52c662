"""PostgreSQL alone: away, back, read-only or wrongly addressed, it stops and loses nothing."""

import contextlib
import io
import socket
import threading
import time

import pytest
from pydantic import ValidationError

from stream_server.alerts import AlertBook
from stream_server.auth.accounts import Accounts
from stream_server.auth.roles import Role
from stream_server.cli import main
from stream_server.outbox import Outbox
from stream_server.redact import SecretUrl
from stream_server.storage_settings import StorageSettings
from stream_server.store import SideStore, StorageError, Store
from tests.alert_desk import AT, CAM, CLOSED, OPENED, Desk, change
from tests.databases import PASSWORD, database_url_of, on, postgres_server
from tests.needs import wait_until


@pytest.fixture
def desk(tmp_path, postgres):
    with on(postgres):
        desk = Desk(tmp_path)
        yield desk
        desk.store.close()


@pytest.mark.fault("F33", "F44")
def test_a_server_that_restarts_costs_no_alert(tmp_path):
    """F33: what changed while it was away is written when it is back, by the same service."""
    with postgres_server() as server, on(server):
        desk = Desk(tmp_path)
        desk.apply(OPENED)
        server.stop()
        desk.apply(OPENED, "alert-2")
        desk.apply(CLOSED)
        assert desk.store.error is not None
        assert len(desk.book.open_alerts()) == 1
        with pytest.raises(StorageError, match="cannot be read"):
            desk.book.recent()
        desk.apply(CLOSED, "alert-2")
        server.start()
        wait_until(lambda: desk.book.catch_up() or not desk.store.error, 40, "all to be written")
        assert len(desk.book.recent(state="closed")) == 2
        phases = [event.alert.phase for event in desk.book.since(0)]
        assert phases == [OPENED, OPENED, CLOSED, CLOSED]
        assert desk.outbox.counts()["hook"] == (4, 0)
        second = Desk(tmp_path)
        assert "another fakewatch" in second.store.problem, "the lock was taken anew"
        second.store.close()
        desk.store.close()


@pytest.mark.fault("F33")
def test_a_server_that_no_longer_answers_holds_up_one_change_and_not_each(tmp_path, postgres):
    """F33: the line breaks, and whoever connects anew gets no answer."""
    url = postgres.schema(tmp_path).get_secret_value()
    with Line(postgres.port) as line:
        store = Store(tmp_path, SecretUrl(url.replace(str(postgres.port), str(line.port))))
        book = AlertBook(store, Outbox(store, ["log"]))
        book.apply(CAM, "Camera", change(OPENED), "m@1@abc", AT)
        line.go_silent()
        took_s = []
        for number in range(5):
            began_s = time.monotonic()
            book.apply(CAM, "Camera", change(OPENED, f"late-{number}"), "m@1@abc", AT)
            took_s.append(time.monotonic() - began_s)
        assert 2 < took_s[0] < 10
        assert max(took_s[1:]) < 1
        assert len(book.open_alerts()) == 6
        store.close()


class Line:
    """A TCP line to the server that can fall silent."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._target, self._silent, self._ends = port, False, []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> "Line":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()
        for thread in self._threads:
            thread.join(10)

    def go_silent(self) -> None:
        """Cut what is open; from now on connections are taken and never answered."""
        self._silent = True
        self._hang_up()

    def _hang_up(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                if not self._silent:
                    far = socket.create_connection(("127.0.0.1", self._target))
                    self._ends.append(far)
                    for pair in ((near, far), (far, near)):
                        self._threads.append(threading.Thread(target=self._carry, args=pair))
                        self._threads[-1].start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)


@pytest.mark.fault("F33")
@pytest.mark.parametrize("fault", ["nobody there", "wrong password", "no such database"])
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    tmp_path, postgres, free_port, fault
):
    """F33: the service runs from memory, and says so."""
    address = {
        "nobody there": postgres.url("fakewatch").replace(str(postgres.port), str(free_port)),
        "wrong password": postgres.url("fakewatch", "canary-guess"),
        "no such database": postgres.url("elsewhere"),
    }[fault]
    store = Store(tmp_path, SecretUrl(address))
    assert "nothing is kept on disk" in store.problem
    assert "127.0.0.1" in store.problem
    assert not any(word in store.problem for word in (PASSWORD, "canary"))
    assert store.read("SELECT * FROM alert") == []
    store.close()


@pytest.mark.fault("F33")
def test_a_server_that_only_lets_read_is_refused_at_the_start(tmp_path, postgres):
    url = postgres.schema(tmp_path)
    with postgres.connect() as connection:
        connection.execute("ALTER DATABASE fakewatch SET default_transaction_read_only = on")
        try:
            store = Store(tmp_path, url)
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER DATABASE fakewatch RESET default_transaction_read_only")
    assert "read-only" in store.problem
    store.close()


def test_a_command_beside_the_service_adds_users_that_it_sees(desk, tmp_path):
    beside = SideStore(tmp_path / "another", database_url_of(tmp_path))
    assert beside.problem is None
    seen = Accounts(desk.store, tmp_path)
    assert not seen.have_been
    Accounts(beside, tmp_path / "another").add("ada", Role.ADMIN, None, "canary-of-a-password")
    beside.close()
    seen.reload()
    assert list(seen.users) == ["ada"]
    seen.users = {}
    assert seen.have_been, "a database that is away later opens the service to nobody"


def test_the_command_finds_the_database_in_the_services_file(
    desk, tmp_path, postgres, monkeypatch, capsys
):
    """The file holds no password; the environment's may hold any character."""
    options = database_url_of(tmp_path).get_secret_value().partition("?")[2]
    file = tmp_path / "fakewatch.toml"
    file.write_text(
        f'[storage]\npath = "{tmp_path}"\ndatabase_url = "postgresql://fakewatch:'
        f'${{DATABASE_PASSWORD}}@127.0.0.1:{postgres.port}/fakewatch?{options}"\n'
    )
    monkeypatch.setenv("DATABASE_PASSWORD", PASSWORD)
    monkeypatch.setattr("sys.stdin", io.StringIO("canary-of-a-password\n"))
    assert main(["users", "--config", str(file), "add", "ada"]) == 0
    assert main(["users", "--config", str(file), "list"]) == 0
    assert "ada" in capsys.readouterr().out
    assert list(Accounts(desk.store, tmp_path).users) == ["ada"]


@pytest.mark.parametrize(
    "url",
    ["mysql://u:canary-p@h/d", "postgresql://u:canary-p@h", "postgresql://u:canary/pass@h:5432/d"],
)
def test_what_is_no_address_of_postgresql_is_refused_without_quoting_it(url):
    with pytest.raises(ValidationError) as caught:
        StorageSettings(database_url=SecretUrl(url))
    text = " ".join(fault["msg"] for fault in caught.value.errors())
    assert "postgresql://user:password@host/database" in text
    assert "canary" not in text


def test_the_address_is_shown_without_its_password():
    settings = StorageSettings(database_url=SecretUrl("postgresql://u:canary-shown@h/d"))
    assert "canary" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert "@h/d" in settings.model_dump_json()
