"""Fields that a client may not set: what it sent under the name of such a column is not written.

A handler that copies every field of a body onto a row copies ``is_admin`` as well (mass assignment,
ATTACKS I12). What a client may set is declared beside whose a row is (``Resource(writes=…)``). It
is judged where a statement is about to be sent, so it makes no difference how the body was declared
and read, and a new row is judged as a changed one is.

The application itself sets such columns all the time. So both must hold: the client sent a field of
the column's name, and what is written can be what it sent.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Final, NamedTuple
from unicodedata import normalize
from uuid import UUID

from ringfence.boundary.request import inputs
from ringfence.boundary.request.strict_json import Json
from ringfence.core.exchange import current, refusal
from ringfence.core.ownership import EVERYBODY, by_role, folded
from ringfence.storage.application.checking import Given
from ringfence.storage.application.ownership import Rows, attributes

#: What stands between the parts of a name.
_PARTS: Final = re.compile(r"[\[\].]+")


class Written(NamedTuple):
    """A column that a statement writes, and that not everybody may set."""

    table: str
    name: str
    spellings: frozenset[str]  # of its attribute and of the column itself
    parameters: tuple[str | None, ...]  # with the new values; None: an SQL expression
    roles: frozenset[str]  # whose holders may set it


def set_by_clients(rows: Rows, given: Sequence[Given]) -> tuple[Written, ...]:
    """Of the columns that a statement writes, those that not everybody may set.

    Args:
        rows: What is declared about the table.
        given: The values that it sets, for each row of it.
    """
    resource = rows.declared
    if resource is None or resource.writes is None:
        return ()
    allowed, found = by_role(resource.writes), list[Written]()
    for column, name in attributes(rows.mapper.base_mapper).items():
        parameters = [each[key] for each in given if (key := column.key.casefold()) in each]
        if column.table is not rows.table or not parameters:
            continue
        roles = frozenset(role for role, names in allowed.items() if name in names)
        if EVERYBODY not in roles:
            spellings = frozenset(map(folded, (name, column.key, column.name)))
            found.append(Written(rows.table.name, name, spellings, tuple(parameters), roles))
    return tuple(found)


def refuse_fields(found: Sequence[Written], parameters: Sequence[Mapping[str, Any]]) -> None:
    """Judge what a statement that is about to be sent writes.

    Raises:
        Refused: ``field.unwritable``.
    """
    exchange = current.get() if found else None
    if exchange is None:
        return
    roles = exchange.principal.roles if exchange.principal is not None else frozenset[str]()
    closed = [each for each in found if each.roles.isdisjoint(roles)]
    sent: defaultdict[str, list[Json]] = defaultdict(list)
    for name, value in inputs.fields(exchange) if closed else ():
        for part in _PARTS.split(name):  # of ``order[total][]``, all three
            sent[folded(part)].append(value)
    for each in closed:
        values = [value for spelling in each.spellings for value in sent.get(spelling, ())]
        if any(_comes_from(value, each, parameters) for value in values):
            raise refusal("field.unwritable", table=each.table, field=each.name)


def _comes_from(value: Json, each: Written, parameters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what is written may be ``value``, or in it: an expression may hold anything."""
    parts = [*inputs.leaves(value)] or [value]
    return any(
        name is None or any(_may_be(part, row.get(name)) for row in parameters for part in parts)
        for name in each.parameters
    )


def _may_be(sent: object, written: object) -> bool:
    """Whether ``written`` is ``sent``, as frameworks convert what they are sent.

    Of text and numbers that can be told; a truth value, a date or JSON can be made of much.
    """
    if isinstance(written, Enum):
        return _may_be(sent, written.value) or _may_be(sent, written.name)
    if sent is None or written is None:
        return sent is written
    if isinstance(written, bool) or not isinstance(written, str | int | float | UUID):
        return True
    sent = int(sent) if isinstance(sent, bool) else sent
    if isinstance(written, int | float):
        with suppress(ValueError, OverflowError):
            return math.isclose(float(str(sent)), written)
    return _plain(sent) == _plain(written)


def _plain(value: object) -> str:
    """One spelling of a text. ``{A0EEBC99-…}``, ``urn:uuid:…`` and 32 digits are one UUID."""
    text = normalize("NFKC", str(value)).strip().casefold()
    with suppress(ValueError):
        return UUID(text).hex
    return text
