"""Signing in: the access token once, then a cookie."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from stream_server.auth import COOKIE, WRONG_TOKEN_PAUSE_S, Access, set_session
from stream_server.problems import Refusal

router = APIRouter(prefix="/api/session", tags=["session"])


class SignIn(BaseModel):
    """The access token that the operator set."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, Field(max_length=1024)]


class WrongToken(Refusal):
    """The token is not the one."""

    status, code = 401, "no_token"


@router.post("", status_code=204)
async def sign_in(given: SignIn, request: Request, response: Response) -> None:
    """Trade the token for a cookie that scripts cannot read."""
    access: Access = request.app.state.access
    if access.token is not None and not access.knows_token(given.token.get_secret_value()):
        await asyncio.sleep(WRONG_TOKEN_PAUSE_S)
        raise WrongToken("The access token is wrong.")
    set_session(response, access, secure=request.url.scheme == "https")


@router.delete("", status_code=204)
async def sign_out(response: Response) -> None:
    """Forget the cookie."""
    response.delete_cookie(COOKIE, path="/")
