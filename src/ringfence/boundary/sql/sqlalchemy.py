"""The SQL guard at SQLAlchemy's last step before the driver.

One listener for every engine of the process, sync and async: it sees the statements of Core, ORM,
``text()``, ``exec_driver_sql`` and ``executemany``, after each listener of the application that may
change them. It does not see those of a cursor that somebody takes from the driver itself.

Nearly every statement is constant: SQLAlchemy made its text of tables, columns, operators and
bound parameters. Which parts are an application's own text (``text()``, ``literal_column()``,
``column()``, prefixes, hints, ``op()`` …) is read off the statement (``sources``), and each is
judged: it is a literal of the application, is derived from some, or is a name that is vouched for
and stands where one may.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

import greenlet
import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExecutionContext
from sqlalchemy.engine.interfaces import ExecuteStyle
from sqlalchemy.sql.compiler import Compiled

from ringfence.boundary.request import inputs
from ringfence.boundary.sql import context as contexts
from ringfence.boundary.sql.guard import Sent
from ringfence.boundary.sql.identifiers import GUARD, NAMED
from ringfence.boundary.sql.lexer import Dialect
from ringfence.boundary.sql.silent import is_unquoted
from ringfence.boundary.sql.sources import Sources, sources
from ringfence.boundary.sql.templates import Scope
from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, Slot, current, refusal
from ringfence.core.seam import Seam
from ringfence.core.settings import SqlGuard

_DIALECTS: Final = {dialect.value: dialect for dialect in Dialect}
_FRAMES: Final = 200  # how far up the stack is looked
_SQLALCHEMY: Final = str(Path(sqlalchemy.__file__).parent)
_REFLECTION: Final = (f"{_SQLALCHEMY}/dialects/", f"{_SQLALCHEMY}/engine/reflection")
_STACK: Final = str(Path(__file__).parents[2] / "stack")

#: What each compiled statement is made of beside SQLAlchemy's own text; None: nobody knows.
_sources: Final[WeakKeyDictionary[Compiled, Sources | None]] = WeakKeyDictionary()
#: The rows of an ``INSERT`` that SQLAlchemy sends in several statements: the present one.
_batches: Final[WeakKeyDictionary[ExecutionContext, str]] = WeakKeyDictionary()
#: How a whole statement begins; everything else is a part of one.
_WHOLE: Final = re.compile(
    r"\s*(?:--|/\*|(?:select|insert|update|delete|with|values)\b)", re.IGNORECASE
)

_SENT: Final = Slot[Sent]("boundary.sent")
_installed: Final[list[SqlGuard]] = []


def install(mode: SqlGuard = SqlGuard.STRICT) -> None:
    """Guard every engine of this process, those that exist and those to come.

    Called when the application has started: its modules are loaded then. One ``remove`` undoes it.
    """
    GUARD.literals.load()
    GUARD.literals.snapshot()
    if not event.contains(Engine, "do_execute", _guard):
        event.listen(Engine, "before_cursor_execute", _note, insert=True)
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            event.listen(Engine, name, _guard, insert=True)
    contexts.follow()
    _installed.append(mode)


def remove(mode: SqlGuard = SqlGuard.STRICT) -> None:
    """Undo one ``install``: the application that asked for it has shut down."""
    _installed.remove(mode)  # the listeners stay: open connections would not notice
    contexts.leave()


def _note(
    _connection: Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: ExecutionContext | None,
    _executemany: bool,  # noqa: FBT001  # SQLAlchemy's signature
) -> None:
    """Remember a batch of rows as SQLAlchemy wrote it, before any listener can change it."""
    if context is not None and context.execute_style is ExecuteStyle.INSERTMANYVALUES:
        _batches[context] = statement


def _guard(_cursor: object, statement: str, *more: Any) -> None:  # noqa: ANN401  # of three signatures
    """Have a statement judged that the driver gets next. Raises ``sql.injected``."""
    exchange = current.get()
    if _installed and exchange is not None:
        context: ExecutionContext = more[-1]  # behind the parameters, if there are any
        JUDGE.current()(statement, context, exchange)


def judge(statement: str, context: ExecutionContext, exchange: Exchange) -> None:
    """Refuse a statement that is not the application's own. Raises ``sql.injected``."""
    compiled = context.compiled
    own: Sources | None = None
    is_made = statement in (context.statement, _batches.get(context))
    if compiled is not None and is_made and not _has_unquoted_schema(context):
        try:
            own = _sources[compiled]
        except KeyError:
            own = _sources[compiled] = sources(compiled)
        if own is not None and not own.texts and not own.functions:
            return
    dialect = _DIALECTS.get(context.dialect.name, Dialect.OTHER)
    found = _suspicion(statement, own, dialect, exchange)
    if found and SqlGuard.STRICT not in _installed:
        texts = (statement,) if own is None else (*own.texts, *own.functions)
        if not any(GUARD.shares(text, inputs.text(exchange)) for text in texts):
            return
    if found:
        raise refusal("sql.injected", found=found)


def _has_unquoted_schema(context: ExecutionContext) -> bool:
    schemas = context.execution_options.get("schema_translate_map")
    return bool(schemas) and any(map(is_unquoted, schemas.values()))


#: Who judges a statement in a request. Raises ``sql.injected``.
JUDGE: Final = Seam[Callable[[str, ExecutionContext, Exchange], None]](Layer.BOUNDARY, judge)


def _suspicion(statement: str, own: Sources | None, dialect: Dialect, exchange: Exchange) -> str:
    sent = exchange.state.get(_SENT)
    if sent is None:
        sent = exchange.state[_SENT] = Sent(partial(inputs.text, exchange))
    named = exchange.state.get(NAMED, frozenset())
    if own is None:
        found = GUARD.suspicion(statement, dialect, sent=sent, named=named, around=_around)
        return "" if found and _is_reflection() else found
    for text in own.texts:
        if _WHOLE.match(text):
            found = GUARD.suspicion(text, dialect, sent=sent, named=named, around=_around)
        else:
            found = GUARD.fragment_suspicion(
                text, statement, dialect, sent=sent, named=named, around=_around
            )
        if found:
            return found
    for name in own.functions:
        if name in GUARD.literals.functions or name in named:
            continue
        if not GUARD.literals.keeps(name, _around()):
            return "function"
    return ""


def _around() -> list[Scope]:
    """The scopes of the application's functions that are running, within this request."""
    found: list[Scope] = []
    for frame in _stack():
        code = frame.f_code
        if code.co_filename.startswith(_STACK):
            break  # beyond are the server and, in a test, whoever sent the request
        found += GUARD.literals.scopes_at(code.co_filename, code.co_name)
    return found


def _is_reflection() -> bool:
    """Whether SQLAlchemy itself asks, about tables: it quotes their names."""
    for frame in _stack():
        file = frame.f_code.co_filename
        if file.startswith(_REFLECTION):
            return True
        if not file.startswith((_SQLALCHEMY, str(Path(__file__).parent))):
            return False
    return False


def _stack() -> Iterator[FrameType]:
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
