"""Time-limited TURN credentials by a shared secret, as coturn's `use-auth-secret` takes them.

draft-uberti-behave-turn-rest-00: the user name is `expiry:user`, the password is the base64 of
its HMAC-SHA1 by the secret.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

VALID_S = 12 * 3600
"""Longer than a session of the page: a TURN server asks again while it relays."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that the operator configured."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    """Shared with the server; then name and password are made for each use."""

    def login(self, user: str, now_s: float) -> tuple[str | None, str | None]:
        """Give (user name, password) for somebody who connects now, in Unix seconds."""
        if self.secret is None:
            return self.username, self.credential
        return turn_credential(self.secret, self.username or user, int(now_s) + VALID_S)


def turn_credential(secret: str, user: str, expires_s: int) -> tuple[str, str]:
    """Make (user name, password), good until this Unix time in seconds."""
    username = f"{expires_s}:{user}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(mac.digest()).decode()
