"""Posts alerts to a URL, signed, so that the receiver can tell them from a stranger's."""

import asyncio
import base64
import hashlib
import hmac
import socket
import time
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from pipeline.errors import SinkError
from stream_server.live import LiveAlert, to_json
from stream_server.redact import SecretUrl, redact, register_secret
from stream_server.sinks import SinkGone

_GONE = 410


def _http(url: SecretUrl) -> SecretUrl:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http or https address is needed")
    return url


def _registered(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None:
        register_secret(secret.get_secret_value())
    return secret


class Config(BaseModel):
    """Settings of the webhook sink."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["webhook"] = "webhook"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "webhook"
    url: Annotated[SecretUrl, AfterValidator(_http)]
    secret: Annotated[SecretStr | None, AfterValidator(_registered)] = None
    """Signs every request (HMAC-SHA256); without one, requests are not signed."""
    timeout_s: Annotated[float, Field(gt=0, le=14)] = 10.0
    allow_private: bool = True
    """False refuses receivers in private networks and on this machine."""


class WebhookSink:
    """One POST an event. Redirects are not followed: they could lead anywhere."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client = httpx.AsyncClient(
            timeout=config.timeout_s, follow_redirects=False, trust_env=False
        )

    async def send(self, event: LiveAlert) -> None:
        """Post the event.

        Raises:
            SinkGone: the receiver answered 410.
            SinkError: no connection, no answer in time, or any answer but 2xx.
        """
        await self._check_address()
        body = to_json(event).encode()
        try:
            answer = await self._client.post(
                self._config.url.get_secret_value(),
                content=body,
                headers=self._headers(event, body),
            )
        except httpx.HTTPError as error:
            raise SinkError(
                f"The webhook cannot be reached: {redact(str(error)) or type(error).__name__}."
            ) from None
        if answer.status_code == _GONE:
            raise SinkGone("The webhook answers that it is gone (410).")
        if not answer.is_success:
            raise SinkError(f"The webhook answers {answer.status_code}.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _headers(self, event: LiveAlert, body: bytes) -> dict[str, str]:
        """Give the headers of the Standard Webhooks specification 1.0; the id is per event."""
        webhook_id, timestamp = f"{event.alert.alert_id}.{event.seq}", str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": "fakewatch",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
        }
        if self._config.secret is not None:
            key = self._config.secret.get_secret_value().encode()
            headers["webhook-signature"] = sign(key, webhook_id, timestamp, body)
        return headers

    async def _check_address(self) -> None:
        """Refuse receivers that a webhook must never reach, such as a cloud's metadata service."""
        parts = urlsplit(self._config.url.get_secret_value())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SinkError("The webhook's host name cannot be resolved.") from error
        for *_, address in found:
            ip = ip_address(str(address[0]).partition("%")[0])
            if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
                raise SinkError("The webhook's address is link-local: that is never allowed.")
            if ip.is_private and not self._config.allow_private:
                raise SinkError("The webhook's address is private, which allow_private forbids.")


def sign(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Sign `id.timestamp.body` (HMAC-SHA256) as Standard Webhooks 1.0 writes it: "v1,BASE64"."""
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def build(config: Config) -> WebhookSink:
    """Make the sink; nothing is connected yet."""
    return WebhookSink(config)
