"""Tries, as the application's role, what the database should refuse, and says what it got.

Nothing is believed from the catalogue where it can be tried: each attempt is a transaction of its
own that is rolled back, also where it got through. Rows that are there are the victims: a table
without any proves nothing, and that is said.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ringfence.core.errors import StoreError
from ringfence.core.policy import Relation
from ringfence.core.secret import Secret
from ringfence.storage.application.postgres import attempts
from ringfence.storage.application.postgres.apply import state
from ringfence.storage.application.postgres.attempts import Attempt
from ringfence.storage.application.postgres.conditions import SUBJECT, literal, quoted, written
from ringfence.storage.application.postgres.identity import ALL, CHALLENGE, PERSON, signed
from ringfence.storage.application.postgres.render import Script

_SETS: Final = "SELECT pg_catalog.set_config('ringfence.identity', {0}, true)"
_FORGED: Final = "0" * 64  # a signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt, or one thing that was looked up.

    ``held`` is None where nothing was there to try it on.
    """

    what: str
    got: str
    held: bool | None


class Verification:
    """Attempts on one database.

    Args:
        engine: As the application.
        script: What should hold.
        key: That identities are signed with.
    """

    def __init__(self, engine: AsyncEngine, script: Script, key: Secret[bytes]) -> None:
        self._engine: Final = engine
        self._script: Final = script
        self._key: Final = key
        #: Somebody to whom no row belongs.
        self._stranger: Final = PERSON + secrets.token_hex(16)

    async def run(self) -> list[Tried]:
        """Try it all.

        Raises:
            StoreError: The database does not answer.
        """
        try:
            found = [tried async for tried in self._all()]
        except (DBAPIError, OSError) as error:
            code = state(error) if isinstance(error, DBAPIError) else ""
            raise StoreError("application", code or type(error).__name__) from error
        return found

    async def _all(self) -> AsyncIterator[Tried]:
        yield await self._replayed()
        for attempt in attempts.on_the_server(self._script.roles):
            yield await self._attempted(attempt)
        for table in sorted(self._script.tables, key=self._script.name):
            async for tried in self._of(table):
                yield tried
        async with self._somebody("") as connection:
            for looked in attempts.LOOKED_UP:
                names = ", ".join(literal(schema) for schema in self._script.schemas)
                rows = await connection.exec_driver_sql(looked.sql.format(schemas=names))
                found = sorted({str(name) for name in rows.scalars()} - self._known(looked.known))
                got = ", ".join(found) or "none"
                yield Tried(what=looked.what, got=got, held=not found)

    def _known(self, kind: str) -> set[str]:
        if kind != "tables":
            return set()
        return {
            f"{table.schema or self._script.schema}.{table.name}"
            for table in (*self._script.tables, *self._script.common)
        }

    # ------------------------------------------------------------------------------- one table

    async def _of(self, table: Table) -> AsyncIterator[Tried]:
        name, rows = self._script.name(table), self._script.tables[table]
        victim = await self._victim(table)
        if victim is None:
            yield Tried(what=f"rows of {name}", got="there is none to try it on", held=None)
            return
        public = written(rows.related(Relation.VIEWER, SUBJECT), self._script.schema) == "true"
        signed_in = rows.resource is not None and rows.resource.read == "signed_in"
        for words, identity in (
            ("nobody", ""),
            ("a stranger", "" if signed_in else self._stranger),
            ("everybody, with a forged signature", _FORGED + ALL),
        ):
            if not public:
                read = Attempt(f"read {name} as {words}", f"SELECT 1 FROM {name}")  # noqa: S608  # quoted
                yield await self._attempted(read, identity)
        fixed = self._script.fixed(table)
        change = next(column.name for column in table.columns if column.name not in fixed)
        key = [column.name for column in table.primary_key]
        for attempt in attempts.on_a_row(name, victim, key=key, change=change):
            yield await self._attempted(attempt, self._stranger)
        for attempt in attempts.on_a_table(name):
            yield await self._attempted(attempt, self._stranger)

    async def _victim(self, table: Table) -> dict[str, Any] | None:
        """A row of somebody, with all its columns."""
        columns = ", ".join(quoted(column.name) for column in table.columns)
        async with self._somebody(ALL) as connection:
            await connection.exec_driver_sql(
                f"SET LOCAL ROLE {quoted(self._script.roles.everybody)}"
            )
            found = await connection.exec_driver_sql(
                f"SELECT {columns} FROM {self._script.name(table)} LIMIT 1"  # noqa: S608  # quoted
            )
            row = found.mappings().first()
        return None if row is None else dict(row)

    # -------------------------------------------------------------------------------- attempts

    async def _attempted(self, attempt: Attempt, identity: str = "") -> Tried:
        async with self._somebody(identity) as connection:
            try:
                for before in attempt.before:
                    await connection.exec_driver_sql(before)
                got, held = await self._got(connection, attempt)
            except DBAPIError as error:
                code = state(error)
                held = code in attempt.refusals
                got = f"refused ({code})" if held else f"another error ({code})"
        return Tried(what=attempt.what, got=got, held=held)

    async def _got(self, connection: AsyncConnection, attempt: Attempt) -> tuple[str, bool]:
        sql = attempt.sql
        if attempt.values:
            sql = sql.format(*_marks(connection, len(attempt.values)))
        done = await connection.exec_driver_sql(sql, attempt.values)
        count = len(done.all()) if done.returns_rows else done.rowcount
        if attempt.counts:
            return f"{count} rows", count == 0
        return "it got through", False

    async def _replayed(self) -> Tried:
        """A good signature in another transaction, of this and of another connection."""
        seen = "SELECT ringfence_rows.everybody()"
        async with self._engine.connect() as one, self._engine.connect() as another:
            await _sign(one, self._key, ALL)
            good = (await one.exec_driver_sql(seen)).scalar_one()
            token = (
                await one.exec_driver_sql("SELECT current_setting('ringfence.identity')")
            ).scalar_one()
            held = True
            await _set(another, token)
            held &= not (await another.exec_driver_sql(seen)).scalar_one()
            await one.rollback()
            held &= not (await one.exec_driver_sql(seen)).scalar_one()
            await _set(one, token)
            held &= not (await one.exec_driver_sql(seen)).scalar_one()
        what = "use a signature again, in another transaction and on another connection"
        if not good:
            return Tried(what=what, got="the key is not that of the database: apply", held=False)
        return Tried(what=what, got="nobody" if held else "it got through", held=held)

    @asynccontextmanager
    async def _somebody(self, identity: str) -> AsyncGenerator[AsyncConnection]:
        """A transaction that is rolled back; ``identity`` is signed, if it is not already."""
        async with self._engine.connect() as connection:
            if identity.startswith(_FORGED):
                await _set(connection, identity)
            elif identity:
                await _sign(connection, self._key, identity)
            yield connection
            await connection.rollback()


async def _sign(connection: AsyncConnection, key: Secret[bytes], identity: str) -> None:
    challenge = (await connection.exec_driver_sql(CHALLENGE)).scalar_one()
    await _set(connection, signed(key, challenge, identity))


async def _set(connection: AsyncConnection, value: str) -> None:
    await connection.exec_driver_sql(_SETS.format(*_marks(connection, 1)), (value,))


def _marks(connection: AsyncConnection, count: int) -> Sequence[str]:
    numbered = connection.dialect.paramstyle == "numeric_dollar"
    return [f"${number}" if numbered else "%s" for number in range(1, count + 1)]
