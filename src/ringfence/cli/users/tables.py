"""People in the table of another program's database, by SQLAlchemy; it is only read."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ringfence.cli.users.columns import Layout, Row
from ringfence.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    Query: TypeAlias = Select[*tuple[Any, ...]]


async def rows(
    url: str, table: str, layout: Layout, columns: Mapping[str, str]
) -> AsyncIterator[Row]:
    """The rows of ``table`` in the database at ``url``, an address as SQLAlchemy reads it.

    Of ``postgresql://`` asyncpg is used; of others what SQLAlchemy takes by default.

    Raises:
        ConfigurationError: The database, the table or a column is not there. The address is not
            quoted: it may hold a password.
    """
    from sqlalchemy.engine import make_url  # 0.4 s, for whoever needs it
    from sqlalchemy.exc import SQLAlchemyError  # as above

    wanted = _Wanted(table, layout, columns)
    try:
        address = make_url(url)
        if address.drivername == "postgresql":
            async for row in _postgres(address.set(drivername="postgresql+asyncpg"), wanted):
                yield row
            return
        if address.drivername == "sqlite" and not _is_file(address.database):
            raise ConfigurationError("--from-sql: there is no such file")
        for row in _others(address, wanted):
            yield row
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise ConfigurationError(f"--from-sql: {_said(error)}") from error


def _is_file(path: str | None) -> bool:
    return path is not None and Path(path).is_file()


class _Wanted:
    """What is read: a table, and perhaps a second one with the hashes."""

    def __init__(self, table: str, layout: Layout, columns: Mapping[str, str]) -> None:
        schema, _, name = table.rpartition(".")
        self._schema = schema or None
        self._name = name
        self._hashes = layout.hashes
        self._columns = columns

    def query(self, connection: "Connection") -> "Query":
        """The query, of the columns that are there. Raises ConfigurationError."""
        from sqlalchemy import select  # as above

        people = self._table(connection, self._name)
        if self._hashes is None:
            return select(*(_column(people, column) for column in set(self._columns.values())))
        name, person, kind, value = self._hashes
        hashes = self._table(connection, name)
        own = {column for field, column in self._columns.items() if field != "hash"}
        of_person = _column(hashes, person).element == _column(people, self._columns["id"]).element
        joined = people.outerjoin(hashes, of_person & (_column(hashes, kind).element == value))
        selected = [_column(people, column) for column in own]
        return select(*selected, _column(hashes, self._columns["hash"])).select_from(joined)

    def _table(self, connection: "Connection", name: str) -> Any:  # noqa: ANN401  # a Table
        from sqlalchemy import MetaData, Table  # as above
        from sqlalchemy.exc import NoSuchTableError  # as above

        try:
            return Table(name, MetaData(), schema=self._schema, autoload_with=connection)
        except NoSuchTableError as error:
            raise ConfigurationError(f"there is no table {name}") from error


def _column(table: Any, name: str) -> Any:  # noqa: ANN401  # SQLAlchemy's reflected types
    """A column as the driver gives it: what its type asks for may not be what is stored."""
    from sqlalchemy import type_coerce  # as above
    from sqlalchemy.types import NullType  # as above

    if name not in table.c:
        raise ConfigurationError(f"the table {table.name} has no column {name}")
    return type_coerce(table.c[name], NullType()).label(name)


async def _postgres(address: Any, wanted: _Wanted) -> AsyncIterator[Row]:  # noqa: ANN401  # a URL
    from sqlalchemy.ext.asyncio import create_async_engine  # as above

    engine = create_async_engine(address)
    try:
        async with engine.connect() as connection:
            query = await connection.run_sync(wanted.query)
            async for row in (await connection.stream(query)).mappings():
                yield {str(name): value for name, value in row.items()}
    finally:
        await engine.dispose()


def _others(address: Any, wanted: _Wanted) -> Iterator[Row]:  # noqa: ANN401  # a URL
    from sqlalchemy import create_engine  # as above

    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            query = wanted.query(connection)
            for row in connection.execution_options(yield_per=500).execute(query).mappings():
                yield {str(name): value for name, value in row.items()}
    finally:
        engine.dispose()


def _said(error: Exception) -> str:
    """What went wrong, without the statement and its values, or an address."""
    cause: object = getattr(error, "orig", None) or error
    if isinstance(error, ImportError):
        return f"install a driver: {error}"
    return type(cause).__name__
