"""The newest encoded packets of one connection, in whole groups that begin with a keyframe."""

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One packet of encoded video, its bytes our own."""

    data: bytes
    pts: int | None
    dts: int | None
    """In the time base of the connection."""
    is_keyframe: bool
    received_s: float
    """By the monotonic clock."""


class PacketRing:
    """Keeps `keep_s` seconds of packets in at most `max_bytes`; safe between two threads.

    Whole groups are let go, oldest first: what is left always begins with a keyframe, so that it
    can be decoded. A group that alone is too large goes as a whole.
    """

    def __init__(self, keep_s: float, max_bytes: int) -> None:
        self._keep_s, self._max_bytes = keep_s, max_bytes
        self._groups: deque[list[EncodedPacket]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Bytes of packets held now."""
        return self._bytes

    def add(self, packet: EncodedPacket) -> None:
        """Append the newest packet; times must not go back."""
        with self._lock:
            if packet.is_keyframe:
                self._groups.append([])
            if not self._groups:
                return
            self._groups[-1].append(packet)
            self._bytes += len(packet.data)
            self._trim(packet.received_s - self._keep_s)

    def cut(self, since_s: float, until_s: float) -> tuple[EncodedPacket, ...]:
        """Give the packets from the last keyframe at or before `since_s` on, until `until_s`.

        Where nothing so old is held any more, from the oldest keyframe on.
        """
        with self._lock:
            begun = [g for g in self._groups if g[0].received_s <= since_s]
            skipped = max(0, len(begun) - 1)
            groups = list(self._groups)[skipped:]
            return tuple(p for group in groups for p in group if p.received_s <= until_s)

    def _trim(self, since_s: float) -> None:
        while self._groups and (
            self._bytes > self._max_bytes
            or (len(self._groups) > 1 and self._groups[1][0].received_s <= since_s)
        ):
            self._bytes -= sum(len(packet.data) for packet in self._groups.popleft())
