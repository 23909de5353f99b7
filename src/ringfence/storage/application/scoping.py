"""Every statement that SQLAlchemy makes sees the caller's rows only, however it was written.

The scope is put where SQL is made, in the compiler of the engine's dialect, and not into sessions:
a declared table in a FROM becomes ``(SELECT … FROM orders WHERE user_id = :rf_subject) AS orders``,
an UPDATE and a DELETE get the condition of who may change a row, an INSERT or a new value is judged
before it is sent (``checking``). So there is no way to load that could be forgotten: ORM and Core,
eager and lazy, CTE, subquery and bulk all end here. The database merges such a subquery with the
query around it, so that a row by its key costs what it costs without.

The text is the same for everybody, so it is cached as always. The subject is a parameter, read from
the current request at each execution (Ledger 37). Where no request is under way it is an error.

What SQLAlchemy does not make is not seen here: ``text()`` and the driver's own SQL.
"""

import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

from sqlalchemy import Boolean, ColumnElement, FromClause, String, Table, bindparam, select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.selectable import TableClause

from ringfence.core.exchange import current, refusal
from ringfence.core.policy import Relation
from ringfence.storage.application.checking import Check, checks, given
from ringfence.storage.application.fields import Written, set_by_clients
from ringfence.storage.application.ownership import Rows


def subject() -> str | None:
    """Who asks in the current request; None for nobody signed in.

    Raises:
        LookupError: No request is under way; that of a task which goes on after it is over.
    """
    exchange = current.get()
    if exchange is None or exchange.over:
        raise LookupError("no request is under way: say database.unscoped(reason=…)")
    return exchange.principal.subject if exchange.principal is not None else None


#: The parameter that stands for the caller. Nobody can guess its name: a value that is given to a
#: statement under a parameter's name takes the place of what the parameter calls.
SUBJECT: Final = bindparam(f"rf_subject_{secrets.token_hex(16)}", callable_=subject, type_=String())


#: SQLAlchemy types a part of its compiler only.
_COMPILER: Final[Any] = SQLCompiler


class Vetted(ColumnElement[bool]):
    """A condition of our own: the tables in it are read as they are."""

    __visit_name__ = "ringfence_vetted"
    inherit_cache = False
    type = Boolean()
    _is_implicitly_boolean = True  # it is compared with nothing

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self.condition = condition


class Writing(_COMPILER):
    """The part of SQLite's compiler that writes to tables, where their names mean views."""

    tables: ClassVar[Mapping[Table, Rows]] = {}
    tables_by_name: ClassVar[Mapping[str, list[Rows]]] = {}
    #: The declared classes whose rows this statement reads or writes.
    ringfence_kinds: frozenset[type] = frozenset()

    def visit_table(self, table: Any, asfrom: bool = False, **kw: Any) -> str:  # noqa: ANN401, FBT001, FBT002  # SQLAlchemy's
        """A table; where it is written to, the one of the file (``network.doors``)."""
        rows = self._rows(table)
        if rows is not None and rows.declared is not None:
            self.ringfence_kinds |= {rows.declared.kind}
        text: str = _as_is(super()).visit_table(table, asfrom=asfrom, **kw)
        return self._of_the_file(text, table) if kw.get("iscrud") else text

    def visit_insert(self, insert_stmt: Insert, **kw: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        """An INSERT."""
        text: str = _as_is(super()).visit_insert(insert_stmt, **kw)
        table: str = self.preparer.format_table(insert_stmt.table)
        named = self._of_the_file(table, insert_stmt.table)
        return text.replace(f"INTO {table}", f"INTO {named}", 1)

    def _of_the_file(self, text: str, table: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        ours = self.dialect.name == "sqlite" and self._rows(table) is not None
        return f"main.{text}" if ours and not table.schema else text

    def _rows(self, table: FromClause) -> Rows | None:
        """What is declared about a table; by its name, where it is not one of the models'."""
        if not isinstance(table, TableClause):
            return None
        named = self.tables_by_name.get(table.name.lower(), ())
        for rows in named:
            if not isinstance(table, Table) or table.metadata is not rows.table.metadata:
                return rows
            if self._schema(cast("Any", table)) == self._schema(rows.table):
                return rows
        return None

    def _schema(self, table: Table) -> str:
        """Where a table is; no schema is the one that the database takes then."""
        return (table.schema or self.dialect.default_schema_name or "").lower()


class Scoping(Writing):
    """The part of a compiler that scopes; ``scoped`` puts it before that of a dialect."""

    #: What is to be judged of the values of this statement before it is sent.
    ringfence_checks: tuple[Check, ...] = ()
    #: The columns that it writes and that not everybody may set.
    ringfence_fields: tuple[Written, ...] = ()

    _vetting = False

    def visit_table(self, table: Any, asfrom: bool = False, **kw: Any) -> str:  # noqa: ANN401, FBT001, FBT002  # SQLAlchemy's
        """A table; in a FROM, the caller's rows of it."""
        rows = self._rows(table) if asfrom and not kw.get("iscrud") and not self._vetting else None
        if rows is None or rows.everybodys:
            return _as_is(super()).visit_table(table, asfrom=asfrom, **kw)
        linter: Any = kw.get("from_linter")
        alias: Any = kw.get("enclosing_alias")
        if linter:
            linter.froms[table] = table.fullname
        readable = rows.related(Relation.VIEWER, SUBJECT)
        with self._own():
            text = f"({self.process(select(rows.table).where(readable), asfrom=True)})"
        if alias is not None and alias.element is table:
            return text
        renamed: Mapping[str, str] = kw.get("ambiguous_table_name_map") or {}
        name: str = table.name
        if name in renamed and not self.preparer.schema_for_object(table):
            name = self._truncated_identifier("alias", renamed[name])
        return f"{text} AS {self.preparer.quote(name)}"

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        """A column; that of a scoped table is of its alias, which has no schema."""
        text: str = _as_is(super()).visit_column(column, *args, **kw)
        table: Any = column.table
        if isinstance(table, TableClause) and self._rows(cast("Any", table)) is not None:
            schema = self.preparer.schema_for_object(cast("Table", table))
            if schema:
                return text.removeprefix(self.preparer.quote_schema(schema) + ".")
        return text

    def visit_ringfence_vetted(self, element: Vetted, **kw: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        """A condition of our own."""
        with self._own():
            return f"({self.process(element.condition, **kw)})"

    def visit_update(self, update_stmt: Update, visiting_cte: Any = None, **kw: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        """An UPDATE of rows that the caller may change, to values that are judged."""
        found, rows = self._judged(update_stmt, visiting_cte, **kw)
        if rows is not None:
            gives = any(check.rows is None for check in found)  # to oneself: else it is refused
            needed = Relation.OWNER if gives else Relation.EDITOR
            update_stmt = update_stmt.where(Vetted(rows.related(needed, SUBJECT)))
        return _as_is(super()).visit_update(update_stmt, visiting_cte=visiting_cte, **kw)

    def visit_delete(self, delete_stmt: Delete, visiting_cte: Any = None, **kw: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
        """A DELETE of rows that the caller may change."""
        rows = self._rows(_target(delete_stmt))
        if rows is not None:
            delete_stmt = delete_stmt.where(Vetted(rows.related(Relation.EDITOR, SUBJECT)))
        return _as_is(super()).visit_delete(delete_stmt, visiting_cte=visiting_cte, **kw)

    def visit_insert(
        self,
        insert_stmt: Insert,
        visited_bindparam: Any = None,  # noqa: ANN401  # SQLAlchemy's
        visiting_cte: Any = None,  # noqa: ANN401  # SQLAlchemy's
        **kw: Any,  # noqa: ANN401  # SQLAlchemy's
    ) -> str:
        """An INSERT of values that are judged."""
        found, rows = self._judged(insert_stmt, visiting_cte, **kw)
        if (rows is not None or found) and insert_stmt.select is not None:
            table = _target(insert_stmt)
            raise refusal("ownership.unjudged", table=table.name, found="INSERT from SELECT")
        if rows is not None and _overwrites(insert_stmt):
            raise refusal("ownership.unjudged", table=rows.table.name, found="overwrites")
        return _as_is(super()).visit_insert(
            insert_stmt, visited_bindparam=visited_bindparam, visiting_cte=visiting_cte, **kw
        )

    def _judged(
        self,
        statement: Insert | Update,
        cte: object,
        **kw: Any,  # noqa: ANN401  # SQLAlchemy's
    ) -> tuple[tuple[Check, ...], Rows | None]:
        """What is to be judged of new values, and the rows of the table, if they are declared.

        Raises:
            Refused: ``ownership.unjudged``, where a value is not known before it is sent.
        """
        table = _target(statement)
        rows, inserts = self._rows(table), isinstance(statement, Insert)
        # What the statement sets, by column: ORM statements name attributes until here.
        state: Any = _state_of(statement, self, kw)
        keys = self.column_keys or ()
        several = state._multi_parameters  # noqa: SLF001  # no other way to know
        if several:
            values = [given(each, keys, f"_m{number}") for number, each in enumerate(several)]
        else:
            values = [given(state._dict_parameters or {}, keys)]  # noqa: SLF001  # as above
        found = checks(table, rows, values, self.tables, inserts=inserts)
        if found and (cte is not None or self.stack):
            raise refusal("ownership.unjudged", table=table.name, found="part of a statement")
        self.ringfence_checks += found
        self.ringfence_fields += set_by_clients(rows, values) if rows is not None else ()
        return found, rows

    @contextmanager
    def _own(self) -> Generator[None]:
        before, self._vetting = self._vetting, True
        try:
            yield
        finally:
            self._vetting = before


def _as_is(parent: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's compiler, which is typed in part
    return parent


def _target(statement: Insert | Update | Delete) -> Any:  # noqa: ANN401  # a TableClause, which 2.1 made generic
    """The table that a statement writes to, without its alias."""
    table: Any = statement.table
    while not isinstance(table, TableClause):
        table = table.element
    return cast("Any", table)


def _state_of(statement: Any, compiler: Any, kw: dict[str, Any]) -> Any:  # noqa: ANN401  # private to SQLAlchemy
    """What a statement sets, as its own compilation is about to work it out."""
    return statement._compile_state_factory(statement, compiler, **kw)  # noqa: SLF001  # no other way to know


def _overwrites(statement: Any) -> bool:  # noqa: ANN401  # of any dialect
    """Whether an INSERT may change a row that is there: upserts, ``OR REPLACE``."""
    after = getattr(statement, "_post_values_clause", None)
    nothing = type(after).__name__ == "OnConflictDoNothing"
    return bool(statement._prefixes) or (after is not None and not nothing)  # noqa: SLF001  # no other way to know


def scoped(kind: type[Dialect], rows: Mapping[Table, Rows]) -> type[Dialect]:
    """The dialect ``kind`` with a compiler that scopes ``rows``."""
    return _with(Scoping, kind, rows)


def written(kind: type[Dialect], rows: Mapping[Table, Rows]) -> type[Dialect]:
    """The dialect ``kind`` with a compiler that scopes nothing, for whoever is let through."""
    return _with(Writing, kind, rows)


def _with(part: type[Writing], kind: type[Dialect], rows: Mapping[Table, Rows]) -> type[Dialect]:
    by_name: dict[str, list[Rows]] = {}
    for each in rows.values():
        by_name.setdefault(each.table.name.lower(), []).append(each)
    plain = kind.statement_compiler
    found = {"tables": rows, "tables_by_name": by_name}
    compiler = type(f"{part.__name__}{plain.__name__}", (part, plain), found)
    return type(
        f"{part.__name__}{kind.__name__}",
        (kind,),
        {
            "statement_compiler": compiler,
            "supports_statement_cache": kind.supports_statement_cache,
        },
    )
