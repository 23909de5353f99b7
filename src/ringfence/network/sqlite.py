"""What SQLite may do for the application: read and write rows, and nothing else.

SQLite has no roles. Its authorizer is asked while a statement is compiled, so a denied statement
never begins: no DDL, no ATTACH (another file, or with VACUUM INTO any file), no PRAGMA that changes
how the database works, no extension, no look at the catalogue. For an injected statement it does
what a database role does on PostgreSQL (DESIGN section 2; ATTACKS I01, I02).

And no statement runs for ever: SQLite asks now and then whether to go on, as PostgreSQL's
``statement_timeout`` does (CWE-400).

After ``freeze()`` it acts on every SQLite connection of every SQLAlchemy engine in the process,
whoever made it; who judges is a seam. ``migrating()`` lets the application's own migrations
through. Ringfence's own connections call ``guard`` and are no part of that: no text of a client
ever becomes SQL on them.

Source: sqlite.org, "Compile-Time Authorization Callbacks" and "Defense Against The Dark Arts".
"""

import sqlite3
import sys
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.exchange import current, refusal
from ringfence.core.seam import Seam
from ringfence.network.doors import SUBJECT, Doors

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, ExceptionContext

_DENIED: Final = frozenset(
    {
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ANALYZE,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_INDEX,
        sqlite3.SQLITE_DROP_TEMP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_TRIGGER,
        sqlite3.SQLITE_DROP_TEMP_VIEW,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_REINDEX,
    }
)

#: Named as SQLite names them to an authorizer; ``sqlite_schema`` is an alias of the first.
_CATALOGUE: Final = frozenset({"sqlite_master", "sqlite_temp_master"})

_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer"})

#: What a PRAGMA may do: answer a question that reflection asks, or make this connection stricter.
_PRAGMAS: Final = frozenset(
    {
        "data_version",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_xinfo",
    }
)
_SWITCHES: Final = frozenset({"defer_foreign_keys", "foreign_keys", "query_only"})
_STRICTER: Final = frozenset({None, "1", "on", "true", "yes"})

#: A statement may run 100 million of SQLite's instructions, which takes a second or two. They are
#: counted, so that a slow machine refuses no more than a fast one.
_INSTRUCTIONS: Final = 100_000
_MOST_ASKED: Final = 1_000

#: Where a pooled connection keeps its guard, and the doors of its database.
#: A driver whose older versions take no authorizer.
_ASYNC_DRIVER: Final = "aiosqlite"

_GUARD: Final = "ringfence.guard"
_DOORS: Final = "ringfence.doors"

#: The execution option of a connection that reads and writes everybody's rows, and says why.
EVERYBODYS: Final = "ringfence_everybodys"

#: Whether a statement may not do something: the action, and SQLite's two words about it.
Judge: TypeAlias = Callable[[int, str | None, str | None], bool]

_migrating: ContextVar[bool] = ContextVar("ringfence.migrating", default=False)
_freezes = 0
_hooked = False


class Guard:
    """The authorizer of one connection; remembers that it denied something.

    SQLite's errors do not say so clearly: a denial has one of three codes and four texts.
    """

    def __init__(self) -> None:
        self.judge: Judge | None = None  # None: it is not set
        self.doors: Doors | None = None  # None: declared tables are read as they are
        self.writing = False  # what SQLAlchemy made passes the doors; it is scoped as it is made
        self.subject: str | None = None  # for whom the doors open
        self.denied = False  # by the statement that runs, or ran last
        self.ran = 0  # how often it was asked by that statement whether to go on

    def __call__(
        self,
        action: int,
        subject: str | None,
        detail: str | None,
        database: str | None,
        view: str | None,
    ) -> int:
        """Judge one thing that a statement wants to do; the arguments are SQLite's own."""
        if self.judge is None:
            return sqlite3.SQLITE_OK
        doors = None if self.writing else self.doors
        shut = doors is not None and doors.denies(action, subject, database, view)
        if not shut and not self.judge(action, subject, detail):
            return sqlite3.SQLITE_OK
        self.denied = True
        return sqlite3.SQLITE_DENY

    def asks(self) -> str | None:
        """For whom the doors open: called by SQLite, in whichever thread it runs."""
        return self.subject

    def go_on(self) -> int:
        """Whether the running statement has reached its limit: SQLite's progress handler."""
        self.ran += 1
        if self.ran < _MOST_ASKED:
            return 0
        self.denied = True
        return 1


def denied(action: int, subject: str | None, detail: str | None) -> bool:
    """Whether a statement may not do this; the arguments are SQLite's own."""
    if action == sqlite3.SQLITE_READ:
        # Table-valued functions (json_each) ask for the ROWID while they are declared.
        return subject in _CATALOGUE and detail != "ROWID"
    if action == sqlite3.SQLITE_FUNCTION:
        return detail in _FUNCTIONS
    if action == sqlite3.SQLITE_PRAGMA:
        return not _harmless((subject or "").lower(), detail)
    if action in {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE}:
        # UPDATE is what json_each asks for as well; without ``PRAGMA writable_schema``, which is
        # denied above, SQLite itself refuses all three.
        return subject in _CATALOGUE
    return action in _DENIED


def _harmless(pragma: str, value: str | None) -> bool:
    if pragma in _SWITCHES:
        return (value and value.lower()) in _STRICTER
    return pragma in _PRAGMAS


#: Who judges what a statement wants to do.
JUDGE: Final = Seam[Judge](Layer.NETWORK, denied)


def guard(connection: sqlite3.Connection) -> None:
    """Put the authorizer on one connection, for good."""
    authorizer = Guard()
    authorizer.judge = denied
    connection.set_authorizer(authorizer)


def freeze() -> None:
    """Guard every SQLAlchemy connection to SQLite from here on; undone by one ``thaw()``.

    Called when the application has started: it may have made its tables until then.

    Raises:
        ConfigurationError: The application has a driver that takes no authorizer.
    """
    if (driver := sys.modules.get(_ASYNC_DRIVER)) and not _guardable(driver.Connection):
        raise ConfigurationError(
            "aiosqlite: connections of this version take no guard; 0.22 is needed"
        )
    global _freezes, _hooked  # noqa: PLW0603  # the hooks belong to the process, and so does their switch
    if not _hooked:
        _hook()
        _hooked = True
    _freezes += 1


def thaw() -> None:
    """Undo one ``freeze()``: the application that asked for it has shut down."""
    global _freezes  # noqa: PLW0603  # see freeze
    _freezes = max(0, _freezes - 1)


@contextmanager
def migrating() -> Generator[None]:
    """Let this task change the schema inside the block: for the application's migrations."""
    token = _migrating.set(True)
    try:
        yield
    finally:
        _migrating.reset(token)


def _hook() -> None:
    """Listen to every engine, those that exist already too."""
    from sqlalchemy import event  # noqa: PLC0415  # 0.2 s that only a start with SQLAlchemy pays
    from sqlalchemy.engine import Engine  # noqa: PLC0415  # as above
    from sqlalchemy.pool import Pool  # noqa: PLC0415  # as above

    event.listen(Pool, "checkout", _on_checkout)
    event.listen(Engine, "before_cursor_execute", _on_execute)
    event.listen(Engine, "after_cursor_execute", _on_executed)
    event.listen(Engine, "handle_error", _on_error, retval=True)


def declare(pool: Any, doors: Doors) -> None:  # noqa: ANN401  # SQLAlchemy's
    """Put up ``doors`` on the connections of a pool, as long as this layer guards them."""
    from sqlalchemy import event  # noqa: PLC0415  # as in _hook

    def note(_connection: object, record: Any) -> None:  # noqa: ANN401  # as above
        record.info[_DOORS] = doors

    event.listen(pool, "connect", note)


def _on_checkout(connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401  # any driver's
    _align(connection, record.info, everybodys=False, writing=False)


def _on_execute(
    connection: "Connection",
    _cursor: object,
    _statement: str,
    _parameters: object,
    context: Any,  # noqa: ANN401  # SQLAlchemy's
    _executemany: object,
) -> None:
    prepare(connection, context)


def _on_executed(
    connection: "Connection",
    _cursor: object,
    _statement: str,
    _parameters: object,
    _context: object,
    _executemany: object,
) -> None:
    """What SQLAlchemy made has written: whoever takes the driver's own connection may not."""
    guard: Guard | None = connection.connection.info.get(_GUARD)
    if guard is not None and guard.writing:
        prepare(connection, None)


def prepare(connection: "Connection", context: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
    """Guard a connection for the statement that is about to run, and no other one.

    Again for each statement: a connection may be held from before the freeze until after it.
    Whoever sends another statement in between calls it again.
    """
    pooled = connection.connection
    compiled = getattr(context, "compiled", None)
    _align(
        pooled.dbapi_connection,
        pooled.info,
        everybodys=bool(connection.get_execution_options().get(EVERYBODYS)),
        writing=compiled is not None and (context.isinsert or context.isupdate or context.isdelete),
    )


def _align(
    connection: Any,  # noqa: ANN401  # any driver's
    info: MutableMapping[Any, Any],
    *,
    everybodys: bool,
    writing: bool,
) -> None:
    """Set, change or lift the authorizer and the doors, if they are not as this request wants them.

    Decided here and not in the callback: aiosqlite compiles statements in a thread of its own,
    where no request is current. Setting it makes SQLite compile its cached statements anew: none
    that was compiled as a write of SQLAlchemy's runs again as text.
    """
    driver = getattr(connection, "driver_connection", connection)
    if not _guardable(driver):
        if type(driver).__module__.partition(".")[0] == _ASYNC_DRIVER:  # imported since the start
            raise refusal("database.denied", found="a driver that takes no guard")
        return  # not SQLite
    guard: Guard = info.setdefault(_GUARD, Guard())
    guard.denied, guard.ran = False, 0
    exchange = current.get()
    asking = exchange.principal if exchange is not None and not exchange.over else None
    guard.subject = asking.subject if asking is not None else None
    judge = JUDGE.current() if _freezes and not _migrating.get() else None
    doors: Doors | None = info.get(_DOORS) if judge is denied and not everybodys else None
    writing = writing and doors is not None
    if guard.judge is judge and guard.doors is doors and guard.writing == writing:
        return
    call = partial(_call, connection, driver)
    if guard.doors is not doors:
        guard.judge = None  # it is this program that changes the views
        for statement in (
            *(guard.doors.closing if guard.doors else ()),
            *(doors.opening if doors else ()),
        ):
            call("execute", statement)
        call("create_function", SUBJECT, 0, guard.asks)
    guard.judge, guard.doors, guard.writing = judge, doors, writing
    call("set_authorizer", guard if judge is not None else None)
    call("set_progress_handler", guard.go_on if judge is denied else None, _INSTRUCTIONS)


def _guardable(driver: object) -> bool:
    return hasattr(driver, "set_authorizer")


def _call(connection: Any, driver: Any, name: str, *arguments: object) -> None:  # noqa: ANN401  # any driver's
    """Call the driver; aiosqlite does it in its own thread, and is waited for."""
    pending: object = getattr(driver, name)(*arguments)
    if isinstance(pending, Awaitable):
        connection.run_async(partial(_waiting, pending))


def _waiting(pending: Awaitable[object], _driver: object) -> Awaitable[object]:
    return pending


def _on_error(context: "ExceptionContext") -> Refused | None:
    """Turn the error of a statement that was denied into the refusal that it is."""
    connection = context.connection
    guard: Guard | None = connection and connection.info.get(_GUARD)
    if connection is None or guard is None:
        return None
    denied_it = guard.denied
    if guard.writing and not connection.invalidated:
        prepare(connection, None)
    return refusal("database.denied") if denied_it else None
