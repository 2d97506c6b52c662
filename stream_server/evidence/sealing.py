"""Facts as canonical JSON, with an Ed25519 signature (RFC 8032) where there is a key."""

import hashlib
import json
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipeline.errors import SettingsError

_FIELD = "signature"


class Signature(Enum):
    """What a signature says."""

    NONE = "none"
    GOOD = "good"
    """Made with the key that it names; whose key that is must be known from elsewhere."""
    INVALID = "invalid"


class Key:
    """The service's own signing key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = raw.hex()
        """64 hex digits, for whoever verifies."""

    def sign(self, data: bytes) -> str:
        """128 hex digits."""
        return self._private.sign(data).hex()


def own_key(path: Path) -> Key:
    """Read the key, or make it at its first use; only the service's user can read the file.

    Raises:
        SettingsError: the file can be neither read nor written, or holds something else.
    """
    try:
        if not path.exists():
            _make_key(path)
        private = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"The key {path} that signs evidence cannot be used: {error}."
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsError(f"The key {path} that signs evidence is no Ed25519 key.")
    return Key(private)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    fresh = path.with_name(f".new-{path.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def seal(facts: Mapping[str, Any], key: Key | None) -> bytes:
    """Write facts down, in one way only, and sign them."""
    if key is None:
        return _canonical(facts)
    signature = {"algorithm": "Ed25519", "key": key.public, "value": key.sign(_canonical(facts))}
    return _canonical({**facts, _FIELD: signature})


def unseal(data: bytes) -> tuple[dict[str, Any], Signature, str | None]:
    """Read what `seal` wrote: the facts, what its signature says, and the public key it names.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        facts = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(facts, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - one error for all that is not ours
    if _FIELD not in facts:
        return facts, Signature.NONE, None
    given = facts.pop(_FIELD)
    try:
        key, value = str(given["key"]), bytes.fromhex(given["value"])
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(value, _canonical(facts))
    except (InvalidSignature, ValueError, TypeError, LookupError, RecursionError):
        return facts, Signature.INVALID, None
    return facts, Signature.GOOD, key


def digest(data: bytes) -> str:
    """SHA-256, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _canonical(facts: Mapping[str, Any]) -> bytes:
    text = json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"
