"""Signing in: name and password, or a token, once; then a cookie that scripts cannot read."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipeline.types import StreamId
from stream_server.auth.access import Access, NotSignedIn, TooManyTries
from stream_server.auth.asking import AccessOf
from stream_server.auth.guard import identify, pause_before_refusing, set_session
from stream_server.auth.headers import COOKIE, address_of, cookie_of
from stream_server.auth.passwords import MAX_PASSWORD
from stream_server.auth.roles import Caller, Role

router = APIRouter(prefix="/api/session", tags=["session"])

UNKNOWN = "(unknown)"
"""For the audit log: what was typed as a name may be a password."""


class SignIn(BaseModel):
    """A token, or a user's name and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, Field(max_length=MAX_PASSWORD)] | None = None
    name: Annotated[str, Field(max_length=100)] | None = None
    password: Annotated[SecretStr, Field(max_length=MAX_PASSWORD)] | None = None


class WhoAmI(BaseModel):
    """Who asks, and what they may do."""

    signed_in: bool
    """True also where nobody has to."""
    open: bool
    """The service has no users yet and answers to its own machine only."""
    asks_for: Literal["password", "token"]
    """What to sign in with: passwords are there once there are users."""
    name: str | None = None
    role: Role | None = None
    streams: list[StreamId] | None = None
    """null: all of them."""


@router.get("")
async def who_am_i(request: Request, access: AccessOf) -> WhoAmI:
    """Say who asks; needs no sign-in."""
    asks_for: Literal["password", "token"] = "password" if access.accounts.users else "token"
    try:
        caller = await identify(request.scope, access)
    except (NotSignedIn, TooManyTries):
        return WhoAmI(signed_in=False, open=False, asks_for=asks_for)
    return WhoAmI(
        signed_in=True,
        open=access.is_open,
        asks_for=asks_for,
        name=caller.name,
        role=caller.role,
        streams=None if caller.streams is None else sorted(caller.streams),
    )


@router.post("", status_code=204)
async def sign_in(given: SignIn, request: Request, response: Response, access: AccessOf) -> None:
    """Trade a token, or name and password, for a cookie that scripts cannot read."""
    if access.is_open:
        return
    try:
        cookie, caller = await _sign_in(given, access, address_of(request.scope))
    except NotSignedIn:
        known = given.name if given.name in access.accounts.users else None
        access.audit.note(known or UNKNOWN, "session.begin", allowed=False)
        await pause_before_refusing()
        raise
    access.audit.note(caller.name, "session.begin")
    set_session(response, cookie, secure=request.url.scheme == "https")


@router.delete("", status_code=204)
async def sign_out(request: Request, response: Response, access: AccessOf) -> None:
    """End the session here and forget its cookie."""
    ended = access.sessions.end(cookie_of(request.scope) or "")
    if ended is not None:
        access.audit.note(ended.name, "session.end")
    response.delete_cookie(COOKIE, path="/")


async def _sign_in(given: SignIn, access: Access, address: str) -> tuple[str, Caller]:
    if given.token is not None:
        return await access.sign_in_by_token(given.token.get_secret_value(), address)
    password = given.password.get_secret_value() if given.password else ""
    return await access.sign_in(given.name or "", password, address)
