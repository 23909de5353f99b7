"""Which of SQLAlchemy's classes write no text of an application's own.

They write keywords, names (quoted where they have to be) and placeholders. What is not listed here
counts as text, so a class that SQLAlchemy adds is judged until somebody has read what it writes.
"""

import enum
import re
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Final

import sqlalchemy
from sqlalchemy import Column, schema
from sqlalchemy.dialects.postgresql import dml as postgresql_dml
from sqlalchemy.dialects.postgresql import operators as postgresql
from sqlalchemy.dialects.sqlite import dml as sqlite_dml
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.interfaces import MapperProperty
from sqlalchemy.sql import dml, elements, selectable
from sqlalchemy.sql.annotation import Annotated
from sqlalchemy.sql.elements import ClauseElement, quoted_name
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.sqltypes import TableValueType
from sqlalchemy.types import TypeEngine

#: Before SQLAlchemy 2.1 these have no key, and neither has a statement with one.
CONFLICTS: Final = (
    postgresql_dml.OnConflictDoNothing,
    postgresql_dml.OnConflictDoUpdate,
    sqlite_dml.OnConflictDoNothing,
    sqlite_dml.OnConflictDoUpdate,
)
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
        elements.CollationClause,
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
        *CONFLICTS,
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
        selectable.TableSample,
        selectable.TableValuedAlias,
        selectable.Values,
    }
)
#: What makes columns of its own: their names choose nothing.
MAKING: Final = (selectable.TableValuedAlias, selectable.Values)
MAKES_COLUMNS: Final = (TableValueType, *MAKING)
#: DDL that writes names, and nothing else that an application says.
NAMING: Final = (
    schema.CreateSchema,
    schema.DropIndex,
    schema.DropSchema,
    schema.DropSequence,
    schema.DropTable,
)
#: Those of JSONB, arrays and ranges: SQLAlchemy writes them, and no application.
_OPERATORS: Final = frozenset(id(each) for each in vars(postgresql).values())
#: The same as of ``_SILENT``, by name where SQLAlchemy keeps a class to itself.
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

_WORDS: Final = re.compile(r"(?:[\w ]|-(?!-))*")
PACKAGE: Final = str(Path(sqlalchemy.__file__).parent)


def is_unquoted(name: object) -> bool:
    """``quoted_name(…, quote=False)``: SQLAlchemy writes it as it is."""
    return isinstance(name, quoted_name) and name.quote is False


def is_harmless(text: object) -> bool:
    """Whether this is words and numbers alone: harmless in a type and in EXTRACT, quoted or not."""
    return isinstance(text, str) and _WORDS.fullmatch(text) is not None


def is_foreign(kind: type) -> bool:
    """Whether this is a class of an application's own that writes SQL."""
    own = kind.__module__.startswith("sqlalchemy.")
    return not own and issubclass(kind, ClauseElement | TypeEngine)


def is_silent(kind: type) -> bool:
    """Whether elements of this class write no text of their own."""
    if not kind.__module__.startswith("sqlalchemy."):
        return False
    if issubclass(kind, TypeEngine | GenericFunction):
        return True
    if issubclass(kind, Annotated):
        return any(
            base in _SILENT and kind.__name__ == f"Annotated{base.__name__}"
            for base in kind.__mro__
        )
    return kind in _SILENT or kind.__name__ in _SILENT_NAMES or kind.__module__.startswith(_LOADING)


def is_silent_value(value: object) -> bool:
    """Whether this value in a key writes no text."""
    # A set holds names of attributes that are loaded, or not.
    if value is None or isinstance(value, int | float | bytes | frozenset | enum.Enum):
        return True
    if id(value) in _OPERATORS:
        return True
    if isinstance(value, FromClause | Mapper | MapperProperty | TypeEngine):
        return True
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return (value.__module__ or "").startswith(("sqlalchemy.", "_operator"))
    return type(value).__module__.startswith("sqlalchemy.orm.")
