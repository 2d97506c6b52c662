"""Security headers of every answer, and what a request's headers say of who asks."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

COOKIE = "fakewatch_session"
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:;"
        " connect-src 'self' ws: wss:; worker-src 'self'; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), display-capture=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def bearer_of(scope: Scope) -> str | None:
    """Read the token of a request: from its header, or of a live connection from its address."""
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    # Neither a WebSocket nor an EventSource of a page can send a header.
    live = scope["type"] == "websocket" or scope["path"] == "/api/events"
    return query_of(scope, "token") if live else None


def cookie_of(scope: Scope) -> str | None:
    """Read the session's cookie."""
    try:
        cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None


def query_of(scope: Scope, name: str) -> str | None:
    """Read a value of the query."""
    values = queries_of(scope, name)
    return values[0] if values else None


def queries_of(scope: Scope, name: str) -> list[str]:
    """Read all values of the query by this name."""
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get(name, [])


def address_of(scope: Scope) -> str:
    """Who asks, for the limits; "unknown" on a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def hardened(send: Send) -> Send:
    """Add the security headers to an answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("application/"):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
