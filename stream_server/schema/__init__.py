"""The tables of the service's database, and how older ones become them; run by Alembic."""

HEAD = "1"
"""The newest step in `versions/`: a database that is there needs no Alembic, whose import alone
would cost each start a fifth of a second."""
