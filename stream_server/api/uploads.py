"""Uploaded files: send them whole or in parts, follow their analysis, read their reports."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from stream_server.plugins import explain
from stream_server.problems import Unusable
from stream_server.reports.page import policy
from stream_server.uploads.upload import UploadId, UploadView
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/uploads", tags=["uploads"])

_PAGE_HEADERS = {"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"}


class NewUpload(BaseModel):
    """A file that is to come in parts."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str
    size: int
    """Bytes."""
    pictures: bool = False
    """Show the faces at their most suspicious moments in the report."""


@router.get("")
async def list_uploads(wiring: Wired) -> list[UploadView]:
    """List all uploaded files, the newest first."""
    return wiring.uploads.views()


@router.post(
    "",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": NewUpload.model_json_schema()},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
)
async def add_upload(
    request: Request,
    response: Response,
    wiring: Wired,
    name: Annotated[str | None, Query(description="The body is the file itself.")] = None,
    pictures: bool = False,  # noqa: FBT001, FBT002 - a query parameter
) -> UploadView:
    """Declare a file that comes in parts, as JSON; or, with `?name=`, send it whole."""
    if name is not None:
        length = request.headers.get("content-length")
        size = int(length) if length is not None else None
        view = await wiring.uploads.receive_whole(name, size, request.stream(), pictures=pictures)
    else:
        new = _new_upload(await request.body())
        view = wiring.uploads.begin(new.name, new.size, pictures=new.pictures)
    response.headers["Location"] = f"/api/uploads/{view.id}"
    return view


@router.get("/{upload_id}")
async def get_upload(upload_id: UploadId, wiring: Wired) -> UploadView:
    """Say how far it is; `received_bytes` is where the next part begins."""
    return wiring.uploads.view(upload_id)


@router.put("/{upload_id}/parts")
async def add_part(
    upload_id: UploadId, offset: Annotated[int, Query(ge=0)], request: Request, wiring: Wired
) -> UploadView:
    """Send the next part, at most 8 MiB of raw bytes."""
    return await wiring.uploads.receive_part(upload_id, offset, request.stream())


@router.post("/{upload_id}/finish")
async def finish_upload(upload_id: UploadId, wiring: Wired) -> UploadView:
    """Queue a file all of whose parts have come."""
    return await wiring.uploads.finish(upload_id)


@router.post("/{upload_id}/cancel")
async def cancel_upload(upload_id: UploadId, wiring: Wired) -> UploadView:
    """Stop it wherever it is, and delete the file; a finished one stays as it is."""
    return await wiring.uploads.cancel(upload_id)


@router.delete("/{upload_id}", status_code=204)
async def remove_upload(upload_id: UploadId, wiring: Wired) -> None:
    """Cancel it where it is not finished, and delete everything of it."""
    await wiring.uploads.forget(upload_id)


@router.get("/{upload_id}/report.{kind}", response_class=Response)
async def get_report(upload_id: UploadId, kind: Literal["html", "json"], wiring: Wired) -> Response:
    """Read the report, as a page or as data."""
    body = await wiring.uploads.report(upload_id, kind)
    if kind == "json":
        return Response(body, media_type="application/json")
    # The page was written where a stranger's file was read: it may do nothing at all here.
    rules = f"{policy()}; frame-ancestors 'none'; sandbox"
    return Response(body, headers={**_PAGE_HEADERS, "Content-Security-Policy": rules})


def _new_upload(body: bytes) -> NewUpload:
    try:
        return NewUpload.model_validate_json(body)
    except ValidationError as error:
        raise Unusable(f"{explain(error)}.") from None
