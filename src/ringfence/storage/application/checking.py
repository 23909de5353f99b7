"""New values: no row is given away, taken, or hung on a row of somebody else.

While an INSERT or UPDATE is compiled, ``checks`` says what of it is to be judged: the columns that
say whose a row is, and every foreign key to a declared table, whatever table it is in. Before it is
sent, ``judge`` looks at the values. A foreign key is looked up as the caller would see it: a row of
somebody else is refused as one that does not exist (Ledger 39).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Select, Table, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import TableClause

from ringfence.core.exchange import refusal
from ringfence.core.policy import Relation
from ringfence.storage.application.ownership import Link, Rows

#: By name of a column, in lower case, the name of the parameter with its new value; None: an SQL
#: expression.
Given: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is to be judged of the new values of a row.

    ``names`` are the columns, and once the statement is compiled the parameters, that hold the
    caller's own id, or the key of a row that the caller stands to in ``relation``.
    """

    table: str
    names: tuple[str, ...]
    rows: Rows | None = None  # of the row that the key leads to; None: the caller's own id
    link: Link = ()
    relation: Relation = Relation.VIEWER
    needed: bool = False  # without it, the row would be nobody's


def checks(
    table: TableClause,
    rows: Rows | None,
    given: Sequence[Given],
    tables: Mapping[Table, Rows],
    *,
    inserts: bool,
) -> tuple[Check, ...]:
    """What is to be judged of a statement.

    Args:
        table: What it writes to.
        rows: What is declared about that table, if anything.
        given: The values that it sets, for each row of it.
        tables: All that is declared, where foreign keys may lead to.
        inserts: Whether it makes new rows, which must be somebody's.

    Raises:
        Refused: ``ownership.unjudged``, where a value is not known before it is sent;
            ``ownership.given`` where nobody makes such rows.
    """
    if inserts and rows is not None and rows.closed:
        raise refusal("ownership.given", table=table.name)
    found: list[Check] = []
    for check in (*_own(rows), *_foreign(table, rows, tables)):
        for values in given:
            unset = [name for name in check.names if name.casefold() not in values]
            if not inserts and len(unset) == len(check.names):
                continue
            names = [values.get(name.casefold(), name) for name in check.names]
            if None in names or (unset and not inserts):
                raise refusal("ownership.unjudged", table=table.name, found=", ".join(check.names))
            found.append(replace(check, names=tuple(map(str, names))))
    return tuple(found)


def given(values: Mapping[Any, Any], keys: Iterable[str | None], suffix: str = "") -> Given:
    """The names of the parameters that a statement sets columns to, by column.

    Args:
        values: Of the statement's own ``values()``, by column or its key.
        keys: Of the columns that are set when it is executed.
        suffix: What SQLAlchemy adds to the names of this row's parameters.
    """
    named: dict[str, str | None] = {key: key for key in keys if key is not None}
    folded: dict[str, str | None] = {}
    for column, value in values.items():
        key: str = getattr(column, "key", column)
        if isinstance(value, BindParameter):
            named[key] = key + suffix if value.unique else str(value.key)
        else:
            named[key] = None if isinstance(value, ClauseElement) else key + suffix
    for key, name in named.items():  # one column in two spellings: nobody knows which one counts
        folded[key.casefold()] = None if key.casefold() in folded else name
    return folded


def judge(
    found: Iterable[Check],
    parameters: Sequence[Mapping[str, Any]],
    connection: Connection,
    subject: BindParameter[Any],
) -> None:
    """Judge the values of a statement that is about to be sent.

    Raises:
        Refused: ``ownership.given`` for a row in another's name or in nobody's,
            ``ownership.foreign`` for one that would hang on a row of somebody else, or on none.
    """
    for check in found:
        for key in {tuple(each.get(name) for name in check.names) for each in parameters}:
            if None in key and not check.needed:
                continue
            if check.rows is None:
                if key != (subject.effective_value,) or None in key:
                    raise refusal("ownership.given", table=check.table)
            elif None in key or connection.scalar(_asked(check, key, subject)) is None:
                raise refusal("ownership.foreign", table=check.table)


def _asked(check: Check, key: tuple[Any, ...], subject: ColumnElement[Any]) -> Select[Any]:
    """The row that a key leads to, if the caller stands to it as needed."""
    if check.rows is None:
        raise LookupError(check.table)
    values = zip(check.link, key, strict=True)
    named = (column == value for (_, column), value in values)
    related = check.rows.related(check.relation, subject)
    return select(1).select_from(check.rows.table).where(*named, related)


def _own(rows: Rows | None) -> Iterator[Check]:
    """What says whose a row is."""
    if rows is None:
        return
    name = rows.table.name
    if rows.owner is not None:
        yield Check(name, (rows.owner.key,), needed=True)
    for parent, link, relation in rows.above:
        keys = tuple(own.key for own, _ in link)
        yield Check(name, keys, parent, link, relation, needed=True)


def _foreign(
    table: TableClause, rows: Rows | None, tables: Mapping[Table, Rows]
) -> Iterator[Check]:
    """Foreign keys to rows that not everybody sees."""
    known: Any = rows.table if rows is not None else table
    if not isinstance(known, Table):
        return
    above: set[Link] = {link for _, link, _ in rows.above} if rows is not None else set()
    for constraint in known.foreign_key_constraints:
        target = tables.get(constraint.referred_table)
        link: Link = tuple((key.parent, key.column) for key in constraint.elements)
        if target is not None and not target.everybodys and link not in above:
            yield Check(table.name, tuple(own.key for own, _ in link), target, link)
