"""Removes secrets from text before anybody sees it."""

import re
import threading
from urllib.parse import quote, unquote

MASK = "***"
_SHORTEST_SECRET = 4

# Up to the last "@" of the word: cameras' passwords contain "@", "/", "?" and "#" unescaped.
_USER_INFO = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*://)[^\s'\"<>]*@")
_QUERY_SECRET = re.compile(
    r"([?&;](?:[a-z_\-]*(?:token|key|auth|passw(?:or)?d|passphrase|pass|pwd|secret|sig|signature"
    r"|streamid|user|usr|login)))=[^&;\s'\"<>]*",
    re.IGNORECASE,
)

_lock = threading.Lock()
_secrets: tuple[str, ...] = ()


def register_secret(secret: str) -> None:
    """Make `redact` mask this string, and its URL-escaped and -unescaped forms, from now on.

    Strings under four characters are ignored: masking every "1" would destroy the text.
    """
    global _secrets  # noqa: PLW0603 - one registry a process is the point
    forms = {secret, unquote(secret), quote(secret, safe="")}
    with _lock:
        known = forms.union(_secrets)
        # Longest first, so that a secret that contains another one goes whole.
        _secrets = tuple(
            sorted((s for s in known if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
        )


def redact(text: str) -> str:
    """Mask URL credentials, secret-looking query values and every registered secret."""
    text = _USER_INFO.sub(rf"\1{MASK}@", text)
    text = _QUERY_SECRET.sub(rf"\1={MASK}", text)
    for secret in _secrets:
        text = text.replace(secret, MASK)
    return text
