"""Who is signed in: sessions that end when idle, when old, when revoked, and with the process."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from stream_server.auth.passwords import digest

IDLE_S = 12 * 3600.0
LONGEST_S = 7 * 86400.0
_MAX_SESSIONS = 4096
_MAX_EACH = 64
"""Of one user; the one that was idle for longest ends first."""


@dataclass(slots=True)
class Session:
    """One signed-in browser."""

    name: str
    proof: str
    """Hash of the password or token that opened it: when that one changes, the session is over."""
    token_id: str | None
    began_s: float
    used_s: float


class Sessions:
    """All of them, by the digest of their cookie. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Session] = OrderedDict()

    def begin(self, name: str, proof: str, token_id: str | None, now_s: float) -> str:
        """Sign somebody in and return the cookie's value, which is kept nowhere."""
        cookie = secrets.token_urlsafe(32)
        mine = [key for key, session in self._open.items() if session.name == name]
        for key in mine[: max(0, len(mine) - _MAX_EACH + 1)]:
            del self._open[key]
        while len(self._open) >= _MAX_SESSIONS:
            self._open.popitem(last=False)
        self._open[digest(cookie)] = Session(name, proof, token_id, now_s, now_s)
        return cookie

    def find(self, cookie: str, now_s: float) -> Session | None:
        """Look a session up, and note that it is in use; None when it is over."""
        session = self.peek(cookie, now_s)
        if session is not None:
            session.used_s = now_s
            self._open.move_to_end(digest(cookie))
        return session

    def peek(self, cookie: str, now_s: float) -> Session | None:
        """Look a session up; None when it is over."""
        session = self._open.get(digest(cookie))
        if session is None:
            return None
        if now_s - session.used_s > IDLE_S or now_s - session.began_s > LONGEST_S:
            del self._open[digest(cookie)]
            return None
        return session

    def end(self, cookie: str) -> Session | None:
        """Sign out."""
        return self._open.pop(digest(cookie), None)

    def end_all(self, name: str) -> int:
        """Sign a user out everywhere; returns from how many places."""
        mine = [key for key, session in self._open.items() if session.name == name]
        for key in mine:
            del self._open[key]
        return len(mine)

    def __len__(self) -> int:
        return len(self._open)
