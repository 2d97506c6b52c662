"""Which of this machine's addresses are offered to WebRTC peers."""

from contextvars import ContextVar

import aioice.ice

loopback_wanted: ContextVar[bool] = ContextVar("loopback_wanted", default=False)
"""Offer 127.0.0.1 too, in the task that sets this."""

_outside_addresses = aioice.ice.get_host_addresses


def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:  # noqa: FBT001 - aioice's seam
    """List the addresses for ICE, with 127.0.0.1 where it is wanted or the only one.

    aioice leaves the loopback address out, so a machine without a network could not reach its own
    service, and has no setting for it; this replaces its function, here and nowhere else.
    """
    addresses: list[str] = _outside_addresses(use_ipv4, use_ipv6)
    if use_ipv4 and (loopback_wanted.get() or not addresses):
        addresses.append("127.0.0.1")
    return addresses


aioice.ice.get_host_addresses = host_addresses
