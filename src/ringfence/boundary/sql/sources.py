"""Which texts in a compiled statement SQLAlchemy did not make itself.

A cache key is a tree of tuples: a class, then the names and values of what of it can change the
SQL. The classes listed in ``silent`` write nothing but keywords, names (quoted where they have to
be) and placeholders. Strings in anything else are the application's own text. So is what a type is
given beside words and numbers (``String("20) …")``), and a name that is not to be quoted
(``quoted_name(…, quote=False)``).

The key does not say what a class of an application writes. Its objects are looked for in the
statement, and each string that they hold is text. What is not understood (an object that is not
found, a statement without a key, DDL beside names) has no known sources: the whole statement counts
as text then.

Source: SQLAlchemy, "SQL Compilation Caching" and ``HasCacheKey``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Final, NamedTuple, cast

from sqlalchemy import Table, dialects
from sqlalchemy.sql import dml, elements
from sqlalchemy.sql.compiler import Compiled, DDLCompiler, SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.lambdas import LambdaElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import TypeEngine

from ringfence.boundary.sql.silent import (
    CONFLICTS,
    MAKES_COLUMNS,
    MAKING,
    NAMING,
    PACKAGE,
    is_foreign,
    is_harmless,
    is_silent,
    is_silent_value,
    is_unquoted,
)

_COLUMN: Final[type] = elements.ColumnClause
#: Attributes that hold text whatever the class.
_TEXT_ATTRIBUTES: Final = frozenset(
    {"_hints", "_prefixes", "_statement_hints", "_suffixes", "dialect_options"}
)
_NAMES_OF_FUNCTIONS: Final = frozenset({"name", "packagenames"})
#: Attributes that say which object is meant and never write SQL, with the number of their values.
_WITHOUT_TEXT: Final = {"_annotations": 1, "_propagate_attrs": 2}
_RESOLVED: Final = "_resolved"  # what a lambda has returned; SQLAlchemy has no public name for it
#: Of COUNT(*) and EXISTS (SELECT * …); whose dialect a hint is for.
_NO_TEXT: Final = frozenset({"*", *dialects.__all__})


class _UnknownError(Exception):
    """Something in a cache key is not understood."""


class Sources(NamedTuple):
    """What a compiled statement is made of that SQLAlchemy did not write."""

    texts: frozenset[str]
    functions: frozenset[str] = frozenset()  # names, quoted by SQLAlchemy where they are no word


def sources(compiled: Compiled) -> Sources | None:
    """The texts in ``compiled`` that SQLAlchemy did not make; None if that cannot be known."""
    if isinstance(compiled, DDLCompiler):
        return Sources(frozenset()) if type(compiled.statement) in NAMING else None
    if not isinstance(compiled, SQLCompiler):
        return None
    reader = _Reader()
    statement: object = compiled.statement
    key = None if isinstance(statement, LambdaElement) else compiled.cache_key
    try:
        if key is None:
            reader.walk(statement)
        else:
            reader.read(key.key, statement, getattr(compiled.compile_state, "statement", None))
    except _UnknownError:
        return None
    return Sources(frozenset(reader.texts - _NO_TEXT), frozenset(reader.functions))


class _Reader:
    """Collects what an application wrote, from keys and elements of one statement."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.functions: set[str] = set()

    def read(self, key: tuple[object, ...], *statements: object) -> None:
        """Collect what is in a key, and in the objects of an application's classes in it."""
        if _has_lambda(key):
            self.walk(statements[0])
            return
        self._collect(key, is_text=False)
        found = {each for statement in statements for each in self._objects(statement)}
        if not found.issuperset(_foreign(key)):
            raise _UnknownError

    def walk(self, statement: object) -> None:
        """Collect what is in the key of ``statement``, or else in the keys of its elements."""
        if isinstance(statement, LambdaElement):
            statement = cast("object", getattr(statement, _RESOLVED))
        if not isinstance(statement, ClauseElement):
            raise _UnknownError
        if isinstance(getattr(statement, "table", None), MAKING):
            return
        is_conflict = type(statement) in CONFLICTS
        if not is_conflict:
            key = statement._generate_cache_key()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
            if key is not None and not _has_lambda(key.key):
                self.read(key.key, statement)
                return
        pending: list[object] = [each for each in iterate(statement) if each is not statement]
        held = vars(cast("object", statement))
        if is_conflict:
            pending += _elements(held)
            self.texts.update(_strings(held, is_unquoted))
        elif isinstance(statement, dml.Insert):
            pending += _elements((held.get("_multi_values"), held.get("_post_values_clause")))
            self.texts.update(_strings([held.get(name) for name in _TEXT_ATTRIBUTES]))
        else:
            names = _TEXT_ATTRIBUTES if is_silent(type(statement)) else held.keys()
            self.texts.update(_strings([held.get(name) for name in names]))
        for each in pending:
            if isinstance(each, ClauseElement):
                self.walk(each)

    def _collect(self, part: object, *, is_text: bool, is_new: bool = False) -> None:
        if isinstance(part, tuple):
            self._collect_tuple(cast("tuple[object, ...]", part), is_text=is_text, is_new=is_new)
        elif isinstance(part, str):
            if is_text or is_unquoted(part):
                self.texts.add(str(part))
        elif isinstance(part, Table):
            self.texts.update(_unquoted(cast("FromClause", part)))
        elif isinstance(part, CodeType) or is_silent_value(part):
            return
        elif isinstance(part, custom_op):
            self.texts.add(part.opstring)
        else:
            raise _UnknownError

    def _collect_tuple(self, part: tuple[object, ...], *, is_text: bool, is_new: bool) -> None:
        """An element is a number (sometimes), its class, and then names with their values."""
        place, kind = _class_of(part)
        if kind is not None and _is_type(kind):
            self._collect_type(part[place + 1 :], is_new=kind in MAKES_COLUMNS)
            return
        names: frozenset[object] = frozenset()
        if kind is not None:
            is_text = not (is_silent(kind) or (kind is _COLUMN and (is_new or _is_made(part))))
            internals: Iterable[tuple[str, object]] = getattr(kind, "_traverse_internals", ())
            names = frozenset(name for name, _ in internals) | _WITHOUT_TEXT.keys()
            is_new = kind in MAKES_COLUMNS
        for member in part[: max(place, 0)]:
            self._collect(member, is_text=False)  # a number, or the code of a lambda
        index = place + 1
        while index < len(part):
            member = part[index]
            index += 1
            if not isinstance(member, str) or member not in names:
                self._collect(member, is_text=is_text, is_new=is_new)
            elif member in _WITHOUT_TEXT:
                index += _WITHOUT_TEXT[member]
            else:
                value = part[index]
                index += 1
                if kind is Function and member in _NAMES_OF_FUNCTIONS:
                    self.functions.update(_strings(value))
                elif kind is not elements.Extract or not is_harmless(value):
                    # The names of bound parameters are no text.
                    inner = (is_text and member != "_bindparams") or member in _TEXT_ATTRIBUTES
                    self._collect(value, is_text=inner, is_new=is_new)

    def _collect_type(self, parts: Iterable[object], *, is_new: bool) -> None:
        """What a type is given: pairs of names and values, other types, columns of its own."""
        for part in parts:
            for each in _values(part):
                if isinstance(each, tuple):
                    self._collect(cast("object", each), is_text=False, is_new=is_new)
                elif isinstance(each, str) and not is_harmless(each):
                    self.texts.add(str(each))

    def _objects(self, statement: object) -> Iterator[type]:
        """The classes of types and elements in a statement.

        What a type holds is not all in a key, and what an application's own class holds neither.
        """
        if not isinstance(statement, ClauseElement):
            return
        for element in iterate(statement):
            for each in _types(getattr(element, "type", None)):
                yield type(each)
                held: Iterable[object] = vars(each).values()
                if not is_foreign(type(each)):  # the labels of an enumeration are bound, or quoted
                    held = (part for part in held if isinstance(part, str))
                found = (text for part in held for text in _strings(part))
                self.texts.update(text for text in found if not is_harmless(text))
            if is_foreign(type(element)):
                yield type(element)
                self.texts.update(_strings(vars(element)))


def _class_of(part: tuple[object, ...]) -> tuple[int, type | None]:
    """The class of an element in a key, and where it stands; -1 and None if it is no element."""
    for place, each in enumerate(part[:2]):
        if isinstance(each, type):
            return place, each
    return -1, None


def _is_type(kind: type) -> bool:
    return issubclass(kind, TypeEngine)


def _foreign(part: object) -> Iterator[type]:
    """The classes in a key that are an application's own."""
    if isinstance(part, tuple):
        for each in cast("tuple[object, ...]", part):
            yield from _foreign(each)
    elif isinstance(part, type) and is_foreign(part):
        yield part


def _is_made(column: tuple[object, ...]) -> bool:
    """Whether a column is one that its table makes: it can name no other."""
    table = column[-1] if "table" in column else None
    return isinstance(table, tuple) and (
        _class_of(cast("tuple[object, ...]", table))[1] in MAKES_COLUMNS
    )


def _types(kind: object) -> Iterator[TypeEngine[object]]:
    """A type, and those that it is made of."""
    if isinstance(kind, TypeEngine):
        found = cast("TypeEngine[object]", kind)
        yield found
        for each in vars(found).values():
            yield from _types(each)


def _unquoted(table: FromClause) -> Iterator[str]:
    """The names of a table that are not to be quoted."""
    names: tuple[object, ...] = (getattr(table, "name", None), getattr(table, "schema", None))
    for each in (*names, *(column.name for column in table.columns)):
        if is_unquoted(each):
            yield str(each)


def _has_lambda(part: object) -> bool:
    """Whether there is code of an application in a key: what it returned is not."""
    if isinstance(part, tuple):
        return any(_has_lambda(each) for each in cast("tuple[object, ...]", part))
    return isinstance(part, CodeType) and not part.co_filename.startswith(PACKAGE)


def _values(row: object) -> Iterator[object]:
    if isinstance(row, Mapping):
        yield from cast("Mapping[object, object]", row).values()
    elif isinstance(row, Iterable) and not isinstance(row, str):
        yield from cast("Iterable[object]", row)


def _strings(value: object, wanted: Callable[[object], bool] = lambda _: True) -> Iterator[str]:
    if isinstance(value, str):
        # No label of SQLAlchemy's own.
        if (type(value) is str or is_unquoted(value)) and wanted(value):
            yield str(value)
    elif isinstance(value, tuple | list | dict | set):
        for each in _values(cast("object", value)):
            yield from _strings(each, wanted)


def _elements(value: object) -> Iterator[ClauseElement]:
    if isinstance(value, ClauseElement):
        yield value
    elif isinstance(value, tuple | list | dict):
        for each in _values(cast("object", value)):
            yield from _elements(each)
