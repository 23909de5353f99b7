"""The strings of a source, and where they stand.

A **template** is a string of the source with holes in it: an f-string, strings added together, a
format for ``%`` or ``str.format``; a constant is one without holes. Each knows its **scope**, the
function or the statement outside of one where it stands.
"""

import ast
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from ringfence.boundary.sql.flow import Flow, Hole, Names
from ringfence.boundary.sql.lexer import HOLE, Dialect, Token, tokens
from ringfence.boundary.sql.modules import Module

_MOST_TOKENS: Final = 2_000  # of a template

#: An expression and where it stands.
Put: TypeAlias = tuple[ast.expr, Names]


class Scope:
    """A function, or a statement outside of one: what it is called, and which names it uses.

    Args:
        module: Where it stands.
        names: What it is called.
        kin: Its class and the bases of that; empty outside of classes.
        is_function: No statement.

    ``formats`` has the arguments of ``format``, and with a ``%`` before those of that operator.
    """

    __slots__ = ("called", "formats", "is_function", "kin", "module", "names", "uses")

    def __init__(
        self,
        module: Module,
        names: Iterable[str],
        kin: Iterable[str] = (),
        *,
        is_function: bool = False,
    ) -> None:
        self.module: Final = module
        self.names: Final = set(names)
        self.kin: Final = frozenset(kin)
        self.is_function: Final = is_function
        self.uses: Final[set[str]] = set()
        self.called: Final[set[str]] = set()
        self.formats: Final[defaultdict[str, list[Put]]] = defaultdict(list)

    def runs(self, other: "Scope") -> bool:
        """Whether it calls the other one, or uses what that assigns."""
        return not other.names.isdisjoint(self.called if other.is_function else self.uses)


class Template:
    """A string of the source, with ``HOLE`` where a value is put in.

    Args:
        text: The string.
        scope: Where it stands.
        holes: What is put in, hole by hole; of a format the name of the argument.
        flow: Follows that to constants.
    """

    __slots__ = ("_filled", "_flow", "_holes", "_places", "_tokens", "scope", "text")

    def __init__(self, text: str, scope: Scope, holes: Sequence[Put | str], flow: Flow) -> None:
        self.text: Final = text
        self.scope: Final = scope
        self._holes: Final = holes
        self._flow: Final = flow
        self._places: Final = [match.start() for match in re.finditer(HOLE, text)]
        self._filled: dict[int, Hole] = {}
        self._tokens: dict[Dialect, list[Token]] = {}

    def tokens(self, dialect: Dialect) -> list[Token]:
        """Its tokens; none where it is no whole piece of SQL."""
        if dialect not in self._tokens:
            self._tokens[dialect] = tokens(self.text, dialect, _MOST_TOKENS) or []
        return self._tokens[dialect]

    def leading(self, dialect: Dialect) -> int:
        """How many holes it begins with."""
        found = self.tokens(dialect)
        return next((n for n, token in enumerate(found) if token.kind != "hole"), len(found))

    def hole(self, token: Token) -> Hole:
        """What the source puts into the first hole of one of its tokens."""
        number = bisect_left(self._places, token.start)
        if number not in self._filled:
            put = self._holes[number] if number < len(self._holes) else ""
            given = self.scope.formats.get(put, ()) if isinstance(put, str) else (put,)
            found = [self._flow.hole(*each) for each in given]
            self._filled[number] = Hole(
                frozenset[str]().union(*(hole.values for hole in found)),
                is_vouched=any(hole.is_vouched for hole in found),
            )
        return self._filled[number]
