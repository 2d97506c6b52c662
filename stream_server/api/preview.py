"""The newest analysed picture of a camera, for whoever may see its results."""

from fastapi import APIRouter, Response

from pipeline.types import StreamId
from stream_server.problems import NotFound
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/streams", tags=["streams"])

_JPEG = {200: {"content": {"image/jpeg": {}}}, 204: {"description": "No picture yet."}}


# Plain `def`: the picture is encoded in a worker thread, off the event loop.
@router.get("/{stream_id}/preview.jpg", response_class=Response, responses=_JPEG)
def preview(stream_id: StreamId, wiring: Wired) -> Response:
    """Show the newest analysed picture, made small; it is in memory only.

    `X-Media-Time` (seconds) and `X-Epoch` say which results belong to it. A webcam or a window
    that a page shares is shown to that page only, which has it anyway.
    """
    if wiring.webrtc.is_private(stream_id):
        raise NotFound("The picture of a webcam or a shared window stays with its page.")
    picture = wiring.streams.picture(stream_id)
    if picture is None:
        return Response(status_code=204)
    headers = {
        "Cache-Control": "no-store",
        "X-Media-Time": f"{picture.time_s:.6f}",
        "X-Epoch": str(picture.epoch),
        "X-Frame-Index": str(picture.frame_index),
    }
    return Response(picture.jpeg, 200, headers, "image/jpeg")
