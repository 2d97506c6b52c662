"""Publishes alerts to an MQTT broker, as home automation and control rooms listen to."""

import ssl
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SettingsError, SinkError
from stream_server.live import LiveAlert, to_json
from stream_server.redact import RegisteredSecret, redact

AT_LEAST_ONCE = 1


class Config(BaseModel):
    """Settings of the MQTT sink."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["mqtt"] = "mqtt"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "mqtt"
    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    topic: Annotated[str, Field(pattern=r"^[^#+$\x00][^#+\x00]{0,200}$")] = "fakewatch/alerts"
    """The stream's id is added as its last level."""
    tls: bool = False
    username: str | None = None
    password: RegisteredSecret | None = None
    timeout_s: Annotated[float, Field(gt=0, le=14)] = 10.0


class MqttSink:
    """One connection an event: alerts are rare, and a kept connection is one more that can rot."""

    def __init__(self, config: Config) -> None:
        """Take the settings.

        Raises:
            SettingsError: the package `aiomqtt` is not installed.
        """
        try:
            import aiomqtt
        except ModuleNotFoundError as error:
            raise SettingsError(
                "The MQTT sink needs the package aiomqtt: pip install 'fakewatch[sinks]'."
            ) from error
        self._mqtt = aiomqtt
        self._config = config

    async def send(self, event: LiveAlert) -> None:
        """Publish with QoS 1: the broker has confirmed it when this returns.

        Raises:
            SinkError: no connection, refused, or not confirmed in time.
        """
        config = self._config
        password = config.password.get_secret_value() if config.password else None
        try:
            async with self._mqtt.Client(
                config.host, config.port, username=config.username, password=password,
                timeout=config.timeout_s,
                tls_context=ssl.create_default_context() if config.tls else None,
            ) as client:  # fmt: skip
                await client.publish(
                    f"{config.topic}/{event.alert.stream_id}", to_json(event), qos=AT_LEAST_ONCE
                )
        except (self._mqtt.MqttError, OSError) as error:
            reason = redact(str(error)) or type(error).__name__
            raise SinkError(f"The MQTT broker did not take it: {reason}.") from None

    async def aclose(self) -> None:
        """Nothing is held."""


def build(config: Config) -> MqttSink:
    """Make the sink; nothing is connected yet."""
    return MqttSink(config)
