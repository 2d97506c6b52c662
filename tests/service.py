"""`fakewatch serve` as a process of its own, and a receiver for its webhooks."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.databases import environment_of
from tests.needs import find_free_port, wait_until
from tests.toy_models import constant_classifier, toy_directory

START_S = 60.0
"""Generous: the machine may be busy with the other layers."""


def toy_models(directory: Path, logit: float = 4.0) -> Path:
    """Put the real detector and landmarkers beside a classifier that says the same of all faces."""
    return toy_directory(directory, constant_classifier(directory, logit))


class ServiceProcess:
    """`fakewatch serve` as a user runs it; what it prints is kept."""

    def __init__(
        self,
        directory: Path,
        models: Path,
        toml: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> None:
        """`within`: a command that runs the rest of its line, in other surroundings."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = directory / "data"
        self._outputs = [directory / "stdout", directory / "stderr"]
        config = directory / "fakewatch.toml"
        config.write_text(
            f'[models]\ndirectory = "{models}"\nclassifier = "toy"\n'
            f'[storage]\npath = "{self.data}"\n{toml}',
            encoding="utf-8",
        )
        command = [*within, sys.executable, "-m", "stream_server.cli", "serve"]
        command += ["--config", str(config)]
        command += ["--port", str(self.port), *arguments]
        with self._outputs[0].open("ab") as out, self._outputs[1].open("ab") as err:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=err,
                env={**os.environ, **environment_of(self.data), **(environment or {})},
            )
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=10)

    def wait_until_up(self) -> None:
        """Wait until it answers."""
        wait_until(self._is_up, START_S, f"the service\n{self.output()}")

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended:\n{self.output()}")
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/livez").is_success
        return False

    def output(self) -> str:
        """Everything it printed."""
        return "".join(path.read_text(encoding="utf-8") for path in self._outputs)

    def end(self, how: signal.Signals = signal.SIGTERM, timeout_s: float = 40.0) -> int:
        """Send a signal and wait for the exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def running(
    directory: Path, models: Path, toml: str = "", **facts: object
) -> Iterator[ServiceProcess]:
    """Run the service as a process and end it at the end."""
    service = ServiceProcess(directory, models, toml, **facts)  # type: ignore[arg-type]
    try:
        service.wait_until_up()
        yield service
    finally:
        service.end()


class Receiver:
    """An HTTP server that takes webhooks and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[Mapping[str, str], bytes]] = []
        self.status = 204
        self.location: str | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((headers, body))
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
