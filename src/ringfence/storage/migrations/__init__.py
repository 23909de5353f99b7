"""Alembic's environment and scripts; run by ``storage.migrate`` alone."""
