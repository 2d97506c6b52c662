"""Streams, alerts, deliveries that wait, enrolments, users.

SQLite files from before Alembic hold some of these tables, or all: what is there stays.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "1"
down_revision = None

_COUNTED = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make what is missing."""
    _streams()
    _alerts()
    _outbox()
    _access()


def _streams() -> None:
    op.create_table(
        "stream",
        Column("stream_id", Text, primary_key=True),
        Column("position", Integer, nullable=False),
        Column("spec", Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "enrolment",
        Column("stream_id", Text, primary_key=True),
        Column("body", Text, nullable=False),
        if_not_exists=True,
    )


def _alerts() -> None:
    op.create_table(
        "alert",
        Column("alert_id", Text, primary_key=True),
        Column("stream_id", Text, nullable=False),
        Column("is_open", Integer, nullable=False),
        Column("opened_at", Text, nullable=False),
        Column("updated_at", Text, nullable=False),
        Column("body", Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index("alert_by_time", "alert", ["opened_at"], if_not_exists=True)
    op.create_table(
        "event",
        Column("seq", _COUNTED, primary_key=True),
        Column("alert_id", Text, nullable=False),
        Column("at", Text, nullable=False),
        Column("body", Text, nullable=False),
        if_not_exists=True,
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_alert", "event", ["alert_id"], if_not_exists=True)


def _outbox() -> None:
    op.create_table(
        "outbox",
        Column("id", _COUNTED, primary_key=True),
        Column("sink", Text, nullable=False),
        Column("seq", _COUNTED, nullable=False),
        Column("alert_id", Text, nullable=False),
        Column("phase", Text, nullable=False),
        Column("created_s", Double, nullable=False),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("due_s", Double, nullable=False, server_default="0"),
        Column("dead", Integer, nullable=False, server_default="0"),
        Column("error", Text),
        Column("body", Text, nullable=False),
        if_not_exists=True,
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbox_by_alert", "outbox", ["sink", "dead", "alert_id", "id"], if_not_exists=True
    )


def _access() -> None:
    op.create_table(
        "account",
        Column("name", Text, primary_key=True),
        Column("role", Text, nullable=False),
        Column("streams", Text),
        Column("password", Text),
        Column("created_at", Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "api_token",
        Column("token_id", Text, primary_key=True),
        Column("account", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("secret", Text, nullable=False),
        Column("created_at", Text, nullable=False),
        if_not_exists=True,
    )
