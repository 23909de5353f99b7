"""The engine of an application, scoped, and the same one for whoever says why not.

Scoping belongs to the dialect of an engine, so whatever uses the engine is scoped: sessions of
one's own, Core connections, listeners. Where ``authz`` is not the guarded layer, and for statements
that are declared as unscoped, there is a second engine with the dialect as it was, on one pool.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import Engine, Table, event
from sqlalchemy.engine import Connection, ExecutionContext
from sqlalchemy.sql.compiler import SQLCompiler

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import refusal
from ringfence.core.seam import Seam
from ringfence.storage.application.checking import judge
from ringfence.storage.application.ownership import Rows
from ringfence.storage.application.scoping import SUBJECT, Scoping, scoped

EngineT = TypeVar("EngineT")


class Engines(NamedTuple, Generic[EngineT]):
    """Two engines on one pool, sync or async."""

    scoped: EngineT
    plain: EngineT


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
    plain = object.__new__(kind)
    plain.__dict__ = dialect.__dict__
    dialect.__class__ = scoped(kind, rows)
    event.listen(engine, "before_cursor_execute", _judge)
    return Engine(engine.pool, plain, engine.url)


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
        if compiled.ringfence_checks:
            judge(compiled.ringfence_checks, _values(context), connection, SUBJECT)
    elif isinstance(compiled, SQLCompiler):  # by a dialect of the caller's own
        raise refusal("ownership.unjudged", found="compiled elsewhere")


def _values(context: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # SQLAlchemy's has more than its interface
    parameters: list[dict[str, Any]] = context.compiled_parameters
    return parameters


def _scoped(engines: Engines[Any]) -> Any:  # noqa: ANN401  # one of the two
    return engines.scoped


#: Which engine the sessions of requests use.
ENGINE: Final = Seam[Callable[[Engines[Any]], Any]](Layer.AUTHZ, _scoped)
