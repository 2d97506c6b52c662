"""`fakewatch users`: who may use the service, their passwords and tokens."""

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.errors import SettingsError
from pipeline.types import StreamId
from stream_server.auth.accounts import Accounts
from stream_server.auth.audit import AuditLog
from stream_server.auth.roles import Role
from stream_server.settings_file import load_settings
from stream_server.store import SideStore

_EPILOG = """\
examples:
  fakewatch users add ada                          the first user is an admin; asks for a password
  fakewatch users add bob --role viewer --stream door --stream hall
  fakewatch users add grafana --role viewer --no-password
  fakewatch users token grafana --label Prometheus shows a token, once
  fakewatch users token grafana --revoke 1f2e3d4c5b6a
  fakewatch users passwd bob < password.txt
  fakewatch users list
  fakewatch users --config fakewatch.toml list

The service may run meanwhile: it notices within a few seconds.

exit codes:
  0  done
  2  refused, with the reason
"""
_COMMAND = "(command)"
"""Who, for the audit log: whoever may write to the storage may do all this."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "users",
        help="who may use the service",
        description="Add, list and remove users, their passwords and tokens.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the service's settings")
    parser.add_argument(
        "--storage",
        type=Path,
        metavar="DIR",
        help="the service's storage.path (default: that of its settings, else the user's)",
    )
    parts = parser.add_subparsers(metavar="PART", required=True)
    add = _part(parts, "add", "add a user", _add)
    add.add_argument("--role", choices=[role.value for role in Role], help="default: viewer")
    add.add_argument(
        "--stream", action="append", metavar="ID", help="may see this one only; repeatable"
    )
    add.add_argument("--no-password", action="store_true", help="a program, with tokens only")
    _part(parts, "remove", "remove a user with all tokens", _remove)
    _part(parts, "passwd", "set a password", _set_password)
    token = _part(parts, "token", "make or revoke a token", _token)
    token.add_argument("--label", default="", help="what it is for")
    token.add_argument("--revoke", metavar="ID", help="the token's id, as list shows it")
    parts.add_parser("list", help="list users and tokens").set_defaults(run=_within(_list))


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]",
    verb: str,
    text: str,
    act: Callable[[Accounts, argparse.Namespace], None],
) -> argparse.ArgumentParser:
    part = parts.add_parser(verb, help=text)
    part.add_argument("name", help="the user's")
    part.set_defaults(run=_within(act, f"user.{verb.replace('passwd', 'password')}"))
    return part


def _within(
    act: Callable[[Accounts, argparse.Namespace], None], audited: str | None = None
) -> Callable[[argparse.Namespace], int]:
    """Open the store for one action, and note in the audit log what is `audited`."""

    def run(args: argparse.Namespace) -> int:
        storage = load_settings(args.config).storage
        directory = args.storage or storage.path
        store = SideStore(directory, storage.database_url)
        try:
            if store.problem is not None:
                raise SettingsError(store.problem)
            act(Accounts(store, directory), args)
        finally:
            store.close()
        if audited:
            AuditLog(directory).note(_COMMAND, audited, args.name)
        return 0

    return run


def _add(accounts: Accounts, args: argparse.Namespace) -> None:
    role = Role(args.role or (Role.VIEWER if accounts.users else Role.ADMIN))
    streams = frozenset(StreamId(name) for name in args.stream) if args.stream else None
    password = None if args.no_password else _ask_for_password()
    user = accounts.add(args.name, role, streams, password)
    sys.stderr.write(f"{user.name} is now {user.role} of {_streams(user.streams)}.\n")


def _remove(accounts: Accounts, args: argparse.Namespace) -> None:
    accounts.remove(args.name)
    sys.stderr.write(f"{args.name} is removed.\n")


def _set_password(accounts: Accounts, args: argparse.Namespace) -> None:
    accounts.user(args.name)
    accounts.set_password(args.name, _ask_for_password())
    sys.stderr.write(f"{args.name} has a new password; open sessions end.\n")


def _token(accounts: Accounts, args: argparse.Namespace) -> None:
    if args.revoke:
        accounts.remove_token(args.name, args.revoke)
        sys.stderr.write(f"The token {args.revoke} is revoked.\n")
        return
    _, whole = accounts.add_token(args.name, args.label)
    sys.stderr.write("Nobody can show this token again:\n")
    sys.stdout.write(whole + "\n")


def _list(accounts: Accounts, _args: argparse.Namespace) -> None:
    table = Table("name", "role", "streams", "password", "tokens", box=None)
    for user in accounts.users.values():
        tokens = ", ".join(
            f"{token.token_id} {token.label}".strip() for token in accounts.tokens_of(user.name)
        )
        password = "yes" if user.password else "no"
        table.add_row(user.name, user.role.value, _streams(user.streams), password, tokens)
    Console().print(table if accounts.users else "There are no users yet.")


def _streams(streams: frozenset[StreamId] | None) -> str:
    return "all streams" if streams is None else ", ".join(sorted(streams)) or "no stream"


def _ask_for_password() -> str:
    """Read a password from the terminal, twice, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise SettingsError("The two passwords differ.")
    return first
