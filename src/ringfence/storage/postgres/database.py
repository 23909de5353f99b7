"""The pool of connections, and what every statement on it may rely on.

READ COMMITTED, so that a statement sees what was committed while it waited for a row's lock:
transactions here lock the row that rivals share, then look (Ledger 10, 11). The settings are given
with the connection and not taken from the server's configuration, where somebody may have thought
otherwise. Whatever fails becomes ``StoreError``; the pool opens new connections by itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, LiteralString, Protocol

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.storage.postgres.news import News
from ringfence.storage.rows import Row
from ringfence.storage.statements import APPEND_REVOCATION, Query
from ringfence.storage.transaction import Step, Steps, T

try:
    import asyncpg as _asyncpg  # pyright: ignore[reportMissingTypeStubs]  # it has none
except ModuleNotFoundError:
    raise ConfigurationError(
        "RINGFENCE_DATABASE: there is no driver here: pip install 'ringfence[postgres]'"
    ) from None

asyncpg: Any = _asyncpg  # ``Connection`` says what is used of it

#: What a StoreError of this adapter names.
STORE: Final = "postgres"

#: Everything by which asyncpg says that the database, or the way to it, failed.
FAILURES: Final[tuple[type[Exception], ...]] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

#: Where every host hears that the feed has grown.
CHANNEL: Final = "ringfence_revocations"
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock($1), pg_notify($2, '')"

#: The turn to append to the feed; any number that the application is unlikely to lock on as well.
_TURN: Final = 0x72696E6766656564  # "ringfeed"

#: Connections of one worker process.
_POOL: Final = 10

#: What one read or transaction may take at most, the wait for a connection included: a server that
#: is frozen must not hold a request for longer than two seconds.
_PATIENCE_SECONDS: Final = 1.9

_CONNECT_SECONDS: Final = 5.0  # of what no request waits for: the start, and whoever listens
_COMMAND_SECONDS: Final = 6.0  # as above

_SESSION: Final = {
    "application_name": "ringfence",
    "search_path": "ringfence, pg_temp",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",  # an answered write is on the disk
    "statement_timeout": "5s",  # of what we have given up, and did not reach the server
    "idle_in_transaction_session_timeout": "10s",
}

_PATIENT: Final = {"statement_timeout": "0"}


class Connection(Protocol):
    """What the stores use of a connection. SQL is a literal; values are parameters."""

    async def execute(self, sql: LiteralString, /, *parameters: object) -> str: ...
    async def executemany(self, sql: LiteralString, rows: list[tuple[object, ...]], /) -> None: ...
    async def fetch(self, sql: LiteralString, /, *parameters: object) -> list[Row]: ...
    async def fetchrow(self, sql: LiteralString, /, *parameters: object) -> Row | None: ...


def failure(error: Exception) -> StoreError:
    """The refusal for a request that met ``error``; names its class, never a value."""
    return StoreError(STORE, type(error).__name__)


async def connect(url: str, *, patient: bool = False) -> Any:  # noqa: ANN401  # asyncpg's own
    """One connection outside of any pool, with the same settings; ``patient`` for migrations."""
    return await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        command_timeout=None if patient else _COMMAND_SECONDS,
        server_settings=_SESSION | _PATIENT if patient else _SESSION,
    )


class Database:
    """One database, used by one event loop from ``open`` to ``close``."""

    def __init__(self, url: str, news: News | None = None) -> None:
        self.url: Final = url
        self.news: Final = news or News(url)
        self._pool: Any = None

    async def open(self) -> None:
        """Make the pool; connections are opened when they are needed.

        Raises:
            ConfigurationError: See ``News.open``.
        """
        self.news.open()
        self._pool = asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=_POOL,
            reset=_keep,
            timeout=_CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            server_settings=_SESSION,
        )
        await self._pool

    async def close(self) -> None:
        """Close every connection; a later statement raises StoreError."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(TimeoutError):  # it cuts the connections off then
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await pool.close()
            self.news.close()

    async def revision(self) -> str | None:
        """The schema's revision; None if there is no schema, or none that this role may see."""
        pool = self._open_pool()
        try:
            return await pool.fetchval("SELECT version_num FROM alembic_version")
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
            return None
        except FAILURES as error:
            raise failure(error) from error

    async def one(self, query: Query, *parameters: object) -> Row | None:
        """The first row, or None."""
        async with self._connected() as connection:
            return await connection.fetchrow(query.postgres, *parameters)

    async def all(self, query: Query, *parameters: object) -> list[Row]:
        """All rows."""
        async with self._connected() as connection:
            return await connection.fetch(query.postgres, *parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """One transaction: committed at the end of the block, rolled back if it raises."""
        async with self._connected() as connection:
            await connection.execute("BEGIN")
            try:
                yield connection
            except Exception:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Connection]:
        """A connection of the pool, for as long as a request may wait.

        What has not ended by then is cut off: a server that is frozen answers nothing, not even
        that a statement was cancelled. It takes the connection with it, and so does a request that
        leaves, so that nothing of either is left behind.

        Raises:
            StoreError: Whatever failed, or nothing was answered in time.
        """
        pool = self._open_pool()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                connection = await pool.acquire()
                try:
                    yield connection
                except BaseException as error:
                    if not isinstance(error, Exception) or connection.is_in_transaction():
                        connection.terminate()
                    raise
                finally:
                    await pool.release(connection)
        except FAILURES as error:
            raise failure(error) from error

    async def perform(self, steps: Steps[T]) -> T:
        """Take the steps in one transaction; of what they revoke, every worker here hears."""
        appended = False

        def append() -> None:
            nonlocal appended
            appended = True

        try:
            async with self.transaction() as connection:
                return await _take(connection, steps, append)
        finally:
            if appended:  # whatever was raised: the answer to COMMIT may have been a yes
                self.news.tell()

    def _open_pool(self) -> Any:  # noqa: ANN401  # asyncpg's own
        if self._pool is None:
            raise StoreError(STORE, "closed")
        return self._pool


async def _take(connection: Connection, steps: Steps[T], append: Callable[[], None]) -> T:
    """Take the steps; ``append`` is called before one of them appends to the feed.

    A number of the feed is given and committed in one turn, so that no lower one can be committed
    later, behind the back of whoever follows by number. Appending is the last step of every
    transaction: whoever has the turn waits for nothing but its COMMIT.
    """
    try:
        step = next(steps)
        while True:
            if step.statement is APPEND_REVOCATION:
                append()
                await connection.fetchrow(_TAKE_TURN, _TURN, CHANNEL)
            step = steps.send(await _answer(connection, step))
    except StopIteration as end:
        return end.value


async def _answer(connection: Connection, step: Step) -> Any:  # noqa: ANN401  # see ``Steps``
    if isinstance(step.statement, Query):
        fetch = connection.fetch if step.every else connection.fetchrow
        return await fetch(step.statement.postgres, *step.parameters)
    status = await connection.execute(step.statement.postgres, *step.parameters)
    return int(status.rpartition(" ")[2])  # "UPDATE 1"


async def _keep(_connection: Connection) -> None:
    """Nothing of a connection needs to be reset: no statement here sets, listens or locks."""
