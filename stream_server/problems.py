"""Errors as `application/problem+json` (RFC 9457), and the refusals that become them."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pipeline.errors import FakewatchError
from stream_server.redact import redact
from stream_server.store import StorageError

MEDIA_TYPE = "application/problem+json"


class Refusal(FakewatchError):
    """A request that cannot be granted; the message is one sentence for the caller."""

    status = 400
    code = "refused"
    retry_after_s: int | None = None


class NotFound(Refusal):
    """There is no such thing."""

    status, code = 404, "not_found"


class Conflict(Refusal):
    """It is there already, or it may not be changed."""

    status, code = 409, "conflict"


class Unusable(Refusal):
    """The values make no sense."""

    status, code = 422, "unusable"


class NoCapacity(Refusal):
    """Every place is taken; one may become free."""

    status, code, retry_after_s = 503, "no_capacity", 30


class Problem(BaseModel):
    """The body of an error answer."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    """Stable; for programs."""


RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {
        "description": "A problem document (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for code in (422, "default")
} | {401: {"model": Problem, "description": "The access token is missing or wrong."}}
"""What every operation may answer, for the schema."""


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Build an error answer; its text is redacted."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=redact(detail), code=code)
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of this app as a problem."""
    app.add_exception_handler(FakewatchError, _fakewatch_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer_to(error: Exception) -> JSONResponse:
    """Errors that say their `status` are answers; all others are faults of ours."""
    default = 503 if isinstance(error, StorageError) else 500
    status: int = getattr(error, "status", default)
    code = getattr(error, "code", None) or getattr(error, "result", None) or "failed"
    retry_after_s = getattr(error, "retry_after_s", None)
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else None
    return problem(status, str(code), str(error), headers)


async def _fakewatch_error(_request: Request, error: Exception) -> JSONResponse:
    return answer_to(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Name the faults of a request by their path, never by the value that was given."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    sentences = (
        f"{'.'.join(str(part) for part in fault['loc'][1:]) or fault['loc'][0]}:"
        f" {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults
    )
    return problem(422, "unusable", "; ".join(sentences) + ".")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    return problem(status, code, detail, headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    structlog.get_logger("fakewatch.api").error(
        "request_failed", method=request.method, path=request.url.path, exc_info=error
    )
    return problem(500, "failed", "The service failed at this request; its log says why.")
