"""Alembic's scripts: they run when a database is opened."""
