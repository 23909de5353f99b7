"""The schema's migrations: at the start on SQLite, by command on PostgreSQL.

``HEAD`` is the revision that this program needs. It stands here so that a start that finds it in
the database imports neither Alembic nor SQLAlchemy (0.5 s); a test compares it with the scripts.

On PostgreSQL the owner of the schema migrates and the application runs as ``ringfence_app``, a
role that may do what the stores do and nothing else. Wherever that role exists, each run leaves it
with exactly these privileges: it can neither change a table nor a login, nor truncate, nor forge
an entry of the feed that was written.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from ringfence.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD: Final = "0001"

ROLE: Final = "ringfence_app"

#: One migration at a time; any number that the application is unlikely to lock on as well.
_LOCK: Final = 0x72696E6766656E63  # "ringfenc"

_GRANTS: Final = """
GRANT USAGE ON SCHEMA ringfence TO ringfence_app;
REVOKE ALL ON ALL TABLES IN SCHEMA ringfence FROM ringfence_app;
GRANT SELECT ON alembic_version TO ringfence_app;
GRANT SELECT, INSERT ON accounts TO ringfence_app;
GRANT UPDATE (roles, token_version, role_version, disabled_us) ON accounts TO ringfence_app;
GRANT SELECT, INSERT, UPDATE ON verifiers TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON sessions TO ringfence_app;
GRANT UPDATE (last_used_us, revoked_us) ON sessions TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON refresh_tokens TO ringfence_app;
GRANT UPDATE (spent_us, sealed_successor) ON refresh_tokens TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON links TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON counters TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON revocations TO ringfence_app;
"""


def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date. Must not be called from a running event loop.

    Raises:
        ConfigurationError: The address is of no database, or a newer version has written it.
        StoreError: The database does not answer.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from ringfence.storage.sqlite.file import file_of  # noqa: PLC0415  # one adapter at a time
        from ringfence.storage.sqlite.start import prepare  # noqa: PLC0415  # as above

        prepare(file_of(url))
    elif scheme == "postgresql":
        asyncio.run(_migrate_postgres(url))
    else:
        raise ConfigurationError("RINGFENCE_DATABASE: only SQLite and PostgreSQL are migrated")


def upgrade(connection: "Connection") -> None:
    """Run what is missing up to ``HEAD`` in the transaction of ``connection``.

    Raises:
        ConfigurationError: The database is at a revision that this program does not know.
    """
    from alembic import command  # noqa: PLC0415  # see HEAD
    from alembic.config import Config  # noqa: PLC0415  # as above
    from alembic.util import CommandError  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", "ringfence.storage:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise ConfigurationError(
            "RINGFENCE_DATABASE: a newer version of this program has written it"
        ) from error


async def _migrate_postgres(url: str) -> None:
    from sqlalchemy import text  # noqa: PLC0415  # see HEAD
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  # as above
    from sqlalchemy.pool import NullPool  # noqa: PLC0415  # as above

    from ringfence.storage.postgres.database import FAILURES, connect, failure  # noqa: PLC0415  # as above

    async def opened() -> object:
        return await connect(url, patient=True)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=opened, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.execute(text("CREATE SCHEMA IF NOT EXISTS ringfence"))
            await connection.run_sync(upgrade)
            known = await connection.execute(
                text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": ROLE}
            )
            if known.first() is not None:
                for grant in _GRANTS.strip().split("\n"):
                    await connection.execute(text(grant))
    except FAILURES as error:
        raise failure(error) from error
    finally:
        await engine.dispose()
