"""What a service asks for at its start: nothing, a token, or users."""

import os
import secrets
from pathlib import Path

from pipeline.errors import SettingsError
from stream_server.auth.access import Access, Opening
from stream_server.auth.accounts import Accounts
from stream_server.auth.audit import AuditLog
from stream_server.redact import register_secret
from stream_server.settings import Settings
from stream_server.store import Store

FIRST_RUN_FILE = "first-run-token"


def open_access(settings: Settings, store: Store) -> Access:
    """Make the access of a service.

    Raises:
        SettingsError: others can reach it, and nothing that it could ask for can be kept.
    """
    directory = settings.storage.path
    accounts = Accounts(store, directory)
    token = settings.auth.token.get_secret_value() if settings.auth.token else None
    loopback_only = settings.server.is_loopback
    first = None
    # Users that are gone with a damaged database leave their mark: that opens nothing to anybody.
    if token is None and not accounts.users and (not loopback_only or accounts.have_been):
        first = _first_run_token(directory)
        register_secret(first)
    return Access(Opening(loopback_only, token, first), accounts, AuditLog(directory))


def how_to_enter(access: Access, directory: Path) -> str:
    """Say to the operator what the service asks for; never a secret."""
    if access.is_open:
        return "open to this machine, until `fakewatch users add` makes the first user"
    if access.accounts.users:
        return "asks for name and password, or for a token"
    if access.opening.first_run_token is not None:
        return f"asks for the token in {directory / FIRST_RUN_FILE}, until there are users"
    return "asks for the token that you set"


def _first_run_token(directory: Path) -> str:
    """Read the token of an earlier start, or make one that only this user can read."""
    file = directory / FIRST_RUN_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            file.chmod(0o600)
            kept = file.read_text(encoding="ascii").strip()
            if len(kept) >= 16:
                return kept
            descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC)
        token = secrets.token_urlsafe(32)
        with os.fdopen(descriptor, "w", encoding="ascii") as private:
            private.write(token + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"Others can reach this service, and no token for its first run can be written to"
            f" {file}: set one in FAKEWATCH_AUTH__TOKEN, or listen on 127.0.0.1."
        ) from error
    return token
