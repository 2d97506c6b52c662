"""Webcams and shared windows: a page's offer in, an answer out, and the end of a session."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from pipeline.types import StreamId
from stream_server.auth.asking import AccessOf, Asking
from stream_server.problems import NotFound
from stream_server.specs import Preset
from stream_server.webrtc.limits import OfferError
from stream_server.webrtc.session import Answer, Offer
from stream_server.wiring import Wired, Wiring

router = APIRouter(prefix="/webrtc", tags=["webrtc"])

MAX_BODY_BYTES = 128 * 1024
"""An offer of 64 KiB, as JSON writes it."""


class OfferBody(BaseModel):
    """An SDP offer with one video to receive; all its candidates are in it."""

    sdp: str
    type: Literal["offer"] = "offer"
    name: Annotated[str, Field(min_length=1, max_length=100)] = "Webcam"
    token: Annotated[str, Field(max_length=100)] | None = None
    """`resume_token` of an earlier answer, to go on with that stream."""
    preset: Preset | None = None
    """Judge by this known system's rule in the place of fakewatch's own."""


class AnswerBody(BaseModel):
    """The answer, with all our candidates in it."""

    sdp: str
    type: Literal["answer"] = "answer"
    stream_id: str
    resume_token: str


_OFFER_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": OfferBody.model_json_schema()}},
    }
}


@router.post("/offer", openapi_extra=_OFFER_SCHEMA)
async def offer(request: Request, wired: Wired, asking: Asking, access: AccessOf) -> AnswerBody:
    """Start to analyse a video, or go on with one.

    Results come on the data channel "results" (unordered, no retransmits), statuses and alerts on
    "alerts"; the page opens both. A heartbeat `{"type": "ping", "t": number}` on "alerts" is due
    every `webrtc.heartbeat_s`.
    """
    body = await read_offer(request)
    asked = Offer(body.sdp, address_of(request), body.name, body.token, preset=body.preset)
    answer = await answer_counted(wired, asked)
    access.note_started(answer.stream_id, asking)
    return AnswerBody(sdp=answer.sdp, stream_id=answer.stream_id, resume_token=answer.resume_token)


@router.delete("/{stream_id}", status_code=204)
async def end(stream_id: str, wired: Wired) -> None:
    """End a session and its stream."""
    if not await wired.webrtc.close(StreamId(stream_id), "removed"):
        raise NotFound(f"There is no WebRTC session {stream_id}.")


async def answer_counted(wired: Wiring, asked: Offer) -> Answer:
    """Answer an offer and count what became of it."""
    offers = wired.metrics.webrtc_offers
    try:
        answer = await wired.webrtc.offer(asked)
    except OfferError as error:
        offers.labels(error.result).inc()
        raise
    offers.labels("answered").inc()
    return answer


async def read_offer(request: Request) -> OfferBody:
    """Read an offer as JSON, refusing what is too large before it is read to its end."""
    raw = await read_bounded(request, MAX_BODY_BYTES)
    try:
        return OfferBody.model_validate_json(raw)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "body"
        message = f"This is no offer: {where}: {fault['msg']}."
        raise OfferError(400, "malformed", message) from error


async def read_bounded(request: Request, max_bytes: int) -> bytes:
    """Read a body, but not more than this of it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            message = f"The session description is over {max_bytes // 1024} KiB."
            raise OfferError(413, "too_large", message)
    return bytes(body)


def address_of(request: Request) -> str:
    """Who asks, for the limits; "unknown" on a Unix socket."""
    return request.client.host if request.client else "unknown"
