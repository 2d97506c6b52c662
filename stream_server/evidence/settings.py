"""What is kept of an alert as evidence, and for how long."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Roll = Annotated[float, Field(ge=0, le=120)]


class Mode(StrEnum):
    """How much a bundle shows; each step down needs less room and shows less of people."""

    METADATA = "metadata"
    """Scores, blinks, model and settings: nothing with pixels."""
    SNAPSHOT = "snapshot"
    """And the strongest crops of the flagged face, and one whole picture."""
    CLIP = "clip"
    """And a clip of the seconds before and after."""

    def and_less(self) -> tuple["Mode", ...]:
        """This one and what it may fall back to, most first."""
        order = (Mode.CLIP, Mode.SNAPSHOT, Mode.METADATA)
        return order[order.index(self) :]


class EvidenceSettings(BaseModel):
    """What a bundle holds, and when it goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Mode.METADATA
    pre_roll_s: Roll = 15.0
    post_roll_s: Roll = 10.0
    blur_others: bool = False
    """A camera's own clip shows everybody; with this it is re-encoded, with the others blurred."""
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 14.0
    keep_mb: Annotated[int, Field(ge=1, le=1048576)] = 2048
    min_free_mb: Annotated[int, Field(ge=0, le=1048576)] = 512
    """With less room left on the disk nothing with pixels is written."""
    buffer_mb: Annotated[int, Field(ge=1, le=1024)] = 32
    """Memory a stream for the seconds before an alert."""
    sign: bool = False
    """Sign every manifest with an Ed25519 key that is made at its first use."""

    @property
    def window_s(self) -> float:
        """Seconds of a stream that are remembered; the writer may come a little late."""
        return self.pre_roll_s + self.post_roll_s + 5.0
