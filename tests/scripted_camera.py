"""An RTSP camera in pure Python that misbehaves as told: for faults no real server offers."""

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType

import av
from av.video.codeccontext import VideoCodecContext

from pipeline.types import Image

SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=scripted\r
t=0 0\r
a=control:*\r
m={media} 0 RTP/AVP 96\r
a=rtpmap:96 {codec}\r
a=control:track0\r
"""
H264_SDP = SDP.format(media="video", codec="H264/90000\r\na=fmtp:96 packetization-mode=1")
AUDIO_SDP = SDP.format(media="audio", codec="L16/44100/2")
UNKNOWN_CODEC_SDP = SDP.format(media="video", codec="X-NOBODY-KNOWS/90000")

_CHUNK = 1200


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture in Annex B form."""

    data: bytes
    is_key: bool


def encode(images: Iterable[Image], *, gop: int = 15) -> list[AccessUnit]:
    """H.264 without B-frames, its headers repeated before every keyframe."""
    units: list[AccessUnit] = []
    context: VideoCodecContext | None = None
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = index, Fraction(1, 30)
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            units += _flush(context)
            context = _encoder(frame.width, frame.height, gop)
        units += [AccessUnit(bytes(p), p.is_keyframe) for p in context.encode(frame)]
    return units + _flush(context)


def _encoder(width: int, height: int, gop: int) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"keyint={gop}:scenecut=0:repeat-headers=1:sliced-threads=0:aud=0",
    }
    return context


def _flush(context: VideoCodecContext | None) -> list[AccessUnit]:
    return (
        [] if context is None else [AccessUnit(bytes(p), p.is_keyframe) for p in context.encode()]
    )


@dataclass(frozen=True)
class Script:
    """How the camera behaves. The defaults are a good camera."""

    sdp: str = H264_SDP
    hangs_at: str | None = None
    """An RTSP method that is never answered, for example "DESCRIBE"."""
    fps: float = 30.0
    units_sent: int | None = None
    """After so many pictures nothing more is sent, while the connection stands."""
    pts: Callable[[int], int] = field(default=lambda index: index * 3000)
    """The RTP timestamp (90 kHz) of the picture with this index."""
    mangle: Callable[[list[bytes]], list[bytes]] = field(default=lambda packets: packets)
    """Changes the RTP packets of a picture before they are sent."""


class ScriptedCamera:
    """Serves one looped clip over RTSP, by TCP or UDP, on a free port of 127.0.0.1."""

    def __init__(self, units: Sequence[AccessUnit], script: Script | None = None) -> None:
        self._units, self._script = units, script or Script()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self.connections = 0

    def __enter__(self) -> "ScriptedCamera":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            # Wakes `accept`; closing alone would not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._datagrams.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        lock = threading.Lock()
        with client, contextlib.suppress(OSError):
            send = _interleaved(client, lock)
            for method, headers in _requests(client):
                if method == self._script.hangs_at:
                    self._closing.wait()
                    return
                transport = headers.get("Transport", "")
                if "client_port=" in transport:
                    send = self._udp(int(transport.partition("client_port=")[2].split("-")[0]))
                with lock:
                    client.sendall(self._answer(method, headers).encode())
                if method == "PLAY":
                    player = threading.Thread(target=self._play, args=(send,), daemon=True)
                    self._threads.append(player)
                    player.start()

    def _udp(self, port: int) -> Callable[[bytes], object]:
        return lambda packet: self._datagrams.sendto(packet, ("127.0.0.1", port))

    def _answer(self, method: str, headers: dict[str, str]) -> str:
        body, extra = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = self._script.sdp
            extra = f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\n"
        elif method == "SETUP":
            port = self._datagrams.getsockname()[1]
            asked = headers["Transport"].split(",")[0]
            extra = f"Transport: {asked};server_port={port}-{port + 1}\r\n"
        head = (
            f"RTSP/1.0 200 OK\r\nCSeq: {headers.get('CSeq', 0)}\r\nSession: 1;timeout=60\r\n{extra}"
        )
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"

    def _play(self, send: Callable[[bytes], object]) -> None:
        numbers = itertools.count()
        started_s = time.monotonic()
        with contextlib.suppress(OSError):
            for index, unit in enumerate(itertools.cycle(self._units)):
                sent_all = self._script.units_sent is not None and index >= self._script.units_sent
                due_s = started_s + index / self._script.fps
                if sent_all or self._closing.wait(max(0.0, due_s - time.monotonic())):
                    return
                packets = self._script.mangle(packetise(unit, self._script.pts(index), numbers))
                for packet in packets:
                    send(packet)


def _interleaved(client: socket.socket, lock: threading.Lock) -> Callable[[bytes], object]:
    def send(packet: bytes) -> None:
        with lock:
            client.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)

    return send


def _requests(client: socket.socket) -> Iterator[tuple[str, dict[str, str]]]:
    """(method, headers) of each request; interleaved RTCP from the client is skipped."""
    data = b""
    while True:
        while data[:1] == b"$" and len(data) >= 4:
            data = data[4 + struct.unpack("!H", data[2:4])[0] :]
        if b"\r\n\r\n" in data and data[:1] != b"$":
            head, _, data = data.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            yield lines[0].split()[0], headers
            continue
        received = client.recv(4096)
        if not received:
            return
        data += received


def packetise(unit: AccessUnit, pts: int, numbers: Iterator[int]) -> list[bytes]:
    """RTP packets (RFC 6184, single NAL units and FU-A) of one picture."""
    payloads: list[bytes] = []
    for nal in _nal_units(unit.data):
        if len(nal) <= _CHUNK:
            payloads.append(nal)
            continue
        indicator, kind, body = (nal[0] & 0xE0) | 28, nal[0] & 0x1F, nal[1:]
        pieces = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        for number, piece in enumerate(pieces):
            start, end = number == 0, number == len(pieces) - 1
            payloads.append(bytes([indicator, start << 7 | end << 6 | kind]) + piece)
    last = len(payloads) - 1
    return [
        struct.pack(
            "!BBHII",
            0x80,
            (i == last) << 7 | 96,
            next(numbers) & 0xFFFF,
            pts & 0xFFFFFFFF,
            0x1234,
        )
        + payload
        for i, payload in enumerate(payloads)
    ]


def _nal_units(annex_b: bytes) -> list[bytes]:
    """Split at the start codes (three or four bytes)."""
    parts = annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]
