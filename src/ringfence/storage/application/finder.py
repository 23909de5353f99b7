"""The row of a declared class that a path names, or a page of rows: one query for who asks."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Select, SmallInteger, String, bindparam, select, tuple_
from sqlalchemy.engine import Result
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from ringfence.authz.resources import Found, Listed
from ringfence.core.errors import ConfigurationError, Refused, StoreError
from ringfence.core.policy import Relation
from ringfence.storage.application.ownership import Rows

#: The longest decimal that a 64-bit key can have; a longer one names nothing.
_MOST_DIGITS: Final = 18

_KEYS: Final = (int, str, UUID)

#: Each integer of at most 64 bits, in one spelling.
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")


class ModelFinder:
    """Finds and lists rows of one class by their key, in the session of the request."""

    def __init__(
        self, rows: Rows, session: Callable[[Relation], AsyncSession], dialect: str
    ) -> None:
        self._rows: Final = rows
        self._session: Final = session
        self._columns: Final = rows.mapper.primary_key
        self._most: Final = [_largest(column.type, dialect) for column in self._columns]
        self._statements: Final[dict[tuple[Relation, ...], Select[Any]]] = {}
        self.key: Final = tuple(
            rows.mapper.get_property_by_column(column).key for column in self._columns
        )
        self.relations: Final = rows.relations
        for column in self._columns:
            if column.type.python_type not in _KEYS:
                raise ConfigurationError(
                    f"{column}: a key that a path names is an integer, a string or a UUID"
                )

    async def find(
        self, key: tuple[str, ...], subject: str | None, relations: tuple[Relation, ...]
    ) -> Found | None:
        """As ``Finder.find``; None also where the key is not in canonical form."""
        values: dict[str, Any] = {"rf_subject": subject}
        for number, named in enumerate(key):
            value = self._value(number, named)
            if value is None:
                return None
            values[f"rf_key_{number}"] = value
        statement = self._statements.get(relations)
        if statement is None:
            statement = self._statements[relations] = self._statement(relations)
        row = (await self._asked(statement, values, relations[0])).one_or_none()
        if row is None:
            return None
        closer = zip(relations[1:], row[1:], strict=True)
        return Found(row[0], max([relations[0], *(each for each, holds in closer if holds)]))

    async def page(self, after: tuple[str, ...] | None, limit: int) -> Listed:
        """As ``Lister.page``. The session shows what the caller may read, and nothing else does."""
        kind, order = self._rows.mapper.class_, tuple_(*self._columns)
        statement = select(kind).order_by(*self._columns).limit(limit + 1)
        if after is not None:
            statement = statement.where(order > tuple_(*self._place(after)))
        found = await self._asked(statement, {}, Relation.OWNER)
        rows = list(found.scalars().unique())
        if len(rows) <= limit:
            return Listed(rows)
        last = rows[limit - 1]
        return Listed(rows[:limit], tuple(str(getattr(last, name)) for name in self.key))

    async def _asked(
        self, statement: Select[Any], values: dict[str, Any], relation: Relation
    ) -> Result[Any]:
        try:
            return await self._session(relation).execute(statement, values)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            raise StoreError("application", type(error).__name__) from error

    def _place(self, key: tuple[str, ...]) -> list[Any]:
        """The parts of a key that a cursor names, as parameters."""
        if len(key) != len(self._columns):
            raise Refused("query.invalid", facts={"reason": "cursor"})
        values: list[Any] = []
        for number, (column, named) in enumerate(zip(self._columns, key, strict=True)):
            if column.type.python_type is int:
                value = int(named) if _INTEGER.fullmatch(named) else None
                if value is not None and abs(value) > self._most[number]:
                    value = None
            else:
                value = self._value(number, named)
            if value is None:
                raise Refused("query.invalid", facts={"reason": "cursor"})
            values.append(bindparam(None, value, type_=column.type))
        return values

    def _statement(self, relations: tuple[Relation, ...]) -> Select[Any]:
        """The row of this key, if the subject has the first relation; which of the others too."""
        subject = bindparam("rf_subject", type_=String())
        named = (
            column == bindparam(f"rf_key_{number}", type_=column.type)
            for number, column in enumerate(self._columns)
        )
        closer = (self._rows.related(relation, subject) for relation in relations[1:])
        needed = self._rows.related(relations[0], subject)
        return select(self._rows.mapper.class_, *closer).where(*named, needed)

    def _value(self, number: int, named: str) -> int | str | UUID | None:
        """The part of a key that ``named`` spells; None where there can be no such key."""
        kind = self._columns[number].type.python_type
        if kind is str:
            return named if "\x00" not in named else None  # PostgreSQL's text holds none
        if kind is UUID:
            return _canonical_uuid(named)
        if not _canonical_integer(named):
            return None
        value = int(named)
        return value if value <= self._most[number] else None


def _largest(kind: TypeEngine[Any], dialect: str) -> int:
    """The largest key that the column holds; SQLite's integers all have 64 bits."""
    if dialect == "sqlite" or isinstance(kind, BigInteger):
        return 2**63 - 1
    return 2**15 - 1 if isinstance(kind, SmallInteger) else 2**31 - 1


def _canonical_integer(key: str) -> bool:
    """One spelling for each number: what is judged and what is used can't differ."""
    if not key.isascii() or not key.isdigit() or len(key) > _MOST_DIGITS:
        return False
    return key == "0" or key[0] != "0"


def _canonical_uuid(key: str) -> UUID | None:
    try:
        value = UUID(key)
    except ValueError:
        return None
    return value if str(value) == key else None
