import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from stream_server.streams.status import StreamState
from tests.media import write_clip
from tests.needs import find_free_port, need, wait_until
from tests.scripted_camera import ScriptedCamera, encode
from tests.tls_peer import make_certificate, tls_front
from tests.watched_stream import WatchedStream

FPS = 10


def pictures(count: int) -> Iterator[np.ndarray]:
    chance = np.random.default_rng(0)
    squares = chance.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    return (np.roll(squares, 2 * index, axis=1) for index in range(count))


class MotionJpeg(http.server.BaseHTTPRequestHandler):
    """What cheap cameras and phone apps serve: pictures without any times."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        began_s = time.monotonic()
        jpegs = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures(30)]
        for index in range(1000):
            jpeg = jpegs[index % len(jpegs)]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(max(0.0, began_s + index / FPS - time.monotonic()))

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def http_server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_motion_jpeg_over_http_has_the_time_of_its_arrival() -> None:
    with (
        http_server() as port,
        WatchedStream(f"http://127.0.0.1:{port}/video.mjpg", analyse_fps=30) as stream,
    ):
        stream.wait_for_analyses(30)
        frames = stream.analyzer.frames[5:]
    (_, first, first_s, *_), (_, last, last_s, *_) = frames[0], frames[-1]
    assert (last - first) / (last_s - first_s) == pytest.approx(FPS, rel=0.15)


def test_rtmp_is_read_live(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(60))
    url = f"rtmp://127.0.0.1:{find_free_port()}/live/stream"
    command = [need("ffmpeg"), "-v", "quiet", "-re", "-stream_loop", "-1", "-i", str(clip)]
    server = subprocess.Popen([*command, "-c", "copy", "-f", "flv", "-listen", "1", url])
    try:
        with WatchedStream(url) as stream:  # retries until the server listens
            stream.wait_for_analyses(15)
            assert stream.status.fps_decoded > 20
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@contextmanager
def secure_camera(certificate: Path) -> Iterator[str]:
    with ScriptedCamera(encode(pictures(60))) as camera:
        plain_port = urlsplit(camera.url).port
        assert plain_port is not None
        with tls_front(plain_port, certificate) as port:
            yield f"rtsps://127.0.0.1:{port}/live"


def test_a_camera_whose_certificate_nobody_vouches_for_is_not_trusted(certificate: Path) -> None:
    with secure_camera(certificate) as url, WatchedStream(url) as stream:
        wait_until(lambda: stream.status.last_error, 10, "an error")
        assert stream.status.last_error == "tls_failed"
        assert stream.status.frames_received == 0


def test_such_a_camera_is_read_when_that_was_allowed(certificate: Path) -> None:
    with secure_camera(certificate) as url, WatchedStream(url, tls="unverified") as stream:
        stream.wait_for_analyses(10)


@pytest.mark.parametrize("scheme", ["rtsps", "https"])
def test_a_server_without_tls_is_named_as_such(scheme: str) -> None:
    with http_server() as port, WatchedStream(f"{scheme}://127.0.0.1:{port}/x") as stream:
        wait_until(lambda: stream.status.last_error, 10, "an error")
        assert stream.status.last_error == "tls_failed"
        assert stream.status.state is StreamState.CONNECTING


@contextmanager
def srt_server(tmp_path: Path, passphrase: str) -> Iterator[str]:
    clip = write_clip(tmp_path / "clip.mp4", pictures(60))
    address = f"srt://127.0.0.1:{find_free_port()}"
    command = [need("ffmpeg"), "-v", "quiet", "-re", "-stream_loop", "-1", "-i", str(clip)]
    listening = f"{address}?mode=listener&passphrase={passphrase}"
    server = subprocess.Popen([*command, "-c", "copy", "-f", "mpegts", listening])
    try:
        yield address
    finally:
        server.kill()
        server.wait()


def test_srt_is_read_live_and_its_passphrase_is_on_no_command_line(tmp_path: Path) -> None:
    with srt_server(tmp_path, "canary-of-srt") as address:
        ours = WatchedStream(f"{address}?passphrase=canary-of-srt&latency=120000")
        with ours as stream:
            stream.wait_for_analyses(15, 30)
            assert "canary" not in repr(stream.events)
            ours_only = _command_lines_of(os.getpid())
            assert any(b"concat" in line for line in ours_only)
            # The only one that shows it is the test's own server.
            assert sum(b"canary" in line for line in ours_only) == 1
        assert not any(b"concat" in line for line in _command_lines_of(os.getpid()))


def _command_lines_of(parent: int) -> list[bytes]:
    """What `ps` would show of the children of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append((folder / "cmdline").read_bytes())
    return found


def test_a_wrong_passphrase_of_srt_is_a_failed_login(tmp_path: Path) -> None:
    with (
        srt_server(tmp_path, "canary-of-srt") as address,
        WatchedStream(f"{address}?passphrase=wrong-passphrase") as stream,
    ):
        wait_until(lambda: stream.status.last_error in {"auth_failed", "timeout"}, 30, "an error")
        assert "passphrase" not in repr(stream.events)


def test_srt_without_a_server_is_tried_again() -> None:
    with WatchedStream(f"srt://127.0.0.1:{find_free_port()}") as stream:
        wait_until(lambda: stream.status.reconnects, 30, "another try")
        assert stream.status.state is StreamState.CONNECTING
