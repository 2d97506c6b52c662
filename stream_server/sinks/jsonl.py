"""Appends alerts to a file, one JSON document a line."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import SinkError
from stream_server.live import LiveAlert, to_json


class Config(BaseModel):
    """Settings of the file sink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["jsonl"] = "jsonl"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "jsonl"
    path: Path
    """Made, with its folders, when it is not there; readable by the service's user only."""


class JsonlSink:
    """Every line is on the disk before the delivery counts."""

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._lock = asyncio.Lock()

    async def send(self, event: LiveAlert) -> None:
        """Append the event.

        Raises:
            SinkError: the file cannot be written.
        """
        async with self._lock:
            try:
                await asyncio.to_thread(self._append, to_json(event) + "\n")
            except OSError as error:
                raise SinkError(f"{self._path} cannot be written: {error.strerror}.") from error

    async def aclose(self) -> None:
        """Nothing to let go of: the file is open only while it is written."""

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def build(config: Config) -> JsonlSink:
    """Make the sink; nothing is opened yet."""
    return JsonlSink(config.path)
