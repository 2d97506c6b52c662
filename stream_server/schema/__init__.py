"""The tables of the service's database, and how older ones become them; run by Alembic."""
