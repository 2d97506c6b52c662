"""Streams: list, add, change, remove."""

import asyncio
import re
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.types import StreamId
from stream_server.auth.asking import Asking
from stream_server.plugins import parse_config
from stream_server.problems import Unusable
from stream_server.redact import SecretUrl, restore_credentials
from stream_server.specs import Preset, Slug, SourceConfig, StreamSpec, revealed
from stream_server.streams.entry import StreamView
from stream_server.streams.status import StreamStatus
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/streams", tags=["streams"])

Name = Annotated[str, Field(min_length=1, max_length=100)]


class NewStream(BaseModel):
    """A stream to be added."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Slug | None = None
    """Made from the name when it is left out."""
    name: Name
    source: SourceConfig
    preset: Preset | None = None


class StreamChange(BaseModel):
    """What is to be changed; the rest stays, credentials too where the address shows their mask."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Name | None = None
    source: dict[str, Any] | None = None
    preset: Preset | None = None
    """null, said so, goes back to fakewatch's own rule."""


@router.get("")
async def list_streams(wiring: Wired, asking: Asking) -> list[StreamView]:
    """List the streams that the caller may see, with their status."""
    return [view for view in wiring.streams.views() if asking.sees(view.id)]


@router.post("", status_code=201)
async def add_stream(new: NewStream, response: Response, wiring: Wired) -> StreamView:
    """Add a stream; it starts at once and is back after a restart."""
    _refuse_local_files(new.source)
    taken = {view.id for view in wiring.streams.views()}
    stream_id = new.id or _slug(new.name, taken)
    spec = StreamSpec(id=stream_id, name=new.name, source=new.source, preset=new.preset)
    view = await wiring.streams.add(spec)
    response.headers["Location"] = f"/api/streams/{view.id}"
    return view


@router.get("/{stream_id}")
async def get_stream(stream_id: StreamId, wiring: Wired) -> StreamView:
    """Look a stream up."""
    return wiring.streams.view(stream_id)


@router.get("/{stream_id}/status")
async def get_status(stream_id: StreamId, wiring: Wired) -> StreamStatus:
    """How a stream is doing."""
    return wiring.streams.view(stream_id).status


@router.get("/{stream_id}/preview.jpg", response_class=Response)
async def get_preview(stream_id: StreamId, wiring: Wired) -> Response:
    """Give the newest analysed picture, with its media time; 204 when there is none to show.

    A webcam or a window that a page shares is shown to that page only, which has it anyway.
    """
    picture = await asyncio.to_thread(wiring.streams.entry(stream_id).preview.picture)
    if picture is None or wiring.webrtc.is_private(stream_id):
        return Response(status_code=204)
    headers = {"X-Media-Time": f"{picture.time_s:.4f}", "Cache-Control": "no-store"}
    return Response(picture.jpeg, media_type="image/jpeg", headers=headers)


@router.patch("/{stream_id}")
async def change_stream(stream_id: StreamId, change: StreamChange, wiring: Wired) -> StreamView:
    """Change an added stream; only a new source or preset reconnects it."""
    spec = wiring.streams.spec(stream_id)
    source = spec.source if change.source is None else _merged(spec.source, change.source)
    name = spec.name if change.name is None else change.name
    preset = change.preset if "preset" in change.model_fields_set else spec.preset
    changed = StreamSpec(id=spec.id, name=name, source=source, preset=preset)
    return await wiring.streams.change(stream_id, changed)


@router.delete("/{stream_id}", status_code=204)
async def remove_stream(stream_id: StreamId, wiring: Wired) -> None:
    """Stop an added stream and forget it; its alerts stay."""
    await wiring.streams.remove(stream_id)


def _merged(source: BaseModel, change: dict[str, Any]) -> BaseModel:
    """Lay the change over the stored source, whose credentials are write-only."""
    stored = revealed(source)
    same_type = change.get("type", stored["type"]) == stored["type"]
    facts = {**(stored if same_type else {}), **change}
    for name, before in dict(source).items():
        given = change.get(name)
        if not (same_type and isinstance(before, SecretUrl) and isinstance(given, str)):
            continue
        restored = restore_credentials(given, before.get_secret_value())
        if restored is None:
            raise Unusable(
                f"source.{name}: the server changed, so give its user name and password again."
            )
        facts[name] = restored
    try:
        merged = parse_config("sources", facts)
    except ValueError as error:
        raise Unusable(f"source: {error}.") from None
    _refuse_local_files(merged)
    return merged


def _refuse_local_files(source: BaseModel) -> None:
    """Whoever may use the page may not thereby read this machine's files."""
    if getattr(source, "reads_local_files", False):
        raise Unusable(
            "source.url: files of this machine can be named in the settings only; use"
            " `fakewatch analyze` for a file."
        )


def _slug(name: str, taken: set[StreamId]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "stream"
    if slug in taken or slug in ("webrtc", "other") or slug.startswith("webrtc-"):
        return f"stream-{secrets.token_hex(4)}"
    return slug
