"""WHIP (RFC 9725): OBS, GStreamer or a phone publish a video to be analysed."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response

from pipeline.types import StreamId
from stream_server.api.webrtc import address_of, answer_counted, read_bounded
from stream_server.problems import NotFound
from stream_server.webrtc.limits import OfferError
from stream_server.webrtc.session import Offer
from stream_server.webrtc.session_description import MAX_OFFER_BYTES
from stream_server.wiring import Wired

router = APIRouter(prefix="/whip", tags=["webrtc"])

SDP = "application/sdp"
_SDP_BODY = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}

Slug = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,47}$")]
"""The publisher's name for its stream."""


@router.post("/{stream}", status_code=201, response_class=Response, openapi_extra=_SDP_BODY)
async def publish(stream: Slug, request: Request, wired: Wired) -> Response:
    """Start to analyse a publisher's video as the stream `webrtc-{stream}`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != SDP:
        raise OfferError(415, "malformed", f"A WHIP offer is sent as {SDP}.")
    raw = await read_bounded(request, MAX_OFFER_BYTES)
    try:
        sdp = raw.decode()
    except UnicodeDecodeError as error:
        raise OfferError(400, "malformed", "The session description is no UTF-8 text.") from error
    stream_id = StreamId(f"webrtc-{stream}")
    asked = Offer(sdp, address_of(request), stream, stream_id=stream_id)
    answer = await answer_counted(wired, asked)
    # The token makes the address of the session hard to guess: whoever knows it may end it.
    location = request.url_for("unpublish", stream=stream, token=answer.resume_token).path
    return Response(answer.sdp, 201, {"Location": location}, SDP)


@router.delete("/{stream}/{token}")
async def unpublish(stream: Slug, token: str, wired: Wired) -> Response:
    """End the session that an offer made."""
    stream_id = StreamId(f"webrtc-{stream}")
    if not wired.webrtc.owns(stream_id, token) or not await wired.webrtc.close(
        stream_id, "removed"
    ):
        raise NotFound("There is no such WHIP session.")
    return Response(status_code=200)


@router.options("/{stream}", status_code=204)
async def announce(stream: Slug) -> Response:  # noqa: ARG001 - the path names it
    """Say what may be posted here (RFC 9725, section 4.2)."""
    return Response(status_code=204, headers={"Accept-Post": SDP})


async def _not_offered() -> Response:
    """Trickled candidates and ICE restarts are not offered (RFC 9725, section 4.3.1)."""
    raise HTTPException(405, "A WHIP session can only be made and deleted.", {"Allow": "DELETE"})


async def _only_post() -> Response:
    raise HTTPException(405, "A WHIP offer is posted.", {"Allow": "POST, OPTIONS"})


# Without these the page's file server, mounted at "/", would answer.
_OTHERS = ["GET", "HEAD", "PUT", "PATCH"]
router.add_api_route(
    "/{stream}/{token}", _not_offered, methods=[*_OTHERS, "POST"], include_in_schema=False
)
router.add_api_route("/{stream}", _only_post, methods=[*_OTHERS, "DELETE"], include_in_schema=False)
