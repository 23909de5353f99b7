"""Migrations on PostgreSQL, by command, and the privileges of those who may not migrate.

The owner of the schema migrates and the application runs as ``ringfence_app``, a role that may do
what the stores do and nothing else. Wherever that role exists, each run leaves it with exactly
these privileges: it can neither change a table nor a login, nor delete an account, nor truncate,
nor forge an entry of the feed that was written.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringfence.storage.migrations import upgrade
from ringfence.storage.postgres.database import FAILURES, connect, failure

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
GRANT SELECT, DELETE ON imported_hashes TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON sessions TO ringfence_app;
GRANT UPDATE (signed_in_us, last_used_us, revoked_us) ON sessions TO ringfence_app;
GRANT SELECT, INSERT ON assurances TO ringfence_app;
GRANT UPDATE (authenticated_us) ON assurances TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON refresh_tokens TO ringfence_app;
GRANT UPDATE (signed_in_us, issued_us) ON refresh_tokens TO ringfence_app;
GRANT UPDATE (spent_us, sealed_successor) ON refresh_tokens TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON links TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON counters TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON revocations TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON totp TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON recovery_codes TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON passkeys TO ringfence_app;
GRANT UPDATE (name, sign_count, backed_up, used_us) ON passkeys TO ringfence_app;
GRANT SELECT, INSERT, DELETE ON challenges TO ringfence_app;
GRANT UPDATE (tries) ON challenges TO ringfence_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON factor_terms TO ringfence_app;
GRANT SELECT, INSERT ON key_fingerprints TO ringfence_app;
GRANT SELECT ON derivation TO ringfence_app;
"""


async def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date.

    Raises:
        ConfigurationError: A newer version has written the database.
        StoreError: The database does not answer.
    """

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
