"""A stream's enrolment: start, follow, remove. Biometric data; what was measured is never shown."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.types import StreamId
from stream_server.streams.enroller import EnrolmentView
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/streams/{stream_id}/enrolment", tags=["enrolment"])


class Statement(BaseModel):
    """What whoever enrols a person vouches for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    genuine_and_agreed: Literal[True]
    """The person is genuine now, as another channel has confirmed, and agrees that features of
    their face are stored until the enrolment or the stream is removed."""


@router.post("", status_code=202)
async def begin_enrolment(
    stream_id: StreamId, statement: Statement, wiring: Wired
) -> EnrolmentView:
    """Enrol the one person in the picture from the next 20 seconds.

    Opt-in: features of the face (not pictures) are stored on this machine and never sent. They are
    compared with what is seen later, within bounds; they exonerate nobody. An enrolment that was
    there is replaced once the new one is complete.
    """
    assert statement.genuine_and_agreed  # noqa: S101 - nothing else validates
    enroller = wiring.streams.entry(stream_id).enroller
    enroller.begin()
    return enroller.view()


@router.get("")
async def get_enrolment(stream_id: StreamId, wiring: Wired) -> EnrolmentView:
    """Say whether somebody is enrolled, how far a running enrolment is, or why it was refused."""
    return wiring.streams.entry(stream_id).enroller.view()


@router.delete("", status_code=204)
async def remove_enrolment(stream_id: StreamId, wiring: Wired) -> None:
    """Forget the enrolled person, on the disk too; a running enrolment is given up."""
    await asyncio.to_thread(wiring.streams.entry(stream_id).enroller.forget)
