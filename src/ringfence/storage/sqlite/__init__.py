"""SQLite: the embedded default, one file on one machine and no server (DESIGN section 5)."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from ringfence.core.errors import StoreError
from ringfence.storage import Stores, maintenance
from ringfence.storage.accounts import SqlAccounts
from ringfence.storage.derivations import SqlDerivations
from ringfence.storage.factors import SqlFactors
from ringfence.storage.fingerprints import SqlFingerprints
from ringfence.storage.imports import SqlImports
from ringfence.storage.links import SqlLinks
from ringfence.storage.outbox import SqlOutbox
from ringfence.storage.sessions import SqlSessions
from ringfence.storage.sqlite.counters import SqliteCounters
from ringfence.storage.sqlite.database import SqliteDatabase
from ringfence.storage.sqlite.file import STORE, Handle, Reader, file_of
from ringfence.storage.sqlite.revocations import SqliteRevocations
from ringfence.storage.sqlite.start import prepare
from ringfence.storage.sqlite.writer import Writer
from ringfence.storage.statements import Query
from ringfence.storage.transaction import Clock

_PING: Final = Query("SELECT 1 FROM alembic_version")


def open_sqlite(url: str, session_idle: timedelta, clock: Clock) -> Stores:
    """The stores in the file that ``url`` names.

    Raises:
        ConfigurationError: The address names no file.
    """
    path = file_of(url)
    reader = Reader(Handle(path, read_only=True))
    writer = Writer(Handle(path, read_only=False))
    database = SqliteDatabase(reader, writer)

    async def start() -> None:
        await asyncio.to_thread(prepare, path)

    async def close() -> None:
        await writer.close()
        reader.close()

    async def ping() -> None:
        if await database.one(_PING) is None:
            raise StoreError(STORE, "no schema")

    async def purge(now: datetime) -> int:
        return await maintenance.purge(database, now, session_idle)

    return Stores(
        accounts=SqlAccounts(database, clock),
        sessions=SqlSessions(database, clock),
        factors=SqlFactors(database),
        links=SqlLinks(database, clock),
        outbox=SqlOutbox(database),
        counters=SqliteCounters(database),
        fingerprints=SqlFingerprints(database),
        derivations=SqlDerivations(database, clock),
        imports=SqlImports(database, clock),
        revocations=SqliteRevocations(database),
        start=start,
        close=close,
        ping=ping,
        purge=purge,
    )
