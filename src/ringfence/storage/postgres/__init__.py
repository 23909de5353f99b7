"""PostgreSQL by asyncpg: for more than one machine (DESIGN section 5)."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ringfence.core.errors import ConfigurationError, RingfenceError
from ringfence.storage import Stores
from ringfence.storage.maintenance import PIECE, Deadlines
from ringfence.storage.migrations import HEAD
from ringfence.storage.postgres.accounts import PostgresAccounts
from ringfence.storage.postgres.counters import PostgresCounters
from ringfence.storage.postgres.database import Database
from ringfence.storage.postgres.links import PostgresLinks, purge_links
from ringfence.storage.postgres.revocations import PostgresRevocations, purge_revocations
from ringfence.storage.postgres.sessions import PostgresSessions, purge_sessions, purge_tokens


def open_postgres(url: str, session_idle: timedelta) -> Stores:
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
    counters = PostgresCounters(database)

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
        await database.one("SELECT 1")

    async def purge(now: datetime) -> int:
        deadlines = Deadlines.at(now, session_idle)
        removed = await counters.purge(now)
        for work, before in (
            (purge_tokens, deadlines.tokens),
            (purge_sessions, deadlines.tokens),
            (purge_links, now),
            (purge_revocations, deadlines.revocations),
        ):
            gone = PIECE
            while gone == PIECE:
                gone = await work(database, before)
                removed += gone
        return removed

    return Stores(
        accounts=PostgresAccounts(database),
        sessions=PostgresSessions(database),
        links=PostgresLinks(database),
        counters=counters,
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
