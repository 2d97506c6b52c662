"""Posts alerts to a URL, signed, so that the receiver can tell them from a stranger's."""

import base64
import hashlib
import hmac
import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SinkError
from stream_server.live import LiveAlert, to_json
from stream_server.outbound import HttpAddress, Outbound
from stream_server.redact import RegisteredSecret
from stream_server.sinks import SinkGone

_GONE = 410


class Config(BaseModel):
    """Settings of the webhook sink."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["webhook"] = "webhook"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "webhook"
    url: HttpAddress
    secret: RegisteredSecret | None = None
    """Signs every request (HMAC-SHA256); without one, requests are not signed."""
    old_secret: RegisteredSecret | None = None
    """Signs as well while receivers change over from it to `secret`."""
    timeout_s: Annotated[float, Field(gt=0, le=14)] = 10.0
    allow_private: bool = True
    """False refuses receivers in private networks and on this machine."""


class WebhookSink:
    """One POST an event. Redirects are not followed: they could lead anywhere."""

    def __init__(self, config: Config) -> None:
        self._config = config
        private = "allowed" if config.allow_private else "refused"
        self._outbound = Outbound("The webhook", config.timeout_s, private)

    async def send(self, event: LiveAlert) -> None:
        """Post the event.

        Raises:
            SinkGone: the receiver answered 410.
            SinkError: no connection, no answer in time, or any answer but 2xx.
        """
        body = to_json(event).encode()
        url = self._config.url.get_secret_value()
        answer = await self._outbound.post(url, body, self._headers(event, body))
        if answer.status_code == _GONE:
            raise SinkGone("The webhook answers that it is gone (410).")
        if not answer.is_success:
            raise SinkError(f"The webhook answers {answer.status_code}.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._outbound.aclose()

    def _headers(self, event: LiveAlert, body: bytes) -> dict[str, str]:
        """Give the headers of the Standard Webhooks specification 1.0; the id is per event."""
        webhook_id, timestamp = f"{event.alert.alert_id}.{event.seq}", str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": "fakewatch",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
        }
        secrets = (self._config.secret, self._config.old_secret)
        keys = [secret.get_secret_value().encode() for secret in secrets if secret is not None]
        if keys:
            signed = (sign(key, webhook_id, timestamp, body) for key in keys)
            headers["webhook-signature"] = " ".join(signed)
        return headers


def sign(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Sign `id.timestamp.body` (HMAC-SHA256) as Standard Webhooks 1.0 writes it: "v1,BASE64"."""
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def build(config: Config) -> WebhookSink:
    """Make the sink; nothing is connected yet."""
    return WebhookSink(config)
