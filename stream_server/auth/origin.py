"""Where a request comes from: this machine's own names, the service's own page, or elsewhere."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback_name(host: str) -> bool:
    """Whether a Host header names this machine itself; a rebound foreign name does not."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header speaks of the host that was asked."""
    scheme, separator, netloc = origin.partition("://")
    if not separator or scheme not in ("http", "https"):
        return False
    default = ":443" if scheme == "https" else ":80"
    return netloc.lower().removesuffix(default) == host.lower().removesuffix(default)
