"""Uploaded files: send them whole or in parts, follow their analysis, read their reports."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import FileResponse

from pipeline.comparison import Circumstances
from stream_server.plugins import explain
from stream_server.problems import Unusable
from stream_server.reports.compared import Comparison
from stream_server.reports.style import policy
from stream_server.specs import Preset
from stream_server.uploads.upload import UploadId, UploadView, Wishes
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/uploads", tags=["uploads"])

_PAGE_HEADERS = {"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"}


class Wanted(BaseModel):
    """What is wanted of a file's analysis."""

    model_config = ConfigDict(hide_input_in_errors=True, use_attribute_docstrings=True)

    pictures: bool = False
    """Show the faces at their most suspicious moments in the report."""
    annotated: bool = False
    """Keep an annotated copy as long as the report."""
    preset: Preset | None = None
    """Judge by this known system's rule in the place of fakewatch's own."""
    gender: Literal["f", "m"] | None = None
    """This and what follows is what you know of the person, for the rule of deepvision only."""
    age: Literal["0-19", "20-39", "40-59", "60+"] | None = None
    activity: Literal["static", "dynamic"] | None = None
    """static: silent; dynamic: talking."""
    daytime: Literal["am", "pm"] | None = None

    def wishes(self) -> Wishes:
        """The same as the service's side of it takes it."""
        about = Circumstances(self.gender, self.age, self.activity, self.daytime)
        return Wishes(self.pictures, self.annotated, self.preset, about)


class WholeUpload(Wanted):
    """A file that is the body of the request, where it has a name."""

    name: str | None = None
    """The body is the file itself."""


class NewUpload(Wanted):
    """A file that is to come in parts."""

    model_config = ConfigDict(extra="forbid")

    name: str
    size: int
    """Bytes."""


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
    whole: Annotated[WholeUpload, Query()],
) -> UploadView:
    """Declare a file that comes in parts, as JSON; or, with `?name=`, send it whole."""
    if whole.name is not None:
        length = request.headers.get("content-length")
        size = int(length) if length is not None else None
        body = request.stream()
        view = await wiring.uploads.receive_whole(whole.name, size, body, whole.wishes())
    else:
        new = _new_upload(await request.body())
        view = wiring.uploads.begin(new.name, new.size, new.wishes())
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
async def get_report(
    upload_id: UploadId, kind: Literal["html", "json", "pdf"], wiring: Wired
) -> Response:
    """Read the report: as a page, as data, or printed."""
    body = await wiring.uploads.report(upload_id, kind)
    if kind != "html":
        return Response(body, media_type=f"application/{kind}")
    # The page was written where a stranger's file was read: it may do nothing at all here.
    rules = f"{policy()}; frame-ancestors 'none'; sandbox"
    return Response(body, headers={**_PAGE_HEADERS, "Content-Security-Policy": rules})


@router.get("/{upload_id}/compare", responses={200: {"model": Comparison}})
async def get_comparison(upload_id: UploadId, wiring: Wired) -> Response:
    """What the rules of known systems say of the file, beside what fakewatch says."""
    # As it was written: it may be older than this program.
    body = await wiring.uploads.report(upload_id, "compare")
    return Response(body, media_type="application/json")


@router.get("/{upload_id}/annotated", response_class=FileResponse)
async def get_annotated(upload_id: UploadId, wiring: Wired) -> FileResponse:
    """Watch the annotated copy: H.264 in MP4, any part of it by `Range`; of a picture a JPEG."""
    path = wiring.uploads.annotated(upload_id)
    kind = "video/mp4" if path.suffix == ".mp4" else "image/jpeg"
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "no-store"})


def _new_upload(body: bytes) -> NewUpload:
    try:
        return NewUpload.model_validate_json(body)
    except ValidationError as error:
        raise Unusable(f"{explain(error)}.") from None
