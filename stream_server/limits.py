"""Bounds what one request may send, whether it says its length or not."""

import re
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_server.problems import problem

MAX_BODY_BYTES = 1024 * 1024
_SENTENCE = "The request is larger than 1 MiB."
_PARTS = re.compile(r"/api/uploads/[^/]+/parts")


class BodyLimit:
    """Refuses bodies over 1 MiB before they fill the memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass while its body is small."""
        if scope["type"] != "http" or _counts_itself(scope):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            await problem(413, "too_large", _SENTENCE)(scope, receive, send)
            return
        seen_bytes = 0

        async def bounded_receive() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > MAX_BODY_BYTES:
                raise HTTPException(413, _SENTENCE)
            return message

        await self._app(scope, bounded_receive, send)


def _counts_itself(scope: Scope) -> bool:
    """Whether the request brings a file: `uploads/intake.py` counts those while they come in."""
    if scope["method"] == "PUT":
        return _PARTS.fullmatch(scope["path"]) is not None
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return scope["method"] == "POST" and scope["path"] == "/api/uploads" and "name" in query
