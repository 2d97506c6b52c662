"""Watches one request and writes into the audit log what came of it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.types import Message, Send

from pipeline.errors import FakewatchError
from stream_server.auth.audit import AuditLog, Entry
from stream_server.auth.roles import Caller
from stream_server.auth.rules import Rule

_NO_TARGETS = ("token", "kind")
"""What a path names besides: the secret of a WHIP session, the form of a report."""
_MAX_TARGET = 200


class Witness:
    """Knows what a request is called in the audit log, and sees its status go by."""

    def __init__(self, audit: AuditLog, rule: Rule, names: Mapping[str, str]) -> None:
        self._audit = audit
        self._action = rule.action
        self._target = "/".join(value for key, value in names.items() if key not in _NO_TARGETS)
        self._status = 0

    def watching(self, send: Send) -> Send:
        """Look at the answer's status, and at the name of what it made."""
        if self._action is None:
            return send

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                made = Headers(raw=message["headers"]).get("location", "")
                self._target = self._target or made.rpartition("/")[2]
            await send(message)

        return watched

    async def done(self, caller: Caller | None) -> None:
        """Write down what was done."""
        if self._action is not None and caller is not None:
            await self._write(caller.name, self._status, allowed=self._status not in (401, 403))

    async def refused(self, caller: Caller | None, refusal: FakewatchError) -> None:
        """Write down what somebody known was not let do."""
        if self._action is not None and caller is not None:
            await self._write(caller.name, getattr(refusal, "status", 500), allowed=False)

    async def _write(self, who: str, status: int, *, allowed: bool) -> None:
        entry = Entry(
            at=datetime.now(UTC),
            who=who,
            action=self._action or "",
            target=self._target[:_MAX_TARGET] or None,
            allowed=allowed,
            status=status,
        )
        await asyncio.to_thread(self._audit.write, entry)
