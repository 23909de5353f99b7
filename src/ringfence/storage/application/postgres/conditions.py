"""What is declared about rows, as the text of policies.

A policy's own subqueries are subject to policies, too: one on a table of members that asks the
table of members would never end. So each subquery that asks about the caller alone (of which teams
he is, what is shared with him) becomes a function that runs with the owner's rights. It is called
once for a statement, and its rows go into an array, so that an index is used.
"""

from dataclasses import dataclass, field
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, literal_column, select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, Tuple
from sqlalchemy.sql.operators import in_op

from ringfence.core.policy import Relation
from ringfence.storage.application.ownership import Rows

DIALECT: Final[Any] = postgresql.dialect()

#: What stands for the caller, asked once for a statement.
SUBJECT: Final[ColumnElement[Any]] = select(func.ringfence_rows.subject()).scalar_subquery()


def written(clause: Any, schema: str) -> str:  # noqa: ANN401  # whatever SQLAlchemy compiles
    """A clause as PostgreSQL reads it: values written out, each table with its schema."""
    compiled = clause.compile(
        dialect=DIALECT,
        schema_translate_map={None: schema},
        render_schema_translate=True,
        compile_kwargs={"literal_binds": True},
    )
    return str(compiled)


def quoted(*names: str | None) -> str:
    """A name, its parts quoted where they have to be."""
    quote: Any = DIALECT.identifier_preparer.quote_identifier
    return ".".join(quote(name) for name in names if name is not None)


@dataclass(slots=True)
class Conditions:
    """Writes conditions, and keeps the functions that they call, by their names.

    Args:
        schema: Of tables for which the models name none.
    """

    schema: str
    functions: dict[str, str] = field(default_factory=dict[str, str])

    def of(self, rows: Rows, relation: Relation) -> str:
        """The condition that the caller stands to a row in ``relation``."""
        condition = visitors.replacement_traverse(rows.related(relation, SUBJECT), {}, self._called)
        # Inside a statement about the table: alone, an EXISTS would ask a second copy of the table,
        # and let everybody in.
        whole = select(true()).select_from(rows.table).where(condition)
        return written(whole, self.schema).partition("\nWHERE ")[2]

    def _called(self, element: Any, **_options: object) -> ColumnElement[bool] | None:  # noqa: ANN401  # SQLAlchemy's
        """``column = ANY (ARRAY(SELECT function()))`` in place of ``column IN (SELECT …)``."""
        if not isinstance(element, BinaryExpression) or element.operator is not in_op:
            return None
        listed: Any = element.right
        if not isinstance(listed, ScalarSelect):
            return None
        left: Any = element.left
        name = self._function(cast("Select[Any]", listed.element))
        if isinstance(left, Tuple):
            return left.op("IN")(literal_column(f"(SELECT * FROM {name}())"))  # noqa: S608  # a name of our own
        return left == func.any(literal_column(f"ARRAY(SELECT {name}())"))

    def _function(self, query: Select[Any]) -> str:
        """The function for a subquery; the same one for the same."""
        columns = [*query.selected_columns]
        types = [column.type.compile(dialect=DIALECT) for column in columns]
        listed = ", ".join(
            f"{quoted(column.name)} {kind}" for column, kind in zip(columns, types, strict=True)
        )
        returned = f"SETOF {types[0]}" if len(columns) == 1 else f"TABLE ({listed})"
        text = written(query, self.schema)
        table: Any = query.get_final_froms()[0]
        number = 1
        while True:
            name = quoted("ringfence_rows", f"of_{table.name}_{number}")
            made = (
                f"CREATE FUNCTION {name}() RETURNS {returned}\n"
                "LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = ''\n"
                f"AS {literal(text)}"
            )
            if self.functions.setdefault(name, made) == made:
                return name
            number += 1


def literal(text: str) -> str:
    """A text as a literal, whatever ``standard_conforming_strings`` says."""
    doubled = text.replace("'", "''").replace("\\", "\\\\")
    return f" E'{doubled}'" if "\\" in text else f"'{doubled}'"
