"""What the service and the process that analyses a file say to each other, as JSON lines."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.comparison import Circumstances
from pipeline.types import State
from stream_server.calibration.table import CalibrationTable
from stream_server.settings import AnalyzerSection, ModelsSettings

TEXT_CHARS = 1000


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Job(_Line):
    """All that the analysis of one file needs; the only line to the process."""

    input: Path
    output: Path
    """The folder for the reports and the annotated copy."""
    name: str
    pictures: bool
    annotated: bool
    preset: str | None = None
    about: Circumstances = Circumstances()
    max_annotated_bytes: int
    models: ModelsSettings
    analyzer: AnalyzerSection
    calibration: CalibrationTable | None = None
    analyse_fps: float
    max_duration_s: float
    max_cpu_s: int
    max_memory_bytes: int


class StepLine(_Line):
    """How far it has come."""

    type: Literal["step"] = "step"
    done_s: float
    duration_s: float | None
    worst: State


class DoneLine(_Line):
    """All reports are written."""

    type: Literal["done"] = "done"
    verdict: State
    fake_prob: float | None
    text: Annotated[str, Field(max_length=TEXT_CHARS)]
    annotated: bool = False


class FailedLine(_Line):
    """It cannot be analysed, and why."""

    type: Literal["failed"] = "failed"
    code: Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
    text: Annotated[str, Field(max_length=500)]


Line = Annotated[StepLine | DoneLine | FailedLine, Field(discriminator="type")]
LINES: TypeAdapter[StepLine | DoneLine | FailedLine] = TypeAdapter(Line)
