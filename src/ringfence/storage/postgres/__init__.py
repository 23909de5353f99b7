"""PostgreSQL by asyncpg: for more than one machine (DESIGN section 5)."""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from ringfence.core.errors import ConfigurationError, RingfenceError
from ringfence.storage import Stores, maintenance
from ringfence.storage.accounts import SqlAccounts
from ringfence.storage.derivations import SqlDerivations
from ringfence.storage.factors import SqlFactors
from ringfence.storage.fingerprints import SqlFingerprints
from ringfence.storage.imports import SqlImports
from ringfence.storage.links import SqlLinks
from ringfence.storage.migrations import HEAD
from ringfence.storage.outbox import SqlOutbox
from ringfence.storage.postgres.counters import PostgresCounters
from ringfence.storage.postgres.database import Database
from ringfence.storage.postgres.revocations import PostgresRevocations
from ringfence.storage.postgres.sessions import PostgresSessions
from ringfence.storage.statements import Query
from ringfence.storage.transaction import Clock

_PING: Final = Query("SELECT 1")


def open_postgres(url: str, session_idle: timedelta, clock: Clock) -> Stores:
    """The stores in the database that ``url`` names.

    Raises:
        ConfigurationError: The address cannot be read. It is never quoted: it may hold a password.
    """
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ConfigurationError("RINGFENCE_DATABASE: not an address of PostgreSQL") from None
    database = Database(url)
    revocations = PostgresRevocations(database)

    async def start() -> None:
        await database.open()
        try:
            _check(await database.revision())
        except RingfenceError:
            await database.close()
            raise
        revocations.start()

    async def close() -> None:
        await revocations.close()
        await database.close()

    async def ping() -> None:
        await database.one(_PING)

    async def purge(now: datetime) -> int:
        return await maintenance.purge(database, now, session_idle)

    return Stores(
        accounts=SqlAccounts(database, clock),
        sessions=PostgresSessions(database, clock),
        factors=SqlFactors(database),
        links=SqlLinks(database, clock),
        outbox=SqlOutbox(database),
        counters=PostgresCounters(database),
        fingerprints=SqlFingerprints(database),
        derivations=SqlDerivations(database, clock),
        imports=SqlImports(database, clock),
        revocations=revocations,
        start=start,
        close=close,
        ping=ping,
        purge=purge,
    )


def _check(revision: str | None) -> None:
    if revision != HEAD:
        raise ConfigurationError(
            "RINGFENCE_DATABASE: its tables are "
            + ("missing" if revision is None else "of another version than this program")
            + "; as their owner run: ringfence migrate"
        )
