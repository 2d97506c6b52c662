"""How often somebody may be wrong about who they are: per address and per name."""

from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

ADDRESS_BURST, ADDRESS_EVERY_S = 10.0, 10.0
NAME_BURST, NAME_EVERY_S = 20.0, 10.0
"""A name has more, so that nobody is locked out by one stranger's address."""
_MAX_KEYS = 4096
"""Kept; beyond it whoever was quiet for longest is forgotten."""


@dataclass(slots=True)
class _Failures:
    count: float
    at_s: float


@dataclass(slots=True)
class FailureRate:
    """Counts wrong tries; each is forgiven after a while. Times are seconds of any steady clock."""

    burst: float
    every_s: float
    _seen: OrderedDict[str, _Failures] = field(default_factory=OrderedDict)

    def wait_s(self, key: str, now_s: float) -> float:
        """Say how long this one has to wait before the next try; 0 when not at all."""
        seen = self._seen.get(key)
        if seen is None:
            return 0.0
        surplus = self._left(seen, now_s) - (self.burst - 1)
        return max(0.0, surplus * self.every_s)

    def fail(self, key: str, now_s: float) -> None:
        """Count a wrong try."""
        seen = self._seen.setdefault(key, _Failures(0.0, now_s))
        self._seen.move_to_end(key)
        while len(self._seen) > _MAX_KEYS:
            self._seen.popitem(last=False)
        seen.count, seen.at_s = self._left(seen, now_s) + 1, now_s

    def forgive(self, key: str) -> None:
        """Forget all wrong tries: the right one has come."""
        self._seen.pop(key, None)

    def take_back(self, key: str) -> None:
        """Uncount the newest wrong try: it was none."""
        seen = self._seen.get(key)
        if seen is not None:
            seen.count = max(0.0, seen.count - 1)

    def __len__(self) -> int:
        return len(self._seen)

    def _left(self, seen: _Failures, now_s: float) -> float:
        return max(0.0, seen.count - (now_s - seen.at_s) / self.every_s)


class SignInRate:
    """Both limits in one place."""

    def __init__(self) -> None:
        self._addresses = FailureRate(ADDRESS_BURST, ADDRESS_EVERY_S)
        self._names = FailureRate(NAME_BURST, NAME_EVERY_S)

    def wait_s(self, address: str, name: str | None, now_s: float) -> float:
        """Say how long to wait; a token is tried under no name."""
        wait_s = self._addresses.wait_s(network_of(address), now_s)
        return max(wait_s, self._names.wait_s(name, now_s)) if name else wait_s

    def fail(self, address: str, name: str | None, now_s: float) -> None:
        """Count a wrong try."""
        self._addresses.fail(network_of(address), now_s)
        if name:
            self._names.fail(name, now_s)

    def succeed(self, address: str, name: str) -> None:
        """Take back the address's newest wrong try, and forget the name's.

        The address's others stay: whoever knows one password may guess at another name's.
        """
        self._addresses.take_back(network_of(address))
        self._names.forgive(name)


def network_of(address: str) -> str:
    """An address as the limits count it: of IPv6 the /64, since a home has that many."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
