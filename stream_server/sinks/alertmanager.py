"""Posts alerts to a Prometheus Alertmanager, which groups, silences and routes them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SinkError
from pipeline.types import Alert, AlertPhase
from stream_server.live import LiveAlert
from stream_server.outbound import HttpAddress, Outbound

KEPT_FOR = timedelta(hours=24)
"""An open alert stays with the Alertmanager this long without news, should we be gone."""


class Config(BaseModel):
    """Settings of the Alertmanager sink."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["alertmanager"] = "alertmanager"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "alertmanager"
    url: HttpAddress
    """Of the Alertmanager, without /api/v2/alerts."""
    timeout_s: Annotated[float, Field(gt=0, le=14)] = 10.0


class AlertmanagerSink:
    """One POST of API v2 an event; labels name the alert, so repeats are one alert there too."""

    def __init__(self, config: Config) -> None:
        base = config.url.get_secret_value().rstrip("/")
        self._url = f"{base}/api/v2/alerts"
        self._outbound = Outbound("The Alertmanager", config.timeout_s, "allowed")

    async def send(self, event: LiveAlert) -> None:
        """Post the alert; closing it resolves it there.

        Raises:
            SinkError: no connection, no answer in time, or any answer but 2xx.
        """
        body = json.dumps([posted(event.alert, datetime.now(UTC))]).encode()
        answer = await self._outbound.post(self._url, body, {"content-type": "application/json"})
        if not answer.is_success:
            raise SinkError(f"The Alertmanager answers {answer.status_code}.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._outbound.aclose()


def posted(alert: Alert, now: datetime) -> dict[str, object]:
    """Write the alert as Alertmanager's API v2 takes it."""
    closed = alert.phase is AlertPhase.CLOSED
    ends_at = (alert.closed_at or alert.updated_at) if closed else now + KEPT_FOR
    return {
        "labels": {
            "alertname": "FakewatchSignsOfManipulation",
            "severity": "warning",
            "stream": alert.stream_id,
            "alert_id": alert.alert_id,
        },
        "annotations": {
            "summary": f"Signs of manipulation on {alert.stream_name}: verify by another channel.",
            "fake_prob": f"{alert.fake_prob:.3f}",
            "reasons": " ".join(reason.text for reason in alert.reasons),
        },
        "startsAt": alert.opened_at.isoformat(),
        "endsAt": ends_at.isoformat(),
    }


def build(config: Config) -> AlertmanagerSink:
    """Make the sink; nothing is connected yet."""
    return AlertmanagerSink(config)
