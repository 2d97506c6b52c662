"""The way down and the refused start: exit codes, sentences, nothing lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.needs import find_free_port, wait_until
from tests.service import ServiceProcess, toy_models

STREAMS = "".join(
    f'[[streams]]\nid = "s{n}"\nname = "S"\nsource = {{ type = "synthetic", fps = 5 }}\n'
    for n in range(3)
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return toy_models(tmp_path_factory.mktemp("models"))


@pytest.mark.fault("F42")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_under_load_it_leaves_in_time_and_says_goodbye(models, tmp_path, how):
    """F42: clients are told, open alerts are closed and delivered, the exit code is 0."""
    archive = tmp_path / "alerts.jsonl"
    sinks = f'[[sinks]]\ntype = "jsonl"\npath = "{archive}"\n'
    service = ServiceProcess(tmp_path, models, sinks + STREAMS)
    service.wait_until_up()
    wait_until(lambda: service.client.get("/api/alerts").json(), 40, "an alert")
    lines: list[str] = []
    reader = threading.Thread(target=read_events, args=(service.url, lines))
    reader.start()
    listening = 'fakewatch_ws_clients{kind="sse"} 1.0'
    wait_until(lambda: listening in service.client.get("/metrics").text, 20, "the event stream")
    with connect(f"ws://127.0.0.1:{service.port}/api/live") as live:
        live.recv(timeout=20)
        started_s = time.monotonic()
        assert service.end(how) == 0
        took_s = time.monotonic() - started_s
        with pytest.raises(ConnectionClosed) as caught:
            drain(live)
    assert caught.value.rcvd.code == 1012
    assert took_s < 30
    reader.join(10)
    assert not reader.is_alive(), "the event stream ended too"
    told = [json.loads(line)["alert"] for line in archive.read_text().splitlines()]
    opened = {alert["alert_id"] for alert in told if alert["phase"] == "opened"}
    closed = {alert["alert_id"] for alert in told if alert["phase"] == "closed"}
    assert opened == closed != set()
    assert "Traceback" not in service.output()
    assert '"event": "service_stopped"' in service.output()


@pytest.mark.fault("F42")
def test_cameras_that_hang_do_not_delay_the_way_down(models, tmp_path):
    """Twelve readers wait in a network read that nothing can interrupt."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hung:
        port = hung.getsockname()[1]
        cameras = "".join(
            f'[[streams]]\nid = "h{n}"\nname = "Hung"\n'
            f'source = {{ type = "av", url = "rtsp://127.0.0.1:{port}/", open_timeout_s = 20 }}\n'
            for n in range(12)
        )
        service = ServiceProcess(tmp_path, models, cameras)
        service.wait_until_up()
        started_s = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - started_s < 20


def read_events(url, lines):
    with httpx.stream("GET", f"{url}/api/events", timeout=60) as answer:
        lines.extend(answer.iter_lines())


def drain(client):
    while True:
        client.recv(timeout=20)


def serve(*arguments, environment=None, config=None, tmp_path=None):
    """Start and expect it to end by itself."""
    command = [sys.executable, "-m", "stream_server.cli", "serve", *arguments]
    if config is not None:
        (tmp_path / "config.toml").write_text(config)
        command += ["--config", str(tmp_path / "config.toml")]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def assert_refused(done, sentence):
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.fault("F40")
def test_an_unknown_setting_is_refused_in_one_sentence(tmp_path):
    done = serve(config="[server]\nprot = 1\n", tmp_path=tmp_path)
    assert_refused(done, "server.prot: unknown key")


def test_an_open_host_whose_first_token_cannot_be_kept_is_refused(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "FAKEWATCH_STORAGE__PATH": str(tmp_path / "file" / "data")}
    done = serve("--host", "::", "--port", "0", environment=environment)
    assert_refused(done, "FAKEWATCH_AUTH__TOKEN")


def test_a_certificate_without_its_key_is_refused(tmp_path):
    assert_refused(serve("--tls-cert", str(tmp_path / "cert.pem")), "server.tls_key")


def test_a_taken_port_is_refused(models, tmp_path):
    service = ServiceProcess(tmp_path, models)
    service.wait_until_up()
    try:
        assert_refused(serve("--port", str(service.port)), "Choose another --port")
    finally:
        assert service.end() == 0


@pytest.mark.fault("F20")
def test_an_altered_model_is_refused(models, tmp_path):
    """F20."""
    altered = tmp_path / "models"
    altered.mkdir()
    for path in models.iterdir():
        (altered / path.name).write_bytes(path.read_bytes() + b"\n" * (path.suffix == ".onnx"))
    done = serve(
        "--port",
        str(find_free_port()),
        config=f'[models]\ndirectory = "{altered}"\nclassifier = "toy"\n'
        f'[storage]\npath = "{tmp_path / "data"}"\n',
        tmp_path=tmp_path,
    )
    assert_refused(done, "SHA-256")


def test_a_check_says_that_all_is_fine_and_stops(models, tmp_path):
    done = serve(
        "--check",
        "--port",
        str(find_free_port()),
        config=f'[models]\ndirectory = "{models}"\nclassifier = "toy"\n'
        f'[storage]\npath = "{tmp_path / "data"}"\n',
        tmp_path=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "The settings and the models are fine.\n")
