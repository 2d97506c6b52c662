"""Users and their API tokens, in the store; secrets are kept as argon2id hashes only."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.types import StreamId
from stream_server.auth.passwords import MAX_PASSWORD, MIN_PASSWORD, hashed, new_token
from stream_server.auth.roles import Role
from stream_server.problems import Conflict, NotFound, Unusable
from stream_server.store import Store

NAME = "[a-z0-9][a-z0-9._@-]{0,63}"
MARK = "has-users"
"""A file beside the database: a damaged one, put aside, must not open the service to everybody."""
_MAX_TOKENS_EACH = 50


@dataclass(frozen=True, slots=True)
class Account:
    """One user."""

    name: str
    role: Role
    streams: frozenset[StreamId] | None
    """None: all of them."""
    password: str | None = field(repr=False)
    """Its hash; None for a program that has tokens only."""
    created_at: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token of a user, for programs; it may do what its user may."""

    token_id: str
    name: str
    """The user's."""
    label: str
    secret: str = field(repr=False)
    """Its hash."""
    created_at: str


class Accounts:
    """All users and tokens as they were when last read; changes go through the store at once."""

    def __init__(self, store: Store, directory: Path) -> None:
        """Read them; `directory` keeps the mark that there have been users.

        Raises:
            StorageError: the store cannot be read.
        """
        self._store = store
        self._mark = directory / MARK
        self.users: Mapping[str, Account] = {}
        self.tokens: Mapping[str, ApiToken] = {}
        self.reload()

    @property
    def have_been(self) -> bool:
        """Whether there are users, or were before the database was lost."""
        return bool(self.users) or self._mark.exists()

    def reload(self) -> None:
        """Read anew: commands write to the same store.

        Raises:
            StorageError: the store cannot be read.
        """
        users = (_account(row) for row in self._store.read("SELECT * FROM account ORDER BY name"))
        rows = self._store.read("SELECT * FROM api_token ORDER BY created_at, token_id")
        # Replaced whole: other threads read them without a lock.
        self.users = {user.name: user for user in users}
        if self.users and not self._mark.exists():  # they were added on another machine
            with suppress(Unusable):
                self._mark_users()
        self.tokens = {row["token_id"]: _token(row) for row in rows}

    def user(self, name: str) -> Account:
        """Look a user up.

        Raises:
            NotFound: there is none of this name.
        """
        found = self.users.get(name)
        if found is None:
            raise NotFound(f"There is no user {name}.")
        return found

    def tokens_of(self, name: str) -> list[ApiToken]:
        """List a user's tokens, the oldest first."""
        return [token for token in self.tokens.values() if token.name == name]

    def add(
        self, name: str, role: Role, streams: frozenset[StreamId] | None, password: str | None
    ) -> Account:
        """Add a user; the first one has to be an admin who sees all streams.

        Raises:
            Unusable: name or password will not do.
            Conflict: the name is taken.
            StorageError: it cannot be kept.
        """
        self.reload()
        if not re.fullmatch(NAME, name):
            raise Unusable(
                "A name is 1 to 64 small letters, digits and . _ @ -, and begins with a letter or"
                " a digit."
            )
        if name in self.users:
            raise Conflict(f"There is a user {name} already.")
        if not self.users and (role is not Role.ADMIN or streams is not None or not password):
            raise Unusable("The first user has to be an admin of all streams, with a password.")
        account = Account(name, role, streams, _checked(password, name), _now())
        self._mark_users()
        with self._store.transaction() as run:
            run(
                "INSERT INTO account (name, role, streams, password, created_at)"
                " VALUES (:name, :role, :streams, :password, :created_at)",
                name=name,
                role=role.value,
                streams=_written(streams),
                password=account.password,
                created_at=account.created_at,
            )
        self.reload()
        return account

    def change(self, name: str, role: Role, streams: frozenset[StreamId] | None) -> Account:
        """Give a user another role and other streams.

        Raises:
            NotFound: there is no such user.
            Conflict: nobody would be left who may do everything.
            StorageError: it cannot be kept.
        """
        self.reload()
        self.user(name)
        if role is not Role.ADMIN or streams is not None:
            self._keep_an_admin_besides(name)
        with self._store.transaction() as run:
            run(
                "UPDATE account SET role = :role, streams = :streams WHERE name = :name",
                role=role.value,
                streams=_written(streams),
                name=name,
            )
        self.reload()
        return self.user(name)

    def set_password(self, name: str, password: str) -> None:
        """Set a password; whoever was signed in with the one before is so no longer.

        Raises:
            NotFound, Unusable, StorageError: as in `add`.
        """
        self.reload()
        self.user(name)
        secret = _checked(password, name)
        with self._store.transaction() as run:
            run(
                "UPDATE account SET password = :secret WHERE name = :name",
                secret=secret,
                name=name,
            )
        self.reload()

    def remove(self, name: str) -> None:
        """Remove a user with all tokens.

        Raises:
            NotFound, Conflict, StorageError: as in `change`.
        """
        self.reload()
        self.user(name)
        self._keep_an_admin_besides(name)
        with self._store.transaction() as run:
            run("DELETE FROM api_token WHERE account = :name", name=name)
            run("DELETE FROM account WHERE name = :name", name=name)
        self.reload()

    def add_token(self, name: str, label: str) -> tuple[ApiToken, str]:
        """Make a token; the second value is the token itself, which is kept nowhere.

        Raises:
            NotFound, StorageError: as in `change`.
            Conflict: the user has too many.
        """
        self.reload()
        self.user(name)
        if len(self.tokens_of(name)) >= _MAX_TOKENS_EACH:
            raise Conflict(f"{name} has {_MAX_TOKENS_EACH} tokens already: remove one first.")
        token_id, whole = new_token()
        token = ApiToken(token_id, name, label, hashed(whole), _now())
        with self._store.transaction() as run:
            run(
                "INSERT INTO api_token (token_id, account, label, secret, created_at)"
                " VALUES (:token, :account, :label, :secret, :created_at)",
                token=token_id,
                account=name,
                label=label,
                secret=token.secret,
                created_at=token.created_at,
            )
        self.reload()
        return token, whole

    def remove_token(self, name: str, token_id: str) -> None:
        """Revoke a token; its sessions end with it.

        Raises:
            NotFound: the user has no such token.
            StorageError: it cannot be kept.
        """
        self.reload()
        if token_id not in {token.token_id for token in self.tokens_of(name)}:
            raise NotFound(f"{name} has no token {token_id}.")
        with self._store.transaction() as run:
            run("DELETE FROM api_token WHERE token_id = :token", token=token_id)
        self.reload()

    def _keep_an_admin_besides(self, name: str) -> None:
        others = (user for user in self.users.values() if user.name != name)
        if not any(
            user.role is Role.ADMIN and user.streams is None and user.password for user in others
        ):
            raise Conflict(
                f"{name} is the last admin of all streams with a password: add another one first."
            )

    def _mark_users(self) -> None:
        try:
            self._mark.touch(mode=0o600)
        except OSError as error:
            raise Unusable(
                f"Users cannot be kept: {self._mark.parent} cannot be written to"
                f" ({error.strerror})."
            ) from error


def _checked(password: str | None, name: str) -> str | None:
    if password is None:
        return None
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or password.lower() == name:
        raise Unusable(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    return hashed(password)


def _written(streams: frozenset[StreamId] | None) -> str | None:
    return None if streams is None else json.dumps(sorted(streams))


def _account(row: Any) -> Account:
    streams = None if row["streams"] is None else frozenset(json.loads(row["streams"]))
    return Account(row["name"], Role(row["role"]), streams, row["password"], row["created_at"])


def _token(row: Any) -> ApiToken:
    return ApiToken(row["token_id"], row["account"], row["label"], row["secret"], row["created_at"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
