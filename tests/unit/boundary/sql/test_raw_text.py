"""Each way in which SQLAlchemy writes what it was given, as it is.

Found by reading every ``visit_…`` of the compilers of 2.0 and 2.1, of PostgreSQL and SQLite: what
is neither bound, nor quoted, nor a keyword of a closed list. The text is seen in the statement (so
it is a way to inject), and the guard knows it for the application's own.
"""

from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import SavepointClause, UnaryExpression, quoted_name
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import UserDefinedType

from ringfence.boundary.sql.sources import Sources, sources

RAW: Final[Any] = "1) OR (1=1"
WRITES_LENGTHS: Final = not sa.__version__.startswith("2.0.")
UNQUOTED: Final = quoted_name("a FROM t; DROP TABLE t --", quote=False)
T: Final = sa.table("t", sa.column("a"), sa.column("b"))
A: Final[sa.ColumnElement[Any]] = T.c.a


class Transparent(sa.ColumnElement[int]):
    """One that says of itself that its key is that of its class."""

    inherit_cache = True
    type = sa.Integer()

    def __init__(self, words: object) -> None:
        self.words = words


@compiles(Transparent)
def _transparent(element: Transparent, _compiler: object, **_: object) -> str:
    return str(element.words["x"] if isinstance(element.words, dict) else element.words)


class Spelled(UserDefinedType[int]):
    """A type of an application's own, that writes what it is given."""

    cache_ok = True

    def __init__(self, words: str) -> None:
        self.words = words

    def get_col_spec(self, **_: object) -> str:
        return self.words


class Made(sa.schema.ExecutableDDLElement):
    """DDL of an application's own."""

    def __init__(self, words: str) -> None:
        self.words = words


@compiles(Made)
def _made(element: Made, _compiler: object, **_: object) -> str:
    return f"CREATE VIEW v AS {element.words}"


def cast(kind: Any) -> sa.Select[Any]:
    return sa.select(sa.cast(A, kind))


def table_of(name: str = "t", column: str = "a", **options: Any) -> sa.Table:
    return sa.Table(name, sa.MetaData(), sa.Column(column, sa.Integer), **options)


ON_BOTH: Final[dict[str, Any]] = {
    "text": sa.text(RAW),
    "text in a condition": sa.select(T).where(sa.text(RAW)),
    "textual columns": sa.text(RAW).columns(sa.column("a")),
    "literal_column": sa.select(sa.literal_column(RAW)),
    "a prefix": sa.select(T).prefix_with(RAW),
    "a suffix": sa.select(T).suffix_with(RAW),
    "a statement's hint": sa.select(T).with_statement_hint(RAW),
    "an operator": sa.select(A.op(RAW)(1)),
    "an operator of truth": sa.select(A.bool_op(RAW)(1)),
    "a unary operator": sa.select(UnaryExpression(A, operator=custom_op(RAW))),
    "a prefix of an INSERT": sa.insert(T).prefix_with(RAW),
    "a prefix of an UPDATE": sa.update(T).values(a=1).prefix_with(RAW),
    "a prefix of a DELETE": sa.delete(T).prefix_with(RAW),
    "a suffix of a CTE": sa.select(sa.select(T).cte("c").suffix_with(RAW)),
    "a function that is not to be quoted": sa.select(getattr(sa.func, UNQUOTED)(A)),
    "a precision": cast(sa.Numeric(RAW)),
    "a scale": cast(sa.Numeric(10, RAW)),
    "a decimal's scale": cast(sa.DECIMAL(10, RAW)),
    "a type of an application's own": cast(Spelled(RAW)),
    "an element of an application's own": sa.select(Transparent(RAW)),
    "one that holds it within": sa.select(Transparent({"x": RAW})),
    "an unquoted label": sa.select(A.label(UNQUOTED)),
    "an unquoted column": sa.select(sa.column(UNQUOTED)),
    "an unquoted table": sa.select(sa.table(UNQUOTED, sa.column("a"))),
    "an unquoted schema": sa.select(sa.table("t", sa.column("a"), schema=UNQUOTED)),
    "an unquoted Table": sa.select(table_of(UNQUOTED)),
    "an unquoted Table's column": sa.select(table_of(column=UNQUOTED)),
    "an unquoted Table's column in an INSERT": sa.insert(table_of(column=UNQUOTED)),
    "an unquoted alias": sa.select(T.alias(UNQUOTED)),
    "an unquoted CTE": sa.select(sa.select(T).cte(UNQUOTED)),
    "an unquoted collation": sa.select(A.collate(UNQUOTED)),
}
#: Before 2.1, SQLAlchemy took numbers alone for these.
LENGTHS: Final[dict[str, Any]] = {
    "the length of a string": cast(sa.String(RAW)),
    "a length of CHAR": cast(sa.CHAR(RAW)),
}
ON_SQLITE: Final[dict[str, Any]] = {
    "an unquoted column of a conflict": sqlite.insert(table_of()).on_conflict_do_nothing(
        index_elements=[UNQUOTED]
    ),
}
ON_POSTGRESQL: Final[dict[str, Any]] = {
    "the fields of an interval": cast(postgresql.INTERVAL(fields=RAW)),
    "a float's precision": cast(sa.FLOAT(RAW)),
    "an array of a type": cast(postgresql.ARRAY(sa.Numeric(RAW))),
    "a field to extract": sa.select(sa.extract(RAW, A)),
    "an unquoted column of a conflict": postgresql.insert(table_of()).on_conflict_do_nothing(
        index_elements=[UNQUOTED]
    ),
    "an unquoted enumeration": cast(postgresql.ENUM("a", name=UNQUOTED)),
}


def compiled(statement: Any, dialect: sa.Dialect) -> Any:
    return statement.compile(dialect=dialect)


CASES: Final = {
    f"{name}, {dialect.name}": (statement, dialect)
    for dialect, some in ((sqlite.dialect(), ON_SQLITE), (postgresql.dialect(), ON_POSTGRESQL))
    for name, statement in (ON_BOTH | some | (LENGTHS if WRITES_LENGTHS else {})).items()
}


@pytest.mark.parametrize(("statement", "dialect"), CASES.values(), ids=CASES)
def test_what_is_written_raw_is_text_of_the_application(
    statement: Any, dialect: sa.Dialect
) -> None:
    found = compiled(statement, dialect)
    assert RAW in str(found) or str(UNQUOTED) in str(found), "nothing was injected"
    own = sources(found)
    assert own is None or {RAW, str(UNQUOTED)} & (own.texts | own.functions)


@pytest.mark.parametrize("statement", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_is_no_number_is_text_or_an_error(statement: Any) -> None:
    if WRITES_LENGTHS:
        assert RAW in str(compiled(statement, postgresql.dialect()))
    else:
        with pytest.raises(TypeError):
            compiled(statement, postgresql.dialect())


DDL: Final[dict[str, Any]] = {
    "DDL that is text": sa.DDL(RAW),
    "of an application's own": Made(RAW),
    "a default": sa.schema.CreateTable(
        sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer, server_default=sa.text(RAW)))
    ),
    "a prefix": sa.schema.CreateTable(table_of(prefixes=[RAW])),
}


@pytest.mark.parametrize("statement", DDL.values(), ids=DDL)
def test_ddl_that_says_more_than_names_counts_as_text(statement: Any) -> None:
    found = compiled(statement, sqlite.dialect())
    assert RAW in str(found)
    assert sources(found) is None


QUOTED: Final[dict[str, Any]] = {
    "a label": sa.select(sa.literal(1).label(RAW)),
    "an alias": sa.select(sa.select(sa.literal(1)).subquery(RAW)),
    "a CTE": sa.select(sa.select(sa.literal(1)).cte(RAW)),
    "a collation": sa.select(sa.literal("a").collate("de-DE-x-icu").label(RAW)),
    "values": sa.select(sa.values(sa.column(RAW, sa.Integer), name=RAW).data([(1,)]).c[RAW]),
    "columns of a function": sa.select(sa.func.f().table_valued(RAW).c[RAW]),
    "a savepoint": SavepointClause(RAW),
    "a schema to drop": sa.schema.DropSchema(RAW),
    "a column of a conflict": postgresql.insert(table_of()).on_conflict_do_nothing(
        index_elements=[RAW]
    ),
}


@pytest.mark.parametrize("statement", QUOTED.values(), ids=QUOTED)
def test_what_is_quoted_is_no_text(statement: Any) -> None:
    found = compiled(statement, postgresql.dialect())
    assert f'"{RAW}"' in str(found)
    own = sources(found)
    assert own is not None
    assert own._replace(functions=frozenset()) == Sources(frozenset())
