"""A stream's guided challenge: start, follow step by step, give up."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, model_validator

from pipeline.types import StreamId
from stream_server.streams.challenger import Audience, ChallengeView
from stream_server.wiring import Wired

router = APIRouter(prefix="/api/streams/{stream_id}/challenge", tags=["challenge"])


class Order(BaseModel):
    """How the steps reach the person."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    audience: Audience = Audience.RELAYED
    colours: bool = False
    """Light the face with slowly changing colours; whoever shows the steps has to show them, too.
    Only before the person's own screen."""

    @model_validator(mode="after")
    def _has_a_screen(self) -> Self:
        if self.colours and self.audience is not Audience.SELF:
            raise ValueError("colours need the person's own screen: audience self")
        return self


@router.post("", status_code=202)
async def begin_challenge(stream_id: StreamId, order: Order, wiring: Wired) -> ChallengeView:
    """Ask the one person in the picture for a few steps, in random order.

    Poll for the steps, once a second at least: nobody can do what nobody shows. The result counts
    for a minute, as one bounded reason of that face's score. It is no proof of life.
    """
    challenger = wiring.streams.entry(stream_id).challenger
    challenger.begin(order.audience, colours=order.colours)
    return challenger.view()


@router.get("")
async def get_challenge(stream_id: StreamId, wiring: Wired) -> ChallengeView:
    """Say which step is asked for and how far it is, or what came of the newest challenge."""
    return wiring.streams.entry(stream_id).challenger.view()


@router.delete("", status_code=204)
async def end_challenge(stream_id: StreamId, wiring: Wired) -> None:
    """Give up a running challenge, or let its result count no more."""
    wiring.streams.entry(stream_id).challenger.forget()
