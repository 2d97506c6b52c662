"""Who may talk to the service: this machine's own pages, or whoever knows the token."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_server.problems import problem

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
WRONG_TOKEN_PAUSE_S = 0.3
_PUBLIC = ("/livez", "/api/session")
_GUARDED = ("/api", "/webrtc", "/whip", "/metrics", "/readyz", "/healthz")
"""Everything below these needs the token; the rest is the page's own files."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of this service, from its settings."""

    loopback_only: bool
    token: str | None

    def session(self) -> str:
        """Make the cookie's value: it proves the token without being it."""
        return hmac.new(
            (self.token or "").encode(), b"fakewatch session", hashlib.sha256
        ).hexdigest()

    def knows_token(self, given: str) -> bool:
        """Compare in constant time."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """(status, code, sentence) when a request may not pass; None when it may."""
        headers = Headers(scope=scope)
        # A rebound name knows no token: with one, a proxy may serve us under any name.
        unprotected = self.loopback_only and self.token is None
        if unprotected and not is_loopback_name(headers.get("host", "")):
            return 403, "foreign_host", "This service answers to this machine's own names only."
        origin = headers.get("origin")
        if origin is not None and not _same_origin(origin, headers.get("host", "")):
            return 403, "foreign_origin", "A page from elsewhere may not use this service."
        if self.token is None or not _needs_token(scope["path"]):
            return None
        if self._is_authorised(scope, headers):
            return None
        return 401, "no_token", "The access token is missing or wrong."

    def _is_authorised(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.knows_token(given.strip()):
            return True
        if hmac.compare_digest(_cookie(headers).encode(), self.session().encode()):
            return True
        # Neither a WebSocket nor an EventSource of a page can send a header.
        live = scope["type"] == "websocket" or scope["path"] == "/api/events"
        return live and self.knows_token(_query_token(scope))


class Guard:
    """The outermost middleware: refuses, answers a sign-in by link, and adds security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._access.refusal(scope)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/" and _query_token(scope):
            await self._sign_in(scope, receive, _hardened(send))
        else:
            await self._app(scope, receive, _hardened(send) if scope["type"] == "http" else send)

    async def _refuse(
        self, refusal: tuple[int, str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        status, code, sentence = refusal
        if status == 401:
            await asyncio.sleep(WRONG_TOKEN_PAUSE_S)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": code})
            return
        headers = {"WWW-Authenticate": 'Bearer realm="fakewatch"'} if status == 401 else None
        await problem(status, code, sentence, headers)(scope, receive, _hardened(send))

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/?token=...`: keep it as a cookie and take it out of the address bar."""
        if self._access.knows_token(_query_token(scope)):
            answer: Response = RedirectResponse("/", 303)
            set_session(answer, self._access, secure=scope["scheme"] == "https")
        elif self._access.token is None:
            answer = RedirectResponse("/", 303)
        else:
            await asyncio.sleep(WRONG_TOKEN_PAUSE_S)
            answer = problem(401, "no_token", "The access token in this link is wrong.")
        await answer(scope, receive, send)


def set_session(answer: Response, access: Access, *, secure: bool) -> None:
    """Let the browser stay signed in until it is closed."""
    answer.set_cookie(
        COOKIE, access.session(), httponly=True, samesite="strict", secure=secure, path="/"
    )


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


def _same_origin(origin: str, host: str) -> bool:
    scheme, separator, netloc = origin.partition("://")
    if not separator or scheme not in ("http", "https"):
        return False
    default = ":443" if scheme == "https" else ":80"
    return netloc.lower().removesuffix(default) == host.lower().removesuffix(default)


def _needs_token(path: str) -> bool:
    if path in _PUBLIC:
        return False
    return any(path == guarded or path.startswith(f"{guarded}/") for guarded in _GUARDED)


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _query_token(scope: Scope) -> str:
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _hardened(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("application/"):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
