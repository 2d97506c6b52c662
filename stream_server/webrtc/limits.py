"""How much WebRTC a stranger may ask for: offers a second and sessions at once."""

from collections import OrderedDict
from dataclasses import dataclass, field

from pipeline.errors import FakewatchError

_MAX_ADDRESSES = 1024
"""Buckets kept; beyond it the address that was quiet for longest is forgotten."""


class OfferError(FakewatchError):
    """An offer is not taken; `status` is the HTTP answer, `result` the word for the metric."""

    def __init__(
        self, status: int, result: str, message: str, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.result = result
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


@dataclass(slots=True)
class OfferRate:
    """A token bucket an address: a burst is fine, a flood is not."""

    burst: float = 12.0
    per_s: float = 1.0
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def take(self, address: str, now_s: float) -> bool:
        """Spend one offer of this address; False when it has none left."""
        bucket = self._buckets.setdefault(address, _Bucket(self.burst, now_s))
        self._buckets.move_to_end(address)
        while len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self.burst, bucket.tokens + (now_s - bucket.at_s) * self.per_s)
        bucket.at_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
