"""`fakewatch serve`: the service with its page."""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import threading
import webbrowser
from importlib.metadata import version
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from pipeline.errors import SettingsError
from stream_server.app import build_app
from stream_server.auth.access import Access
from stream_server.auth.opening import how_to_enter
from stream_server.configuration import Configuration, read_at_start
from stream_server.loading import load_models_for
from stream_server.logs import configure_logs
from stream_server.plugins import build
from stream_server.settings import ServerSettings
from stream_server.settings_file import SettingsReader
from stream_server.tls import is_tls
from stream_server.wiring import Wiring

_EPILOG = """\
examples:
  fakewatch serve                          http://127.0.0.1:8080, no configuration needed
  fakewatch serve --open                   and open it in the browser
  fakewatch serve --config fakewatch.toml  see config.example.toml for every setting
  fakewatch serve --classifier own         with a model that fakewatch export made
  fakewatch serve --keep-alive             and start it again should it ever crash; streams go on
                                           with their alerts and the newest seconds of evidence
  fakewatch serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
                                           for other machines too; without users and without a
                                           token it makes one and says in which file

exit codes:
  0  stopped by SIGTERM or Ctrl+C
  2  the settings or a model cannot be used, or the port is taken

signals:
  SIGHUP  read the settings anew; so does POST /api/config/reload, and so does a changed file
"""
_STUCK_CLIENT_MS = 30_000
"""A client that acknowledges nothing for so long is cut off by the kernel."""
_CLOSING_S = 15.0
"""Of the drain time, so much is left for streams, sessions and deliveries."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "serve",
        help="start the service and its page",
        description="Start the service and its page.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8080)")
    parser.add_argument(
        "--classifier", metavar="NAME", help="model that judges (see fakewatch models)"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate, for HTTPS")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    parser.add_argument(
        "--keep-alive", action="store_true", help="start the service again should it die"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument(
        "--check",
        action="store_true",
        help="check settings and models, print what would be in force, then stop",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl+C."""
    if args.keep_alive and not args.check:
        _become_keeper()
    names = ("host", "port", "tls_cert", "tls_key")
    flags = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    sections = {"server": flags} if flags else {}
    if args.classifier:
        sections["models"] = {"classifier": args.classifier}
    configuration = read_at_start(SettingsReader(args.config, sections or None))
    settings = configuration.settings
    configure_logs(settings.server.log_level)
    scheme = "https" if is_tls(settings.server) else "http"
    if args.check:
        return _check(configuration)
    listener = _listen(settings.server)
    app = build_app(settings, configuration=configuration)
    url = _url(scheme, settings.server, listener)
    server = Server(_uvicorn_config(app, settings.server), app, url, open_page=args.open)
    # uvicorn raises the signal again once it has stopped: then it has been dealt with.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _become_keeper() -> None:
    """Turn into the small process that runs the service as its child."""
    given = [argument for argument in sys.argv[2:] if not argument.startswith("--k")]
    command = [sys.executable, "-m", "stream_server.keep_alive", *given]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - itself, by its own path


def _check(configuration: Configuration) -> int:
    """Try all that a start needs, but neither the port nor the storage; show the settings.

    Raises:
        FakewatchError: it cannot be used.
    """
    settings = configuration.settings
    load_models_for(settings.models, settings.calibration)
    for sink in settings.sinks:
        build(sink)
    for setting in configuration.effective():
        value = json.dumps(setting.value, ensure_ascii=False)
        sys.stdout.write(f"{setting.path} = {value}  # {setting.origin}, {setting.reload}\n")
    sys.stderr.write("The settings and the models are fine.\n")
    return 0


class Server(uvicorn.Server):
    """uvicorn, with a greeting at the start and a farewell to live connections at the end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, url: str, *, open_page: bool) -> None:
        super().__init__(config)
        self._wiring: Wiring = app.state.wiring
        self._access: Access = app.state.access
        self._url = url
        self._open_page = open_page
        self._reloads: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, and say so."""
        await super().startup(sockets)
        if not self.started:
            return
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        sys.stderr.write(_banner(self._wiring, self._access, self._url))
        sys.stderr.flush()
        if self._open_page and _has_screen():
            threading.Thread(target=webbrowser.open, args=(self._url,), daemon=True).start()

    def _reload(self) -> None:
        task = asyncio.create_task(self._wiring.reloader.try_reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live connections first: they would otherwise never finish by themselves."""
        limit = threading.Timer(self._wiring.settings.server.drain_s, _give_up)
        limit.daemon = True
        limit.start()
        self._wiring.drain()
        await super().shutdown(sockets)


def _give_up() -> None:
    """Leave although something hangs: a library's read cannot be interrupted."""
    structlog.get_logger("fakewatch.serve").error("shutdown_timed_out")
    os._exit(1)


def _listen(settings: ServerSettings) -> socket.socket:
    """Take the port before anything slow is done.

    Raises:
        SettingsError: there is no such address here, or another program has the port.
    """
    place = f"{settings.host}:{settings.port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_CLIENT_MS)
        listener.bind(address)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {place}: {error.strerror or error}. Choose another --port or --host."
        ) from error
    return listener


def _uvicorn_config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=max(1, round(settings.drain_s - _CLOSING_S)),
    )


def _url(scheme: str, settings: ServerSettings, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    host = settings.host if ":" not in settings.host else f"[{settings.host}]"
    if settings.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = socket.gethostname()
    return f"{scheme}://{host}:{port}"


def _banner(wiring: Wiring, access: Access, url: str) -> str:
    lines = [
        "",
        f"  fakewatch {version('fakewatch')} is running: open {url}",
        f"  model     {wiring.models.classifier.card.fingerprint} on {wiring.models.provider}",
        f"  storage   {wiring.settings.storage.path}",
        f"  access    {how_to_enter(access, wiring.settings.storage.path)}",
    ]
    if wiring.store.problem is not None:
        lines.append(f"  warning   {wiring.store.problem}")
    return "\n".join([*lines, "  stop      Ctrl+C", "", ""])


def _has_screen() -> bool:
    """Whether a browser can show itself: a text browser would take over this terminal."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
