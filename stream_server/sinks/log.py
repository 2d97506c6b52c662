"""Writes alerts into the service's own log."""

from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field

from stream_server.live import LiveAlert


class Config(BaseModel):
    """Settings of the log sink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["log"] = "log"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "log"


class LogSink:
    """One line a change, of the level warning while signs of manipulation last."""

    async def send(self, event: LiveAlert) -> None:
        """Write the line; cannot fail."""
        alert = event.alert
        log = structlog.get_logger("fakewatch.alerts")
        write = log.info if alert.closed_at else log.warning
        write(
            f"alert_{alert.phase.value}",
            alert_id=alert.alert_id,
            stream=alert.stream_id,
            stream_name=alert.stream_name,
            track_id=alert.track_id,
            fake_prob=round(alert.fake_prob, 3),
            peak_prob=round(alert.peak_prob, 3),
            threshold=alert.threshold,
            model=alert.model,
            advice="signs of manipulation; verify by another channel",
        )

    async def aclose(self) -> None:
        """Nothing to let go of."""


def build(config: Config) -> LogSink:  # noqa: ARG001 - every sink is built from its config
    """Make the sink."""
    return LogSink()
