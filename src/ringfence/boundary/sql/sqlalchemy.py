"""The SQL guard at SQLAlchemy's last step before the driver.

One listener for every engine of the process, sync and async: Core, ORM, ``text()``,
``exec_driver_sql`` and ``executemany`` all come by. What does not is a cursor that somebody takes
from the driver itself.

Nearly every statement is constant: SQLAlchemy made its text of tables, columns, operators and
bound parameters. Which parts are an application's own text (``text()``, ``literal_column()``,
prefixes, hints, ``op()`` …) is read off the statement's cache key, which by SQLAlchemy's own
contract holds whatever can change the text (``sql_sources``). Without such a part, or when none has
anything of the client's input in it, the statement may run. Otherwise ``injection`` judges the
whole of it.

A suspicious statement may still be the application's own, with the same words in it by chance.
That has a proof: it stands, whole, as a literal in the code that is running, or as a module's
constant there. Nothing that was joined at run time does.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import greenlet
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExecutionContext
from sqlalchemy.orm.context import FromStatement
from sqlalchemy.sql.compiler import Compiled
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.selectable import TextualSelect

from ringfence.boundary.request.inputs import of_current
from ringfence.boundary.sql.injection import suspicion, touches
from ringfence.boundary.sql.readings import Inputs
from ringfence.boundary.sql.scan import Dialect
from ringfence.boundary.sql.sources import sources
from ringfence.core.exchange import refusal

_DIALECTS: Final = {dialect.value: dialect for dialect in Dialect}
_FRAMES: Final = 200  # how far up the stack a literal is looked for

#: Texts in each compiled statement that SQLAlchemy did not make; None: nobody knows which.
_sources: Final[WeakKeyDictionary[Compiled, frozenset[str] | None]] = WeakKeyDictionary()


def install() -> None:
    """Guard every engine of this process, those that exist and those to come. Once is enough."""
    if not event.contains(Engine, "before_cursor_execute", _guard):
        event.listen(Engine, "before_cursor_execute", _guard)


def _guard(
    connection: Connection,
    _cursor: object,
    statement: str,
    parameters: Any,  # noqa: ANN401  # whatever the driver takes
    context: ExecutionContext | None,
    _executemany: bool,  # noqa: FBT001  # SQLAlchemy's signature
) -> None:
    """Refuse a statement that holds code from the client. Raises ``sql.injected``."""
    compiled = context.compiled if context is not None else None
    own: frozenset[str] | None = None
    if compiled is not None:
        try:
            own = _sources[compiled]
        except KeyError:
            own = _sources[compiled] = sources(compiled)
        if own is not None and not own:
            return
    for inputs in of_current():
        if own is not None and not any(touches(inputs, text) for text in own):
            continue
        _refuse(connection, statement, compiled, inputs, parameters)


def _refuse(
    connection: Connection,
    statement: str,
    compiled: Compiled | None,
    inputs: Inputs,
    parameters: Any,  # noqa: ANN401  # whatever the driver takes
) -> None:
    dialect = _DIALECTS.get(connection.dialect.name)
    found = suspicion(statement, dialect, inputs, lambda: _strings(parameters))
    if found and not _stands_in_source(statement, compiled):
        raise refusal("sql.injected", found=found)


def _strings(parameters: Any) -> Iterator[str]:  # noqa: ANN401  # whatever the driver takes
    """Every string among the bound parameters."""
    pending: list[Any] = [parameters]
    while pending:
        each: Any = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            pending.extend(cast("Mapping[str, Any]", each).values())
        elif isinstance(each, list | tuple):
            pending.extend(cast("list[Any]", each))


def _stands_in_source(statement: str, compiled: Compiled | None) -> bool:
    """Whether the whole statement is a literal of the code that is running it.

    A part of a statement proves nothing: ``"price"`` stands in a lot of code.
    """
    element: object = compiled.statement if compiled is not None else None
    while isinstance(element, FromStatement | TextualSelect):
        element = element.element
    if compiled is not None and not isinstance(element, TextClause):
        return False
    text = element.text if isinstance(element, TextClause) else statement
    return any(
        text in frame.f_code.co_consts or _is_constant_of(frame.f_globals, element, text)
        for frame in _stack()
    )


def _is_constant_of(module: dict[str, Any], element: object, text: str) -> bool:
    """Whether a constant of the module, by its name, is this statement."""
    return any(
        (value is element and element is not None) or (isinstance(value, str) and value == text)
        for name, value in module.items()
        if name.isupper()
    )


def _stack() -> Iterable[FrameType]:
    """The calling frames, innermost first, across the greenlets of SQLAlchemy's async engines."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # documented
    thread = greenlet.getcurrent()
    for _ in range(_FRAMES):
        while frame is None:
            if thread.parent is None:
                return
            thread = thread.parent
            frame = thread.gr_frame
        yield frame
        frame = frame.f_back
