"""What a handler asks for: who called, and the access of the service."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from stream_server.auth.access import Access
from stream_server.auth.guard import CALLER
from stream_server.auth.roles import Caller


def _caller(connection: HTTPConnection) -> Caller:
    caller: Caller = connection.scope[CALLER]
    return caller


def _access(connection: HTTPConnection) -> Access:
    access: Access = connection.app.state.access
    return access


Asking = Annotated[Caller, Depends(_caller)]
"""Whoever made the request; the guard has let them in."""
AccessOf = Annotated[Access, Depends(_access)]
"""Users, sessions and the audit log."""
