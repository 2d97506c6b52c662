"""The page: static files, checked with the service at every load, never built."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).parent.parent / "web"


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # A new version must show at once; unchanged files cost one 304 answer.
        response.headers["Cache-Control"] = "no-cache"
        return response


def files() -> StaticFiles:
    """Serve stream_server/web below "/"."""
    return _Files(directory=WEB, html=True)
