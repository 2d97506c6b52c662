"""Passwords and tokens: made, hashed with argon2id (RFC 9106), and compared."""

import functools
import hashlib
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_PASSWORD, MAX_PASSWORD = 12, 1024
_HASHER = PasswordHasher()
_AT_ONCE = threading.Semaphore(2)
"""Each hash takes 64 MiB: a flood of sign-ins must not take the machine's memory."""


@functools.cache
def _nobodys() -> str:
    """What nobody's password hashes to; made when it is first asked for, not at every start."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def hashed(secret: str) -> str:
    """Hash a password or a token; takes a tenth of a second and 64 MiB."""
    with _AT_ONCE:
        return _HASHER.hash(secret)


def matches(stored: str | None, given: str) -> bool:
    """Compare; None, for nobody's, takes just as long and is never right."""
    with _AT_ONCE:
        try:
            right = _HASHER.verify(stored or _nobodys(), given[:MAX_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def new_token() -> tuple[str, str]:
    """Make (id, whole token); the id stands in the token, so that its hash is found."""
    token_id = secrets.token_hex(6)
    return token_id, f"fw_{token_id}_{secrets.token_urlsafe(32)}"


def id_in(token: str) -> str:
    """Read the id out of a token; empty where it is none of ours."""
    parts = token.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "fw" else ""


def digest(secret: str) -> str:
    """A quick fingerprint of what is random and long, to look it up without keeping it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
