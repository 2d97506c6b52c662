"""Runs the missing steps of the schema by Alembic, imported only where some are missing."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection


def config() -> Config:
    """Say where the steps lie."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return found


def upgrade(connection: Connection) -> None:
    """Run them, in the transaction of the connection.

    Raises:
        OSError: the database is at a step that nobody here knows.
    """
    steps = config()
    steps.attributes["connection"] = connection
    try:
        command.upgrade(steps, "head")
    except CommandError as error:
        raise OSError("a newer fakewatch has written it") from error
