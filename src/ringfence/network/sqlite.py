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
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import refusal
from ringfence.core.seam import Seam

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

#: Where a pooled connection keeps its guard.
_GUARD: Final = "ringfence.guard"

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
        self.denied = False  # by the statement that runs, or ran last
        self.ran = 0  # how often it was asked by that statement whether to go on

    def __call__(
        self,
        action: int,
        subject: str | None,
        detail: str | None,
        _database: str | None,
        _trigger: str | None,
    ) -> int:
        """Judge one thing that a statement wants to do; the arguments are SQLite's own."""
        if self.judge is None or not self.judge(action, subject, detail):
            return sqlite3.SQLITE_OK
        self.denied = True
        return sqlite3.SQLITE_DENY

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
    """
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
    event.listen(Engine, "handle_error", _on_error, retval=True)


def _on_checkout(connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401  # any driver's
    _align(connection, record.info)


def _on_execute(connection: "Connection", *_statement: object) -> None:
    # Again for each statement: a connection may be held from before the freeze until after it.
    pooled = connection.connection
    _align(pooled.dbapi_connection, pooled.info)


def _align(connection: Any, info: MutableMapping[Any, Any]) -> None:  # noqa: ANN401  # any driver's
    """Set, change or lift the authorizer, if it is not already as this request wants it.

    Decided here and not in the callback: aiosqlite compiles statements in a thread of its own,
    where no request is current. Setting it makes SQLite compile its cached statements anew.
    """
    driver = getattr(connection, "driver_connection", connection)
    if not hasattr(driver, "set_authorizer"):
        return  # not SQLite
    guard: Guard = info.setdefault(_GUARD, Guard())
    guard.denied, guard.ran = False, 0
    judge = JUDGE.current() if _freezes and not _migrating.get() else None
    if guard.judge is judge:
        return
    for pending in (
        driver.set_authorizer(guard if judge is not None else None),
        driver.set_progress_handler(guard.go_on if judge is denied else None, _INSTRUCTIONS),
    ):
        if pending is not None:  # aiosqlite, which sets it in its own thread
            connection.run_async(partial(_setting, pending))
    guard.judge = judge


def _setting(pending: Awaitable[None], _driver: object) -> Awaitable[None]:
    return pending


def _on_error(context: "ExceptionContext") -> Refused | None:
    """Turn the error of a statement that was denied into the refusal that it is."""
    guard: Guard | None = context.connection and context.connection.info.get(_GUARD)
    return refusal("database.denied") if guard and guard.denied else None
