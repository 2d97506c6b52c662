"""Users, their tokens and the audit log: for admins."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipeline.types import StreamId
from stream_server.auth.accounts import Account, Accounts
from stream_server.auth.asking import AccessOf
from stream_server.auth.audit import Entry
from stream_server.auth.passwords import MAX_PASSWORD
from stream_server.auth.roles import Role

router = APIRouter(prefix="/api", tags=["access"])

Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]
Streams = Annotated[list[StreamId], Field(max_length=1000)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewUser(_Asked):
    """A user to be added."""

    name: Annotated[str, Field(max_length=100)]
    role: Role
    streams: Streams | None = None
    """null: all of them."""
    password: Password | None = None
    """null: a program, which has tokens only."""


class UserChange(_Asked):
    """What is to be changed; the rest stays."""

    role: Role | None = None
    streams: Streams | None = None
    """null, said so: all of them."""


class NewPassword(_Asked):
    """A password to be set."""

    password: Password


class NewToken(_Asked):
    """A token to be made."""

    label: Annotated[str, Field(max_length=100)] = ""
    """What it is for."""


class TokenView(BaseModel):
    """A token, without its secret."""

    id: str
    label: str
    created_at: str


class MadeToken(TokenView):
    """A token with its secret: nobody can show it again."""

    token: str


class UserView(BaseModel):
    """A user, without any secret."""

    name: str
    role: Role
    streams: list[StreamId] | None
    """null: all of them."""
    has_password: bool
    created_at: str
    tokens: list[TokenView]


# Plain `def`: hashing and the database take their time, off the event loop.


@router.get("/users")
def list_users(access: AccessOf) -> list[UserView]:
    """List all users with their tokens."""
    return [_view(access.accounts, user) for user in access.accounts.users.values()]


@router.post("/users", status_code=201)
def add_user(new: NewUser, response: Response, access: AccessOf) -> UserView:
    """Add a user; the first one has to be an admin, and closes a service that was open."""
    password = new.password.get_secret_value() if new.password else None
    user = access.accounts.add(new.name, new.role, _set(new.streams), password)
    response.headers["Location"] = f"/api/users/{user.name}"
    return _view(access.accounts, user)


@router.patch("/users/{name}")
def change_user(name: str, change: UserChange, access: AccessOf) -> UserView:
    """Give a user another role or other streams; it holds from the next request on."""
    before = access.accounts.user(name)
    said = "streams" in change.model_fields_set
    streams = _set(change.streams) if said else before.streams
    user = access.accounts.change(name, change.role or before.role, streams)
    return _view(access.accounts, user)


@router.delete("/users/{name}", status_code=204)
def remove_user(name: str, access: AccessOf) -> None:
    """Remove a user; sessions, tokens and live connections end."""
    access.accounts.remove(name)


@router.put("/users/{name}/password", status_code=204)
def set_password(name: str, new: NewPassword, access: AccessOf) -> None:
    """Set a password; sessions that the one before had opened end."""
    access.accounts.set_password(name, new.password.get_secret_value())


@router.delete("/users/{name}/sessions", status_code=204)
async def end_sessions(name: str, access: AccessOf) -> None:
    """Sign a user out everywhere."""
    access.accounts.user(name)
    access.sessions.end_all(name)


@router.post("/users/{name}/tokens", status_code=201)
def add_token(name: str, new: NewToken, access: AccessOf) -> MadeToken:
    """Make a token for a program; it is shown this once."""
    token, whole = access.accounts.add_token(name, new.label)
    return MadeToken(id=token.token_id, label=token.label, created_at=token.created_at, token=whole)


@router.delete("/users/{name}/tokens/{token_id}", status_code=204)
def remove_token(name: str, token_id: str, access: AccessOf) -> None:
    """Revoke a token."""
    access.accounts.remove_token(name, token_id)


@router.get("/audit")
def read_audit(
    access: AccessOf, limit: Annotated[int, Query(ge=1, le=10_000)] = 200
) -> list[Entry]:
    """Read who did what when, the newest first."""
    return access.audit.newest(limit)


def _set(streams: list[StreamId] | None) -> frozenset[StreamId] | None:
    return None if streams is None else frozenset(streams)


def _view(accounts: Accounts, user: Account) -> UserView:
    return UserView(
        name=user.name,
        role=user.role,
        streams=None if user.streams is None else sorted(user.streams),
        has_password=user.password is not None,
        created_at=user.created_at,
        tokens=[
            TokenView(id=token.token_id, label=token.label, created_at=token.created_at)
            for token in accounts.tokens_of(user.name)
        ],
    )
