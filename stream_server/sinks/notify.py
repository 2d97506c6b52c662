"""Tells people by e-mail, chat or push: any of the services that the library Apprise knows."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SettingsError, SinkError
from pipeline.types import Alert, AlertPhase
from stream_server.live import LiveAlert
from stream_server.redact import RegisteredSecret


class Config(BaseModel):
    """Settings of the notification sink."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["notify"] = "notify"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "notify"
    urls: Annotated[tuple[RegisteredSecret, ...], Field(min_length=1)]
    """Apprise addresses, such as mailto://, slack://, matrix://; they hold credentials."""
    phases: tuple[AlertPhase, ...] = (AlertPhase.OPENED, AlertPhase.CLOSED)
    """People are told of these; machines want every update, people do not."""


class NotifySink:
    """One message an event, to every address; done when all have taken it."""

    def __init__(self, config: Config) -> None:
        """Parse the addresses.

        Raises:
            SettingsError: Apprise is not installed, or it does not know an address.
        """
        try:
            import apprise
        except ModuleNotFoundError as error:
            raise SettingsError(
                "The notify sink needs the package apprise: pip install 'fakewatch[sinks]'."
            ) from error
        # Its own log would show parts of the addresses, which are credentials.
        logging.getLogger("apprise").disabled = True
        self._phases = config.phases
        self._people = apprise.Apprise()
        for number, url in enumerate(config.urls, 1):
            if not self._people.add(url.get_secret_value()):
                raise SettingsError(f"Apprise does not know address {number} of {config.name}.")

    async def send(self, event: LiveAlert) -> None:
        """Send the message.

        Raises:
            SinkError: at least one service did not take it.
        """
        await self.send_group([event])

    async def send_group(self, events: Sequence[LiveAlert]) -> None:
        """Send one message about all events, on a thread: Apprise's services block.

        Raises:
            SinkError: at least one service did not take it.
        """
        told = [event.alert for event in events if event.alert.phase in self._phases]
        if not told:
            return
        title, body = message(told[0]) if len(told) == 1 else digest(told)
        taken = await asyncio.to_thread(self._people.notify, body=body, title=title)
        if not taken:
            raise SinkError("A notification service did not take the message.")

    async def aclose(self) -> None:
        """Nothing is held."""


def message(alert: Alert) -> tuple[str, str]:
    """Write title and text for a person."""
    if alert.phase is AlertPhase.CLOSED:
        return (
            f"fakewatch: {alert.stream_name}: the signs have ceased",
            f"Alert {alert.alert_id} is closed; its highest score was {alert.peak_prob:.0%}.",
        )
    reasons = "\n".join(f"- {reason.text}" for reason in alert.reasons)
    return (
        f"fakewatch: signs of manipulation on {alert.stream_name}",
        f"Since {alert.opened_at:%Y-%m-%d %H:%M:%S} UTC, score {alert.fake_prob:.0%}.\n{reasons}\n"
        f"This is no proof: verify through another channel.\nAlert {alert.alert_id}.",
    )


def digest(alerts: Sequence[Alert]) -> tuple[str, str]:
    """Write title and text about several alerts that changed at once."""
    lines = [
        f"- {message(alert)[0].removeprefix('fakewatch: ')} (alert {alert.alert_id})"
        for alert in alerts
    ]
    streams = len({alert.stream_id for alert in alerts})
    return (
        f"fakewatch: {len(alerts)} changes of alerts on {streams} streams",
        "\n".join([*lines, "None of this is proof: verify through another channel."]),
    )


def build(config: Config) -> NotifySink:
    """Make the sink; nothing is connected yet."""
    return NotifySink(config)
