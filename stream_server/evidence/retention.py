"""Which bundles have to go: too old, or too many bytes. Pinned ones stay, and count for nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from stream_server.evidence.links import Entry


def expired(
    entries: Sequence[Entry], now: datetime, keep: timedelta, keep_bytes: int
) -> list[tuple[Entry, str]]:
    """Bundles to delete with the reason, "age" or "bytes"; `entries` are oldest first."""
    free = [entry for entry in entries if not entry.pinned]
    old = [entry for entry in free if now - entry.made_at > keep]
    young = [entry for entry in free if now - entry.made_at <= keep]
    going = [(entry, "age") for entry in old]
    total = sum(entry.size_bytes for entry in young)
    for entry in young:
        if total <= keep_bytes:
            break
        going.append((entry, "bytes"))
        total -= entry.size_bytes
    return going
