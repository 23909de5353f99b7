"""SQLite: the embedded default, one file on one machine and no server (DESIGN section 5)."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

from ringfence.core.errors import StoreError
from ringfence.storage import Stores
from ringfence.storage.maintenance import PIECE, Deadlines
from ringfence.storage.sqlite.accounts import SqliteAccounts
from ringfence.storage.sqlite.counters import SqliteCounters
from ringfence.storage.sqlite.file import STORE, Handle, Reader, file_of
from ringfence.storage.sqlite.links import SqliteLinks, purge_links
from ringfence.storage.sqlite.revocations import SqliteRevocations, purge_revocations
from ringfence.storage.sqlite.sessions import SqliteSessions, purge_sessions, purge_tokens
from ringfence.storage.sqlite.start import prepare
from ringfence.storage.sqlite.writer import Writer


def open_sqlite(url: str, session_idle: timedelta) -> Stores:
    """The stores in the file that ``url`` names.

    Raises:
        ConfigurationError: The address names no file.
    """
    path = file_of(url)
    reader = Reader(Handle(path, read_only=True))
    writer = Writer(Handle(path, read_only=False))
    counters = SqliteCounters(writer)

    async def start() -> None:
        await asyncio.to_thread(prepare, path)

    async def close() -> None:
        await writer.close()
        reader.close()

    async def ping() -> None:
        if reader.one("SELECT 1 FROM alembic_version") is None:
            raise StoreError(STORE, "no schema")

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
                gone = await writer.run(partial(work, before=before))
                removed += gone
        return removed

    return Stores(
        accounts=SqliteAccounts(reader, writer),
        sessions=SqliteSessions(reader, writer),
        links=SqliteLinks(reader, writer),
        counters=counters,
        revocations=SqliteRevocations(reader),
        start=start,
        close=close,
        ping=ping,
        purge=purge,
    )
