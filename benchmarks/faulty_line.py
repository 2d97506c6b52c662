"""A bad network between an RTSP camera and the service: a TCP relay that misbehaves as told.

The camera stays a real one; the line drops, holds, repeats, flips and reorders its RTP packets
(interleaved, RFC 2326 section 10.12), answers in its place, or is cut. Faults are named after
SERVICE.md: F02 cut, F03 mute, F04 silent, F05 denied, F06 sparse, F07 frozen, F08 flipped,
F09 lossy, F10 disorderly.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import TracebackType

FAULTS = ("cut", "mute", "silent", "denied", "sparse", "frozen", "flipped", "lossy", "disorderly")
_KEY_NALS = frozenset({5, 7, 8})
_SPARSE_S = 3.0
_DENIED = (
    "RTSP/1.0 401 Unauthorized\r\nCSeq: {}\r\n"
    'WWW-Authenticate: Digest realm="line", nonce="0"\r\n\r\n'
)


class FaultyLine:
    """Listens on a free port of 127.0.0.1 and passes everything on to a camera's port.

    `set_fault` may be called at any time and takes effect at once, also on what is connected.
    """

    def __init__(self, camera_port: int, seed: int = 0) -> None:
        self._camera_port = camera_port
        self._chance = random.Random(seed)  # noqa: S311 - reproducible noise
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._fault: str | None = None
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]

    def set_fault(self, fault: str | None) -> None:
        """Misbehave like that from now on; None is a good line."""
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"There is no fault {fault!r}.")
        self._fault = fault
        if fault in ("cut", "mute", "denied"):
            self._cut()

    def __enter__(self) -> "FaultyLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closing.is_set():
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), self._kept(client):
            if self._fault == "cut":
                return
            if self._fault == "mute":
                while self._fault == "mute" and client.recv(4096):
                    continue
                return
            if self._fault == "denied":
                self._deny(client)
                return
            with socket.create_connection(("127.0.0.1", self._camera_port), 5) as camera:
                camera.settimeout(None)
                with self._kept(camera):
                    asking = threading.Thread(target=_copy, args=(client, camera), daemon=True)
                    asking.start()
                    self._pass_on(camera, client)

    @contextlib.contextmanager
    def _kept(self, end: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(end)

    def _deny(self, client: socket.socket) -> None:
        while request := client.recv(4096):
            lines = request.decode(errors="replace").split("\r\n")
            number = next((one[5:].strip() for one in lines if one.startswith("CSeq:")), "1")
            client.sendall(_DENIED.format(number).encode())

    def _pass_on(self, camera: socket.socket, client: socket.socket) -> None:
        picture = _Picture()
        for message in _messages(camera):
            if message[:2] != b"$\0":
                client.sendall(message)
                continue
            for packet in self._spoilt(message[4:], picture):
                client.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _spoilt(self, packet: bytes, picture: "_Picture") -> list[bytes]:
        """What becomes of one RTP packet on this line."""
        fault, chance = self._fault, self._chance
        picture.saw(packet)
        if fault == "silent":
            return []
        if fault == "sparse":
            return [packet] if time.monotonic() % _SPARSE_S < 0.1 else []
        if fault == "frozen":
            return picture.repeated(packet)
        if fault == "flipped" and chance.random() < 0.1:
            return [_flipped(packet, chance)]
        if fault == "lossy" and chance.random() < 0.05:
            return []
        if fault == "disorderly":
            time.sleep(0.2 * chance.random() * (chance.random() < 0.05))
            return picture.disordered(packet, chance)
        return picture.released(packet)


class _Picture:
    """Remembers the newest keyframe's packets and a packet that is held back."""

    def __init__(self) -> None:
        self._key: list[bytes] = []
        self._key_time = b""
        self._held: list[bytes] = []

    def saw(self, packet: bytes) -> None:
        kind = packet[12] & 0x1F
        if kind == 28:  # FU-A: its second byte names what it is a part of (RFC 6184)
            kind = packet[13] & 0x1F
        if kind in _KEY_NALS:
            if packet[4:8] != self._key_time:
                self._key, self._key_time = [], packet[4:8]
            self._key.append(packet)

    def repeated(self, packet: bytes) -> list[bytes]:
        """The old keyframe at the time of each new picture."""
        if not packet[1] & 0x80:  # not the last packet of its picture
            return []
        number = struct.unpack("!H", packet[2:4])[0] - len(self._key) + 1
        return [
            one[:2] + struct.pack("!H", (number + i) & 0xFFFF) + packet[4:8] + one[8:]
            for i, one in enumerate(self._key)
        ]

    def disordered(self, packet: bytes, chance: random.Random) -> list[bytes]:
        if not self._held and chance.random() < 0.1:
            self._held = [packet]
            return []
        twice = [packet] if chance.random() < 0.1 else []
        return [packet, *twice, *self.released(b"")]

    def released(self, packet: bytes) -> list[bytes]:
        held, self._held = self._held, []
        return [*held, packet] if packet else held


def _flipped(packet: bytes, chance: random.Random) -> bytes:
    data = bytearray(packet)
    for _ in range(3 if len(data) > 20 else 0):
        data[chance.randrange(16, len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _messages(camera: socket.socket) -> Iterator[bytes]:
    """Interleaved packets ("$", channel, length, body) and whole RTSP answers."""
    data = b""
    while received := camera.recv(65536):
        data += received
        while size := _size_of_first(data):
            yield data[:size]
            data = data[size:]


def _size_of_first(data: bytes) -> int:
    """Bytes of the first message; 0 while it is not whole."""
    if data[:1] == b"$":
        size = 4 + struct.unpack("!H", data[2:4])[0] if len(data) >= 4 else 1 << 20
    else:
        head, end, _ = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n") if b":" in line)
        size = len(head) + 4 + int(fields.get(b"content-length", b"0")) if end else 1 << 20
    return size if len(data) >= size else 0
