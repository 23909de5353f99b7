"""The engine of an application, scoped, and the same one for whoever says why not.

Scoping belongs to the dialect of an engine, so whatever uses the engine is scoped: sessions of
one's own, Core connections, listeners. Where ``authz`` is not the guarded layer, and for statements
that are declared as unscoped, there is a second engine with the dialect as it was, on one pool.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import Column, Engine, Table, event, func, select, type_coerce
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, ExecutionContext
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import READ, current, refusal
from ringfence.core.policy import Relation
from ringfence.core.seam import Seam
from ringfence.network.doors import SUBJECT as SUBJECT_FUNCTION
from ringfence.network.doors import Doors
from ringfence.network.sqlite import declare, prepare
from ringfence.storage.application.checking import judge
from ringfence.storage.application.fields import refuse_fields
from ringfence.storage.application.ownership import Rows
from ringfence.storage.application.scoping import (
    SUBJECT,
    Scoping,
    Writing,
    scoped,
    subject,
    written,
)

EngineT = TypeVar("EngineT")


class Engines(NamedTuple, Generic[EngineT]):
    """The engines on one pool, sync or async."""

    scoped: EngineT  # makes SQL of the caller's rows
    plain: EngineT  # makes SQL as it is written; the database still has its own line
    everybodys: EngineT  # as plain, and the database lets it


def scope(engine: Engine, rows: Mapping[Table, Rows]) -> Engine:
    """Scope an engine from here on, in place; returns another one as it was, on the same pool.

    Raises:
        ConfigurationError: It is scoped already, for another ``Database``.
    """
    if not rows:
        return engine
    dialect = engine.dialect
    if issubclass(dialect.statement_compiler, Scoping):
        raise ConfigurationError("an engine belongs to one Database")
    # Both dialects are one object but for their class: what the first connection teaches the one,
    # the other knows. SQLAlchemy's caches of statements keep them apart.
    kind = type(dialect)
    plain = object.__new__(written(kind, rows))
    plain.__dict__ = dialect.__dict__
    dialect.__class__ = scoped(kind, rows)
    engine.clear_compiled_cache()  # what was compiled before is not scoped
    if dialect.name == "sqlite":
        declare(engine.pool, doors_of(rows))
    unscoped = Engine(engine.pool, plain, engine.url)
    event.listen(engine, "before_cursor_execute", _judge)
    for each in (engine, unscoped):
        event.listen(each, "before_cursor_execute", _note)
    return unscoped


def _note(*about: Any) -> None:  # noqa: ANN401  # as _judge
    """Note whose columns the request may have read: ``output`` knows them by name."""
    compiled: Any = about[4].compiled if about[4] is not None else None
    exchange = current.get()
    if exchange is not None and isinstance(compiled, Writing) and compiled.ringfence_kinds:
        exchange.state.setdefault(READ, set()).update(compiled.ringfence_kinds)


def _judge(
    connection: Connection,
    _cursor: object,
    _statement: str,
    _parameters: object,
    context: ExecutionContext | None,
    _executemany: bool,  # noqa: FBT001  # SQLAlchemy's signature
) -> None:
    """Judge the new values of a statement. Raises ``ownership.given`` and its like."""
    compiled: Any = context.compiled if context is not None else None
    if isinstance(compiled, Scoping):
        values = _values(context)
        if any(SUBJECT.key in each and each[SUBJECT.key] != subject() for each in values):
            raise refusal("ownership.given", found="another subject")
        refuse_fields(compiled.ringfence_fields, values)
        if compiled.ringfence_checks:
            judge(compiled.ringfence_checks, values, connection, SUBJECT)
            prepare(connection, context)
    elif isinstance(compiled, SQLCompiler):  # by a dialect of the caller's own
        raise refusal("ownership.unjudged", found="compiled elsewhere")


def _values(context: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # SQLAlchemy's has more than its interface
    parameters: list[dict[str, Any]] = context.compiled_parameters
    return parameters


def _scoped(engines: Engines[Any], relation: Relation) -> Any:  # noqa: ANN401  # one of them
    return engines.everybodys if relation is Relation.STRANGER else engines.scoped


#: Which engine the sessions of requests use, and which one looks up a row that a policy lets the
#: caller have in this relation: a stranger to it is let in by a role, and not by its owner.
ENGINE: Final = Seam[Callable[[Engines[Any], Relation], Any]](Layer.AUTHZ, _scoped)


def _ordinary(table: Table) -> Column[Any] | None:
    """A column that is not a name of SQLite's rowid."""
    return next((column for column in table.columns if not column.primary_key), None)


def doors_of(rows: Mapping[Table, Rows]) -> Doors:
    """What SQLite lets SQL text read of declared tables."""
    selects: dict[str, str] = {}
    asking = select(getattr(func, SUBJECT_FUNCTION)()).scalar_subquery()
    for table, each in rows.items():
        if not each.everybodys:
            # As they are stored: what a type does to what is read, it does to what the door gives.
            columns = (
                type_coerce(column, NullType()).label(column.name) for column in table.columns
            )
            seen = select(*columns).where(each.related(Relation.VIEWER, asking))
            if each.resource is None and (ordinary := _ordinary(table)) is not None:
                # What uses nothing but the rowid counts as reading no column, of no view.
                seen = seen.where(ordinary.is_not_distinct_from(ordinary))
            selects[table.name.lower()] = str(
                seen.compile(
                    dialect=sqlite.dialect(),
                    compile_kwargs={"literal_binds": True},
                    schema_translate_map={None: "main"},
                    render_schema_translate=True,
                )
            )
    names = {name: f"rf_{secrets.token_hex(16)}" for name in selects}
    return Doors(selects, names, frozenset(table.name.lower() for table in rows))
