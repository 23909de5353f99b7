"""Which texts in a compiled statement SQLAlchemy did not make itself.

A cache key is a tree of tuples: a class, then the names and values of what of it can change the
SQL. The classes listed here write nothing but keywords, names (quoted where they have to be) and
placeholders. Strings in anything else are the application's own text. What is not understood
(classes that an application defines, lambdas, statements without a key) has no known sources:
the whole statement counts as text then.

Source: SQLAlchemy, "SQL Compilation Caching" and ``HasCacheKey``.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Final, NamedTuple, cast

import sqlalchemy
from sqlalchemy import DDL, Column
from sqlalchemy.dialects.postgresql import operators as postgresql
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.interfaces import MapperProperty
from sqlalchemy.sql import dml, elements, selectable
from sqlalchemy.sql.annotation import Annotated
from sqlalchemy.sql.compiler import Compiled, DDLCompiler, SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import Function, GenericFunction
from sqlalchemy.sql.lambdas import LambdaElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.visitors import iterate
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
        elements.ReleaseSavepointClause,
        elements.RollbackToSavepointClause,
        elements.SavepointClause,
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
_RESOLVED: Final = "_resolved"  # what a lambda has returned; SQLAlchemy has no public name for it
#: Those of JSONB, arrays and ranges: SQLAlchemy writes them, and no application.
_OPERATORS: Final = frozenset(id(each) for each in vars(postgresql).values())
_NO_TEXT: Final = frozenset({"*"})  # of COUNT(*) and EXISTS (SELECT * …)
_PACKAGE: Final = str(Path(sqlalchemy.__file__).parent)


class _UnknownError(Exception):
    """Something in a cache key is not understood."""


class Sources(NamedTuple):
    """What a compiled statement is made of that SQLAlchemy did not write."""

    texts: frozenset[str]
    functions: frozenset[str] = frozenset()  # names, quoted by SQLAlchemy where they are no word


def sources(compiled: Compiled) -> Sources | None:
    """The texts in ``compiled`` that SQLAlchemy did not make; None if that cannot be known."""
    if isinstance(compiled, DDLCompiler):
        # CREATE TABLE and the like, from metadata; ``DDL("…")`` is text.
        return None if isinstance(compiled.statement, DDL) else Sources(frozenset())
    if not isinstance(compiled, SQLCompiler):
        return None
    found: set[str] = set()
    functions: set[str] = set()
    statement: object = compiled.statement
    key = None if isinstance(statement, LambdaElement) else compiled.cache_key
    try:
        if key is None or _has_lambda(key.key):
            _walk(statement, found, functions)
        else:
            _collect(key.key, found, functions, is_text=False)
    except _UnknownError:
        return None
    return Sources(frozenset(found - _NO_TEXT), frozenset(functions))


def _walk(statement: object, found: set[str], functions: set[str]) -> None:
    """Collect what is in the key of ``statement``, or else in the keys of its elements."""
    if isinstance(statement, LambdaElement):
        statement = cast("object", getattr(statement, _RESOLVED))
    if not isinstance(statement, ClauseElement):
        raise _UnknownError
    key = statement._generate_cache_key()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
    if key is not None and not _has_lambda(key.key):
        _collect(key.key, found, functions, is_text=False)
        return
    pending: list[object] = [each for each in iterate(statement) if each is not statement]
    if isinstance(statement, dml.Insert):
        for rows in statement._multi_values:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
            pending += [value for row in rows for value in _values(row)]
    else:
        names = _TEXT_ATTRIBUTES if _is_silent(type(statement)) else vars(statement).keys()
        found.update(text for name in names for text in _strings(getattr(statement, name, None)))
    for each in pending:
        if isinstance(each, ClauseElement):
            _walk(each, found, functions)


def _has_lambda(part: object) -> bool:
    """Whether there is code of an application in a key: what it returned is not."""
    if isinstance(part, tuple):
        return any(_has_lambda(each) for each in cast("tuple[object, ...]", part))
    return isinstance(part, CodeType) and not part.co_filename.startswith(_PACKAGE)


def _values(row: object) -> Iterator[object]:
    if isinstance(row, Mapping):
        yield from cast("Mapping[object, object]", row).values()
    elif isinstance(row, Iterable) and not isinstance(row, str):
        yield from cast("Iterable[object]", row)


def _strings(value: object) -> Iterator[str]:
    if type(value) is str:  # no label of SQLAlchemy's own
        yield value
    elif isinstance(value, tuple | list | dict):
        for each in _values(cast("object", value)):
            yield from _strings(each)


def _collect(part: object, found: set[str], functions: set[str], *, is_text: bool) -> None:
    if isinstance(part, tuple):
        _collect_tuple(cast("tuple[object, ...]", part), found, functions, is_text=is_text)
    elif isinstance(part, str):
        if is_text:
            found.add(part)
    elif id(part) in _OPERATORS:
        return
    elif isinstance(part, custom_op):
        found.add(part.opstring)
    elif not isinstance(part, CodeType) and not _is_silent_value(part):
        raise _UnknownError


def _collect_tuple(
    part: tuple[object, ...], found: set[str], functions: set[str], *, is_text: bool
) -> None:
    """An element is a number (sometimes), its class, and then names with their values."""
    classes = ((i, member) for i, member in enumerate(part[:2]) if isinstance(member, type))
    place, kind = next(classes, (-1, None))
    names: frozenset[object] = frozenset()
    if kind is not None:
        is_text = not _is_silent(kind)
        names = frozenset(name for name, _ in getattr(kind, "_traverse_internals", ()))
        names |= _WITHOUT_TEXT.keys()
        if kind is Function:
            found = functions
    for member in part[: max(place, 0)]:
        _collect(member, found, functions, is_text=False)  # a number, or the code of a lambda
    index = place + 1
    while index < len(part):
        member = part[index]
        index += 1
        if not isinstance(member, str) or member not in names:
            _collect(member, found, functions, is_text=is_text)
        elif member in _WITHOUT_TEXT:
            index += _WITHOUT_TEXT[member]
        else:
            # The names of bound parameters are no text.
            inner = (is_text and member != "_bindparams") or member in _TEXT_ATTRIBUTES
            _collect(part[index], found, functions, is_text=inner)
            index += 1


def _is_silent(kind: type) -> bool:
    """Whether elements of this class write no text of their own.

    One that an application defines has the text that is in its attributes.
    """
    if issubclass(kind, TypeEngine | GenericFunction):
        return True
    if not kind.__module__.startswith("sqlalchemy."):
        return False
    if issubclass(kind, Annotated):
        return any(
            base in _SILENT and kind.__name__ == f"Annotated{base.__name__}"
            for base in kind.__mro__
        )
    return kind in _SILENT or kind.__name__ in _SILENT_NAMES or kind.__module__.startswith(_LOADING)


def _is_silent_value(value: object) -> bool:
    # A set holds names of attributes that are loaded, or not.
    if value is None or isinstance(value, int | float | bytes | frozenset | enum.Enum):
        return True
    if isinstance(value, FromClause | Mapper | MapperProperty | TypeEngine):
        return True
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return (value.__module__ or "").startswith(("sqlalchemy.", "_operator"))
    return type(value).__module__.startswith("sqlalchemy.orm.")
