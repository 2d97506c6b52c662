"""The settings in force, where they came from, and what the newest try to change them gave."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from pipeline.errors import SettingsError
from stream_server.redact import redact
from stream_server.reload_class import Reload, leaves
from stream_server.settings import Settings
from stream_server.settings_file import SettingsReader


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it may be shown: secrets masked."""

    path: str
    value: Any
    origin: str
    """default, file, environment or command line."""
    reload: Reload
    waits_for_restart: bool
    """The file says otherwise by now."""


class Configuration:
    """What every part of the service reads its settings from; replaced whole by a reload."""

    def __init__(
        self, settings: Settings, origins: Mapping[str, str], reader: SettingsReader | None
    ) -> None:
        self.settings = settings
        self.origins = origins
        self.waiting: tuple[str, ...] = ()
        """Paths of settings that only a restart changes."""
        self.error: str | None = None
        """Why the newest file was refused; the settings before it hold on."""
        self.loaded_at: datetime | None = None
        """When they were last changed while the service ran; None: never."""
        self.reader = reader
        """None where the settings came from nowhere, as in a test."""

    def effective(self) -> list[Setting]:
        """Show every setting in force."""
        return list(shown(self.settings, self.origins, self.waiting))


def read_at_start(reader: SettingsReader) -> Configuration:
    """Read the settings for the first time.

    Raises:
        SettingsError: they cannot be used.
    """
    loaded = reader.read()
    return Configuration(loaded.settings, loaded.origins, reader)


def shown(
    settings: Settings, origins: Mapping[str, str], waiting: tuple[str, ...] = ()
) -> Iterator[Setting]:
    """Give every setting as it may be shown."""
    for leaf in leaves(settings):
        if leaf.reload is None:
            raise SettingsError(f"{leaf.path} does not say what a change of it costs.")
        yield Setting(
            leaf.path,
            _masked(leaf.value),
            origins.get(leaf.path, "default"),
            leaf.reload,
            any(path == leaf.path or path.startswith(f"{leaf.path}.") for path in waiting),
        )


def _masked(value: Any) -> Any:
    class Holder(BaseModel):
        value: Any

    text = Holder(value=value).model_dump_json()
    return json.loads(redact(text))["value"]
