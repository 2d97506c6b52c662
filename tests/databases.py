"""A real PostgreSQL server for tests, and the address that a test's storage has in it."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream_server.redact import SecretUrl
from stream_server.store import Store
from tests.needs import find_free_port, need, need_package, wait_until

PASSWORD = "canary/p@ss of the?database#1%"
QUOTED = "canary%2Fp%40ss%20of%20the%3Fdatabase%231%25"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=20")


class PostgresServer:
    """A server of its own in a temporary folder, on 127.0.0.1, with one user and a password."""

    def __init__(self, folder: Path) -> None:
        need_package("psycopg")
        self._bin = Path(need("postgres")).resolve().parent
        self._folder = folder
        self._data = folder / "data"
        self.port = find_free_port()
        # PostgreSQL refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", str(self._data), "-U", "fakewatch", "-A", "scram-sha-256",
                  f"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        self.start()
        with self.connect("postgres") as connection:
            connection.execute("CREATE DATABASE fakewatch")

    def url(self, database: str = "postgres", password: str = QUOTED) -> str:
        """The address of one of its databases."""
        return f"postgresql://fakewatch:{password}@127.0.0.1:{self.port}/{database}"

    def schema(self, directory: Path) -> SecretUrl:
        """An address where this directory, and no other, keeps what must last."""
        name = f"of_{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        return SecretUrl(f"{self.url('fakewatch')}?options=-csearch_path%3D{name}")

    def connect(self, database: str = "fakewatch") -> Any:
        """A connection of the tests' own."""
        import psycopg  # an extra, of which `need_package` has made sure

        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{setting}" for setting in _FAST]
        options += [f"-p{self.port}", "-clisten_addresses=127.0.0.1", f"-k{self._folder}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data), *options],
                user=self._user,
                extra_groups=[] if self._user else None,
                cwd=self._folder,
                stderr=log,
            )
        wait_until(self._answers, 60, "PostgreSQL to start")

    def stop(self) -> None:
        """End it at once; who is connected is thrown out."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        command = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / tool), *arguments],
            user=self._user,
            extra_groups=[] if self._user else None,
            cwd=self._folder,
            capture_output=True,
            check=True,
            timeout=120,
        )


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run one until the block ends."""
    with tempfile.TemporaryDirectory(prefix="fakewatch-postgres-") as folder:
        server = PostgresServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


class _Choice:
    """Where the storage of the running test is."""

    server: PostgresServer | None = None


CHOICE = _Choice()


def database_url_of(directory: Path) -> SecretUrl | None:
    """The `storage.database_url` that belongs to a directory in the running test; None: SQLite."""
    return CHOICE.server.schema(directory) if CHOICE.server else None


@contextmanager
def on(server: PostgresServer | None) -> Iterator[None]:
    """Keep everything there until the block ends; None: in SQLite."""
    before, CHOICE.server = CHOICE.server, server
    try:
        yield
    finally:
        CHOICE.server = before


def environment_of(directory: Path) -> dict[str, str]:
    """The same as a variable for a process."""
    url = database_url_of(directory)
    return {"FAKEWATCH_STORAGE__DATABASE_URL": url.get_secret_value()} if url else {}


def store_at(directory: Path) -> Store:
    """The store of a service that keeps its files in this directory."""
    return Store(directory, database_url_of(directory))
