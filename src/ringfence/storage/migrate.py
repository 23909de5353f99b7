"""Brings a database up to date: at the start on SQLite, by command on PostgreSQL."""

import asyncio

from ringfence.core.errors import ConfigurationError


def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date. Must not be called from a running event loop.

    Raises:
        ConfigurationError: The address is of no database, or a newer version has written it.
        StoreError: The database does not answer.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from ringfence.storage.sqlite.file import file_of  # noqa: PLC0415  # one adapter only
        from ringfence.storage.sqlite.start import prepare  # noqa: PLC0415  # as above

        prepare(file_of(url))
    elif scheme == "postgresql":
        from ringfence.storage.postgres import migrate as postgres  # noqa: PLC0415  # as above

        asyncio.run(postgres.migrate(url))
    else:
        raise ConfigurationError("RINGFENCE_DATABASE: only SQLite and PostgreSQL are migrated")
