"""Which texts in a compiled statement SQLAlchemy did not make itself.

A cache key is a tree of tuples: a class, then the names and values of what of it can change the
SQL. The classes listed here write nothing but keywords, names (quoted where they have to be) and
placeholders. Strings in anything else are the application's own text. What is not understood
(classes that an application defines, lambdas, statements without a key) has no known sources:
the whole statement counts as text then.

Source: SQLAlchemy, "SQL Compilation Caching" and ``HasCacheKey``.
"""

import enum
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Final, cast

import sqlalchemy
from sqlalchemy import DDL, Column
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.interfaces import MapperProperty
from sqlalchemy.sql import dml, elements, selectable
from sqlalchemy.sql.annotation import Annotated
from sqlalchemy.sql.compiler import Compiled, DDLCompiler, SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

#: These write no text of their own.
_SILENT: Final[frozenset[type]] = frozenset(
    {
        Column,
        dml.Delete,
        dml.Insert,
        dml.Update,
        elements.AsBoolean,
        elements.BinaryExpression,
        elements.BindParameter,
        elements.BooleanClauseList,
        elements.Case,
        elements.Cast,
        elements.ClauseList,
        elements.CollectionAggregate,
        elements.ExpressionClauseList,
        elements.False_,
        elements.FunctionFilter,
        elements.Grouping,
        elements.Label,
        elements.Null,
        elements.Over,
        elements.True_,
        elements.Tuple,
        elements.TypeClause,
        elements.TypeCoerce,
        elements.UnaryExpression,
        selectable.Alias,
        selectable.CTE,
        selectable.CompoundSelect,
        selectable.Exists,
        selectable.ForUpdateArg,
        selectable.FromGrouping,
        selectable.Join,
        selectable.Lateral,
        selectable.ScalarSelect,
        selectable.Select,
        selectable.SelectStatementGrouping,
        selectable.Subquery,
    }
)
#: The same, by name where SQLAlchemy keeps a class to itself.
_SILENT_NAMES: Final = frozenset(
    {
        "_OffsetLimitParam",
        "_label_reference",
        "_MemoizedSelectEntities",
        "default_compile_options",
        "default_select_compile_options",
        "ORMCompileState",
    }
)
#: Modules whose classes steer the loading of objects and write no SQL.
_LOADING: Final = ("sqlalchemy.orm.",)
#: Attributes that hold text whatever the class.
_TEXT_ATTRIBUTES: Final = frozenset(
    {"_hints", "_prefixes", "_statement_hints", "_suffixes", "dialect_options"}
)
#: Attributes that say which object is meant and never write SQL, with the number of their values.
_WITHOUT_TEXT: Final = {"_annotations": 1, "_propagate_attrs": 2}
_NO_TEXT: Final = frozenset({"*"})  # of COUNT(*) and EXISTS (SELECT * …)
_PACKAGE: Final = str(Path(sqlalchemy.__file__).parent)


class _UnknownError(Exception):
    """Something in a cache key is not understood."""


def sources(compiled: Compiled) -> frozenset[str] | None:
    """The texts in ``compiled`` that SQLAlchemy did not make; None if that cannot be known."""
    if isinstance(compiled, DDLCompiler):
        # CREATE TABLE and the like, from metadata; ``DDL("…")`` is text.
        return None if isinstance(compiled.statement, DDL) else frozenset()
    key = compiled.cache_key if isinstance(compiled, SQLCompiler) else None
    if key is None:
        return None
    found: set[str] = set()
    try:
        _collect(key.key, found, is_text=False)
    except _UnknownError:
        return None
    return frozenset(found - _NO_TEXT)


def _collect(part: object, found: set[str], *, is_text: bool) -> None:
    if isinstance(part, tuple):
        _collect_tuple(cast("tuple[object, ...]", part), found, is_text=is_text)
    elif isinstance(part, str):
        if is_text:
            found.add(part)
    elif isinstance(part, custom_op):
        found.add(part.opstring)
    elif isinstance(part, CodeType):
        if not part.co_filename.startswith(_PACKAGE):
            raise _UnknownError
    elif not _is_silent_value(part):
        raise _UnknownError


def _collect_tuple(part: tuple[object, ...], found: set[str], *, is_text: bool) -> None:
    """An element is a number (sometimes), its class, and then names with their values."""
    classes = ((i, member) for i, member in enumerate(part[:2]) if isinstance(member, type))
    place, kind = next(classes, (-1, None))
    names: frozenset[object] = frozenset()
    if kind is not None:
        is_text = not _is_silent(kind)
        names = frozenset(name for name, _ in getattr(kind, "_traverse_internals", ()))
        names |= _WITHOUT_TEXT.keys()
    for member in part[: max(place, 0)]:
        _collect(member, found, is_text=False)  # a number, or the code of a lambda
    index = place + 1
    while index < len(part):
        member = part[index]
        index += 1
        if not isinstance(member, str) or member not in names:
            _collect(member, found, is_text=is_text)
        elif member in _WITHOUT_TEXT:
            index += _WITHOUT_TEXT[member]
        else:
            _collect(part[index], found, is_text=is_text or member in _TEXT_ATTRIBUTES)
            index += 1


def _is_silent(kind: type) -> bool:
    """Whether elements of this class write no text of their own. Raises where nobody knows."""
    if not kind.__module__.startswith("sqlalchemy."):
        raise _UnknownError
    if hasattr(kind, "_compiler_dispatcher"):
        raise _UnknownError  # an application registered its own compilation
    if issubclass(kind, Annotated):
        return any(
            base in _SILENT and kind.__name__ == f"Annotated{base.__name__}"
            for base in kind.__mro__
        )
    return (
        kind in _SILENT
        or kind.__name__ in _SILENT_NAMES
        or kind.__module__.startswith(_LOADING)
        or issubclass(kind, TypeEngine)
        or (issubclass(kind, GenericFunction) and kind.__module__ == "sqlalchemy.sql.functions")
    )


def _is_silent_value(value: object) -> bool:
    # A set holds names of attributes that are loaded, or not.
    if value is None or isinstance(value, int | float | bytes | frozenset | enum.Enum):
        return True
    if isinstance(value, FromClause | Mapper | MapperProperty | TypeEngine):
        return True
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return (value.__module__ or "").startswith(("sqlalchemy.", "_operator"))
    return type(value).__module__.startswith("sqlalchemy.orm.")
