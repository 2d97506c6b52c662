"""A UDP path between two peers that loses, delays and reorders packets when it is told to."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_CANDIDATE = re.compile(r"^a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ host.*$", re.MULTILINE)
_MEDIA_BYTES = 200
"""Smaller packets set the connection up and keep it alive; they are left alone."""


class LossyPath:
    """Stands in the media's way; `loss_prob` and `jitter_s` may change at any time."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.loss_prob = 0.0
        self.jitter_s = 0.0
        self.duplicate_prob = 0.0
        self.lost = 0
        self.passed = 0
        self._server = server
        self._client: tuple[str, int] | None = None
        self._random = random.Random(1)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        """Remember where to send from."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing is kept."""

    def error_received(self, error: Exception) -> None:
        """An end that has gone is no business of the path."""

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        """Pass a packet on, or not."""
        if sender == self._server:
            if self._client is not None:
                self._send(data, self._client)
            return
        self._client = sender
        if len(data) < _MEDIA_BYTES:
            self._send(data, self._server)
            return
        if self._random.random() < self.loss_prob:
            self.lost += 1
            return
        self.passed += 1
        copies = 2 if self._random.random() < self.duplicate_prob else 1
        for _ in range(copies):
            delay_s = self._random.uniform(0, self.jitter_s)
            asyncio.get_running_loop().call_later(delay_s, self._send, data, self._server)

    def _send(self, data: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)


def without_candidates(offer: str) -> str:
    """Hide the sender's addresses, so that only the path leads to it."""
    return "".join(
        line for line in offer.splitlines(keepends=True) if not line.startswith("a=candidate")
    )


@asynccontextmanager
async def lossy_path(answer: str) -> AsyncIterator[tuple[LossyPath, str]]:
    """Put a path in front of the receiver; yields it and the answer that leads through it."""
    hosts = [(host, int(port)) for host, port in _CANDIDATE.findall(answer) if ":" not in host]
    path = LossyPath(hosts[0])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: path, local_addr=(hosts[0][0], 0))
    host, port = transport.get_extra_info("sockname")[:2]
    line = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host"
    rewritten, first = [], True
    for kept in answer.splitlines():
        if not kept.startswith("a=candidate"):
            rewritten.append(kept)
            first = first or kept.startswith("m=")
        elif first:
            rewritten.append(line)
            first = False
    try:
        yield path, "\r\n".join(rewritten) + "\r\n"
    finally:
        transport.close()
