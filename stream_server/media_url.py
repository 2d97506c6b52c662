"""Addresses of cameras as people write them, made fit for FFmpeg."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

_DEFAULT_PORTS = {
    "rtsp": 554,
    "rtsps": 322,
    "http": 80,
    "https": 443,
    "rtmp": 1935,
    "rtmps": 443,
}
SCHEMES = frozenset({*_DEFAULT_PORTS, "srt", "file"})
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.\-]*)://(?P<rest>.+)")
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\[\]:/?#@\s]+)(?::(?P<port>\d{1,5}))?")
_ESCAPED = re.compile(r"%(?![0-9a-fA-F]{2})")
# Everything that a user name or password may hold unescaped, besides letters and digits.
_SAFE = "%!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """A checked address; its `text` holds the password and must never be shown."""

    scheme: str
    host: str
    port: int | None
    text: str

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"MediaUrl({self.scheme}://{self.host})"


def parse_media_url(text: str) -> MediaUrl:
    """Check an address and escape its credentials, which may hold any of `@ / ? # %`.

    Raises:
        ValueError: no address, or a scheme that is not allowed; the message holds no secret.
    """
    match = _URL.fullmatch(text.strip())
    if match is None:
        raise ValueError("this is no address such as rtsp://camera.example/stream")
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme not in SCHEMES:
        raise ValueError(f"the scheme must be one of {', '.join(sorted(SCHEMES))}")
    if scheme == "file":
        return MediaUrl(scheme, "", None, f"file:{unquote(rest)}")
    if re.search(r"\s", rest):
        raise ValueError("the address has a space in it; write it as %20")
    user_info, rest = _split_user_info(rest)
    host = _HOST.match(rest)
    if host is None or rest[host.end() : host.end() + 1] not in {"", "/", "?", "#"}:
        raise ValueError("the address has no valid host and port")
    port = int(host["port"]) if host["port"] else _DEFAULT_PORTS.get(scheme)
    if port is not None and not 0 < port < 65536:
        raise ValueError("the port must lie between 1 and 65535")
    prefix = f"{_escaped(user_info)}@" if user_info is not None else ""
    return MediaUrl(scheme, host["host"].strip("[]"), port, f"{scheme}://{prefix}{rest}")


def _split_user_info(rest: str) -> tuple[str | None, str]:
    """Split at the last "@" of the authority, or at a later one where only that gives a host."""
    end = re.search(r"[/?#]", rest)
    authority_end = end.start() if end else len(rest)
    at = rest.rfind("@", 0, authority_end)
    authority = rest[at + 1 : authority_end]
    # "admin:p/w@host", "admin:p@#@host": what stands before the first "/" ends in no host.
    has_host = _HOST.fullmatch(authority) is not None
    if not has_host and (at >= 0 or ":" in authority) and "@" in rest[authority_end:]:
        at = rest.rfind("@")
    return (rest[:at], rest[at + 1 :]) if at >= 0 else (None, rest)


def _escaped(user_info: str) -> str:
    user, colon, password = user_info.partition(":")
    return colon.join(_escape(part) for part in ((user, password) if colon else (user,)))


def _escape(part: str) -> str:
    # A "%" that begins no escape is meant as it stands; one that does was escaped already.
    return quote(_ESCAPED.sub("%25", part), safe=_SAFE)
