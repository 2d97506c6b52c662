"""The one door: every request passes here, is known, is allowed by its rule, or is refused."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.errors import FakewatchError
from pipeline.types import AlertId, StreamId
from stream_server.auth.access import Access, NotSignedIn
from stream_server.auth.headers import (
    COOKIE,
    address_of,
    bearer_of,
    cookie_of,
    hardened,
    queries_of,
    query_of,
)
from stream_server.auth.origin import is_loopback_name, is_same_origin
from stream_server.auth.roles import Caller
from stream_server.auth.rules import Reach, Rule, rule_for
from stream_server.auth.witness import Witness
from stream_server.problems import NotFound, Refusal, answer_to

_WRONG_SECRET_PAUSE_S = 0.3
CALLER = "fakewatch.caller"
"""Where the scope of a request says who made it; None on routes for everybody."""
StreamOf = Callable[[AlertId], StreamId]


class Forbidden(Refusal):
    """It is known who asks, and that they may not."""

    status, code = 403, "forbidden"


class Foreign(Refusal):
    """A page from elsewhere asks, or a name that was rebound to this machine."""

    status = 403

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Guard:
    """The outermost middleware: refuses, answers a sign-in by link, and adds security headers."""

    def __init__(self, app: ASGIApp, access: Access, stream_of_alert: StreamOf) -> None:
        self._app = app
        self._access = access
        self._stream_of_alert = stream_of_alert

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        harden = hardened(send) if scope["type"] == "http" else send
        rule, names = rule_for(scope.get("method", "WEBSOCKET"), scope["path"])
        witness = Witness(self._access.audit, rule, names)
        try:
            check_origin(scope, self._access)
            scope[CALLER] = await self._admit(scope, rule, names)
        except FakewatchError as refusal:
            await _refuse(refusal, scope, receive, harden)
            await witness.refused(scope.get(CALLER), refusal)
            return
        if scope["type"] == "http" and scope["path"] == "/" and query_of(scope, "token"):
            await self._sign_in(scope, receive, harden)
            return
        await self._app(scope, receive, witness.watching(harden))
        await witness.done(scope[CALLER])

    async def _admit(self, scope: Scope, rule: Rule, names: Mapping[str, str]) -> Caller | None:
        """Say who asks.

        Raises:
            NotSignedIn, TooManyTries, Forbidden, NotFound: they may not.
        """
        if rule.least is None:
            return None
        caller = scope[CALLER] = await identify(scope, self._access)
        if not caller.role.covers(rule.least):
            raise Forbidden(f"This needs the role {rule.least}; {caller.name} is {caller.role}.")
        if caller.streams is not None:
            await self._limit(scope, caller, rule.reach, names)
        return caller

    async def _limit(
        self, scope: Scope, caller: Caller, reach: Reach, names: Mapping[str, str]
    ) -> None:
        """Hold a caller to their streams; a foreign one looks as if it were not there."""
        if reach is Reach.ALL:
            raise Forbidden(f"{caller.name} may see some streams only, and this is of them all.")
        asked: list[str] = []
        if reach is Reach.STREAM:
            asked = [names["stream_id"]]
        elif reach is Reach.PUBLISHED:
            asked = [f"webrtc-{names['stream']}"]
        elif reach is Reach.ALERT:
            alert_id = AlertId(names["alert_id"])
            stream_id = await asyncio.to_thread(self._stream_of_alert, alert_id)
            if not caller.sees(stream_id):
                raise NotFound(f"There is no alert {alert_id}.")
        elif reach is Reach.FILTERED:
            asked = queries_of(scope, "stream")
        for name in asked:
            if not caller.sees(StreamId(name)):
                raise NotFound(f"There is no stream {name}.")

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/?token=...`: keep it as a cookie and take it out of the address bar."""
        answer: Response = RedirectResponse("/", 303)
        token = query_of(scope, "token") or ""
        if not self._access.is_open:
            try:
                cookie, caller = await self._access.sign_in_by_token(token, address_of(scope))
            except Refusal as refusal:
                await _refuse(refusal, scope, receive, send)
                return
            self._access.audit.note(caller.name, "session.begin")
            set_session(answer, cookie, secure=scope["scheme"] == "https")
        await answer(scope, receive, send)


def check_origin(scope: Scope, access: Access) -> None:
    """Refuse a page from elsewhere, and while all is open to this machine a foreign name of it.

    Raises:
        Foreign: it is one.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    # A rebound name knows no secret: where one is asked for, a proxy may serve us under any name.
    if access.is_open and not is_loopback_name(host):
        raise Foreign("foreign_host", "This service answers to this machine's own names only.")
    origin = headers.get("origin")
    if origin is not None and not is_same_origin(origin, host):
        raise Foreign("foreign_origin", "A page from elsewhere may not use this service.")


async def identify(scope: Scope, access: Access) -> Caller:
    """Say who asks: by the token of the request, by its session, or because all is open.

    Raises:
        NotSignedIn, TooManyTries: nobody that we know.
    """
    caller = access.by_place() or access.by_cookie(cookie_of(scope) or "")
    if caller is not None and "authorization" not in Headers(scope=scope):
        return caller
    if caller is not None and access.is_open:
        return caller
    given = bearer_of(scope)
    if given is None:
        raise NotSignedIn("The access token is missing or wrong.")
    return await access.by_token(given, address_of(scope))


def set_session(answer: Response, cookie: str, *, secure: bool) -> None:
    """Let the browser stay signed in until it is closed."""
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure, path="/")


async def pause_before_refusing() -> None:
    """Make guessing slow, and typing a wrong secret no slower than a person notices."""
    await asyncio.sleep(_WRONG_SECRET_PAUSE_S)


async def _refuse(refusal: FakewatchError, scope: Scope, receive: Receive, send: Send) -> None:
    answer = answer_to(refusal)
    if answer.status_code == 401:
        await pause_before_refusing()
        answer.headers["WWW-Authenticate"] = 'Bearer realm="fakewatch"'
    if scope["type"] == "websocket":
        await receive()
        code = getattr(refusal, "code", "refused")
        await send({"type": "websocket.close", "code": 1008, "reason": code})
        return
    await answer(scope, receive, send)
