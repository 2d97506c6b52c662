"""Who a caller is: by token, by session, or because the service is open to its own machine."""

import asyncio
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipeline.types import StreamId
from stream_server.auth.accounts import Account, Accounts, ApiToken
from stream_server.auth.audit import AuditLog
from stream_server.auth.passwords import digest, id_in, matches
from stream_server.auth.rate import SignInRate
from stream_server.auth.roles import BY_TOKEN, LOCAL, Caller, Role
from stream_server.auth.sessions import Session, Sessions
from stream_server.problems import Refusal

_MAX_REMEMBERED = 1024
_MAX_STARTED = 64


class NotSignedIn(Refusal):
    """Nobody that we know."""

    status, code = 401, "no_token"


class TooManyTries(Refusal):
    """Somebody has been wrong too often."""

    status, code = 429, "too_many_tries"

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, round(wait_s))
        super().__init__(f"Too many wrong tries: try again in {self.retry_after_s} seconds.")


@dataclass(frozen=True, slots=True)
class Opening:
    """What the settings say of access, before there are users."""

    loopback_only: bool
    token: str | None = None
    """Of the settings: an admin's, for good."""
    first_run_token: str | None = None
    """An admin's, until there is a user."""


class Access:
    """All that is known of who may come in; lives on the event loop.

    Raises of its methods: NotSignedIn when a secret is wrong, TooManyTries when it was not even
    looked at.
    """

    def __init__(
        self,
        opening: Opening,
        accounts: Accounts,
        audit: AuditLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.opening = opening
        self.accounts = accounts
        self.audit = audit
        self.sessions = Sessions()
        self._clock = clock
        self._rate = SignInRate()
        self._right: OrderedDict[str, str] = OrderedDict()
        """Digests of tokens that were right, to their hash: argon2 is too slow for each call."""
        self._started: dict[str, deque[StreamId]] = {}

    @property
    def is_open(self) -> bool:
        """Everybody on this machine may do everything."""
        opening = self.opening
        closed = opening.token or opening.first_run_token or not opening.loopback_only
        return not closed and not self.accounts.have_been

    def note_started(self, stream_id: StreamId, caller: Caller) -> None:
        """Remember whose video a stream is: its sender may see its results."""
        if caller.streams is not None:
            mine = self._started.setdefault(caller.name, deque(maxlen=_MAX_STARTED))
            mine.append(stream_id)

    async def by_token(self, given: str, address: str) -> Caller:
        """Say whose token this is."""
        return self._caller(*await self._owner(given, address))

    def by_cookie(self, cookie: str) -> Caller | None:
        """Say whose session this is; None when it is over."""
        session = self.sessions.find(cookie, self._clock())
        if session is None or not self._proves(session):
            return None
        user = self.accounts.users.get(session.name)
        return self._caller(user, partial(self._lasts, cookie))

    def by_place(self) -> Caller | None:
        """Give everybody on this machine a name, where the service is open to it."""
        return Caller(LOCAL, Role.ADMIN, holds=lambda: self.is_open) if self.is_open else None

    async def sign_in_by_token(self, given: str, address: str) -> tuple[str, Caller]:
        """Trade a token for a session: (cookie, caller)."""
        user, _ = await self._owner(given, address)
        token = self._token_of(given)
        proof = token.secret if token else digest(given)
        name = user.name if user else BY_TOKEN
        return self._begin(name, proof, token.token_id if token else None)

    async def sign_in(self, name: str, password: str, address: str) -> tuple[str, Caller]:
        """Trade name and password for a session: (cookie, caller)."""
        self._refuse_the_hasty(address, name)
        user = self.accounts.users.get(name)
        stored = user.password if user else None
        # Counted before it is compared: many tries at once must not all slip through.
        self._rate.fail(address, name, self._clock())
        if not await asyncio.to_thread(matches, stored, password) or stored is None:
            raise NotSignedIn("The name or the password is wrong.")
        self._rate.succeed(address, name)
        return self._begin(name, stored, None)

    def _begin(self, name: str, proof: str, token_id: str | None) -> tuple[str, Caller]:
        cookie = self.sessions.begin(name, proof, token_id, self._clock())
        caller = self.by_cookie(cookie)
        if caller is None:  # removed in this very moment
            raise NotSignedIn("This user is there no longer.")
        return cookie, caller

    async def _owner(self, given: str, address: str) -> tuple[Account | None, Callable[[], bool]]:
        """Find the user of a token, and how to ask later whether it still holds."""
        key = digest(given)
        if key not in self._right:
            self._refuse_the_hasty(address, None)
            if not await self._is_right(given):
                self._rate.fail(address, None, self._clock())
                raise NotSignedIn("The access token is wrong.")
        token = self._token_of(given)
        user = self.accounts.users.get(token.name) if token else None
        if self._is_ours(key):
            self._remember(key, "")
            return None, partial(self._is_ours, key)
        if token is None or user is None or self._right.get(key, token.secret) != token.secret:
            self._right.pop(key, None)
            raise NotSignedIn("The access token is missing or wrong.")
        self._remember(key, token.secret)
        return user, lambda: self.accounts.tokens.get(token.token_id) == token

    async def _is_right(self, given: str) -> bool:
        if self._is_ours(digest(given)):
            return True
        token = self._token_of(given)
        # An id is no secret: one that nobody has costs no hashing.
        return token is not None and await asyncio.to_thread(matches, token.secret, given)

    def _is_ours(self, key: str) -> bool:
        """Whether this is the digest of the token of the settings, or of the first run."""
        ours = [self.opening.token]
        if not self.accounts.users:
            ours.append(self.opening.first_run_token)
        return any(token and hmac.compare_digest(key, digest(token)) for token in ours)

    def _token_of(self, given: str) -> ApiToken | None:
        return self.accounts.tokens.get(id_in(given))

    def _remember(self, key: str, secret: str) -> None:
        self._right[key] = secret
        self._right.move_to_end(key)
        while len(self._right) > _MAX_REMEMBERED:
            self._right.popitem(last=False)

    def _refuse_the_hasty(self, address: str, name: str | None) -> None:
        wait_s = self._rate.wait_s(address, name, self._clock())
        if wait_s > 0:
            raise TooManyTries(wait_s)

    def _proves(self, session: Session) -> bool:
        """Whether what opened a session would open it again."""
        if session.name == BY_TOKEN:
            return self._is_ours(session.proof)
        user = self.accounts.users.get(session.name)
        if user is None:
            return False
        token = self.accounts.tokens.get(session.token_id or "")
        now = token.secret if token else user.password
        return (token is not None) == (session.token_id is not None) and now == session.proof

    def _lasts(self, cookie: str) -> bool:
        session = self.sessions.peek(cookie, self._clock())
        return session is not None and self._proves(session)

    def _caller(self, user: Account | None, lasts: Callable[[], bool]) -> Caller:
        if user is None:
            return Caller(BY_TOKEN, Role.ADMIN, holds=lasts)
        return Caller(
            user.name,
            user.role,
            user.streams,
            started=lambda: frozenset(self._started.get(user.name, ())),
            holds=lambda: lasts() and self.accounts.users.get(user.name) == user,
        )
