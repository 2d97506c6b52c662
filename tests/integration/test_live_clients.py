"""Slow and sleepy clients of the live results: they cost the others nothing."""

import socket
import statistics
import time
from dataclasses import replace

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pipeline.types import Analysis, Box, Quality, Reading, Reason, State, StreamId, TrackId
from stream_server.live import LiveAnalysis
from stream_server.settings import ServerSettings
from tests.needs import find_free_port, wait_until
from tests.served import served

QUALITY = Quality(120, 50, 0.5, 0.0, damaged=False, usable=True, reason=None)
FAT = Reading(
    TrackId(1), Box(0, 0, 9, 9), State.CLEAR, QUALITY, None, None, None, None,
    (Reason("classifier", 1.0, "x" * 200_000),), 0.0,
)  # fmt: skip


def fat_analysis(stream, index):
    """An analysis of 200 kB: socket buffers are full after a few."""
    stream_id = StreamId(stream)
    result = Analysis(stream_id, 1, index, index / 10, 640, 480, (FAT,), ())
    return LiveAnalysis(stream_id, result, age_ms=1.0, received_at_ms=0.0)


@pytest.fixture
def service(tmp_path):
    with served(tmp_path) as service:
        yield service


def live(service, **options):
    return connect(service.address.replace("http", "ws") + "/api/live", **options)


def clients(service, kind="ws"):
    return service.wiring.metrics.registry.get_sample_value("fakewatch_ws_clients", {"kind": kind})


def open_without_reading(service):
    """Shake hands for a WebSocket, and read nothing any more."""
    port = service.wiring.settings.server.port
    sleeper = socket.socket()
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sleeper.connect(("127.0.0.1", port))
    sleeper.sendall(
        f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert sleeper.recv(12) == b"HTTP/1.1 101"
    return sleeper


def reads_close_frame(sleeper, code):
    """Wake up: read what waits, and find that it ends with a close frame of this code."""
    frame = b"\x88\x02" + code.to_bytes(2, "big")
    sleeper.settimeout(20)
    tail = b""
    while not tail.endswith(frame) and (more := sleeper.recv(1 << 20)):
        tail = (tail + more)[-len(frame) :]
    return tail == frame


@pytest.mark.fault("F34")
def test_a_client_that_does_not_read_is_closed_and_others_do_not_notice(service):
    """F34: latest only, then 1013; what the others get stays fresh."""
    with open_without_reading(service) as sleeper, live(service) as reader:
        wait_until(lambda: clients(service) == 2, 10, "both clients")
        delays_s, index = [], 0
        deadline_s = time.monotonic() + 30
        while clients(service) == 2 and time.monotonic() < deadline_s:
            index += 1
            sent_s = time.monotonic()
            service.wiring.hub.publish(fat_analysis("cam", index))
            reader.recv(timeout=10)
            delays_s.append(time.monotonic() - sent_s)
        assert statistics.quantiles(delays_s, n=100)[98] < 0.5
        dropped = service.wiring.metrics.registry.get_sample_value("fakewatch_ws_dropped_total")
        assert dropped == 1
        assert reads_close_frame(sleeper, 1013)


def drain(client):
    while True:
        client.recv(timeout=20)


@pytest.mark.fault("F34")
def test_a_slow_client_gets_the_newest_result_when_it_is_ready(service):
    with live(service) as client:
        wait_until(lambda: clients(service) == 1, 10, "the client")
        for index in range(500):
            service.wiring.hub.publish(replace(fat_analysis("cam", index)))
        wait_until(lambda: '"frame_index":499,' in client.recv(timeout=10), 20, "the newest")


def test_a_client_that_leaves_is_forgotten(service):
    for _ in range(3):
        with live(service):
            pass
    wait_until(lambda: clients(service) == 0, 10, "no client")


def test_going_down_ends_live_connections_as_a_restart(service):
    with live(service) as client:
        wait_until(lambda: clients(service) == 1, 10, "the client")
        loop = service.wiring.hub._loop
        loop.call_soon_threadsafe(service.wiring.drain)
        with pytest.raises(ConnectionClosed) as caught:
            drain(client)
    assert caught.value.rcvd.code == 1012


def test_live_connections_have_a_limit(tmp_path):
    settings = ServerSettings(port=find_free_port(), max_clients=2)
    with served(tmp_path, server=settings) as service, live(service), live(service):
        wait_until(lambda: clients(service) == 2, 10, "two clients")
        with live(service) as third, pytest.raises(ConnectionClosed) as caught:
            third.recv(timeout=10)
        assert caught.value.rcvd.code == 1013
        answer = httpx.get(f"{service.address}/api/events")
        assert (answer.status_code, answer.json()["code"]) == (503, "no_capacity")
