"""Removes secrets from text before anybody sees it."""

import re
import threading
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Secret, SecretStr

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


def _registered(secret: SecretStr) -> SecretStr:
    register_secret(secret.get_secret_value())
    return secret


RegisteredSecret = Annotated[SecretStr, AfterValidator(_registered)]
"""A secret of the settings that `redact` masks from the moment it is read."""


class SecretUrl(Secret[str]):
    """An address that may hold credentials; printed, logged or dumped to JSON it is redacted.

    `get_secret_value()` gives the whole address to the one place that opens it. Making one
    registers its password, so that no library's message can show it either.
    """

    def __init__(self, secret_value: str) -> None:
        super().__init__(secret_value)
        register_url(secret_value)

    def _display(self) -> str:
        return redact(self.get_secret_value())


def register_url(url: str) -> None:
    """Register the password and the secret-looking query values of an address."""
    user_info = _USER_INFO.search(url)
    if user_info:
        user, colon, password = user_info[0].partition("://")[2][:-1].partition(":")
        register_secret(password if colon else user)
    for match in _QUERY_SECRET.finditer(url):
        register_secret(match[0].partition("=")[2])


def restore_credentials(shown: str, stored: str) -> str | None:
    """Put the credentials of `stored` back into an address that was shown redacted.

    The address may have changed in its path or query, but credentials go only to the server that
    they were given for: None when scheme, host or port differ, or when a mask stays unexplained.
    """
    if shown == redact(stored):
        return stored
    marked, old = _USER_INFO.match(shown), _USER_INFO.match(stored)
    if marked and old and _authority(shown, marked) == _authority(stored, old):
        shown = old[0] + shown[marked.end() :]
    return None if MASK in shown else shown


def _authority(url: str, user_info: re.Match[str]) -> tuple[str, str]:
    """(scheme, host:port) in small letters."""
    return user_info[1].lower(), re.split(r"[/?#]", url[user_info.end() :], maxsplit=1)[0].lower()
