"""Where the service keeps what must last, and for how long."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stream_server.redact import SecretUrl
from stream_server.reload_class import Reload


def default_data_directory() -> Path:
    """Find the platform's place for user data, never a temporary one."""
    root = os.environ.get("XDG_DATA_HOME")
    return (Path(root) if root else Path.home() / ".local/share") / "fakewatch"


class StorageSettings(BaseModel):
    """What is kept: streams that were added, alerts, deliveries that wait, users, evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[Path, Reload.PROCESS] = Field(default_factory=default_data_directory)
    database_url: Annotated[SecretUrl | None, Reload.PROCESS] = None
    """PostgreSQL's address; None: an SQLite file under `path`."""
    retention_days: Annotated[float, Field(gt=0, le=3650)] = 14.0
    """Closed alerts older than that are deleted."""
    outbox_rows: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Deliveries that may wait; beyond that the oldest updates go first."""
    deliveries_per_minute: Annotated[int, Field(ge=1, le=6000)] = 60
    """Messages a sink may be sent; what is above waits, and nothing of it is lost."""

    @field_validator("path")
    @classmethod
    def _expanded(cls, path: Path) -> Path:
        return path.expanduser()

    @field_validator("database_url")
    @classmethod
    def _can_be_used(cls, url: SecretUrl | None) -> SecretUrl | None:
        if url is None:
            return None
        if not _is_address(url.get_secret_value()):
            raise ValueError("it has to look like postgresql://user:password@host/database")
        if find_spec("psycopg") is None:
            raise ValueError("it needs: pip install 'fakewatch[postgres]'")
        return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "postgresql" and bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:  # whose text quotes what may be half a password
        return False
