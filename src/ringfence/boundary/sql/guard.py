"""Whether a statement may run, and what is remembered of those that may.

``Guard`` applies the rule. It remembers a text that was derived, and the **shape** of one, which is
a regular expression with a place for each string and number. It remembers nothing that depends on a
request, so an attacker cannot teach it anything.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from ringfence.boundary.sql.gaps import Gaps
from ringfence.boundary.sql.lexer import HOLE, Dialect, tokens
from ringfence.boundary.sql.literals import Literals
from ringfence.boundary.sql.places import Places, TooMuchError, unquoted
from ringfence.boundary.sql.rule import MOST_TOKENS, Derivation, Deriver
from ringfence.boundary.sql.templates import Scope

Scopes: TypeAlias = Callable[[], Iterable[Scope]]

_MOST_REMEMBERED: Final = 2_048
_LONGEST_REMEMBERED: Final = 4_096
_BEGINNING: Final = 12  # characters by which shapes are looked up
_MOST_ALIKE: Final = 64  # shapes with one beginning
#: Characters that are searched for one request (CWE-407): of what it sent, once for each stretch.
MOST_SEARCHED: Final = 10_000_000
_NUMBER: Final = r"[-+]?[0-9]{1,30}(?:\.[0-9]{1,30})?"
_NUMBERS: Final = rf"{_NUMBER}(?:, ?{_NUMBER})*+"
_STRING: Final = r"[^'\0]*+(?:''[^'\0]*+)*+"
_PLAIN_STRING: Final = r"[^'\\\0]*+"
_MOST_SHARED: Final = 65_536  # characters of a request that is compared word by word
_WORD: Final = re.compile(r"\w+")


class Sent:
    """What the client of one request has sent, and how much of it was searched by now.

    Args:
        text: Gives it, in lower case. Asked for each time: a body may come between two statements.
    """

    def __init__(self, text: Callable[[], str]) -> None:
        self.text: Final = text
        self.searched = 0

    def holds(self, stretches: Iterable[str]) -> bool:
        """Whether it holds one of these; also where there was too much to search."""
        text = self.text()
        wanted = set(stretches)
        if '\\"' in text or "\\\\" in text or "\\n" in text:  # it has JSON within
            wanted.update(json.dumps(each, ensure_ascii=False)[1:-1] for each in tuple(wanted))
        self.searched += len(text) * len(wanted)
        return self.searched > MOST_SEARCHED or any(each in text for each in wanted)


class Guard:
    """Judges statements of one process.

    Args:
        literals: The application's.
    """

    def __init__(self, literals: Literals) -> None:
        self.literals: Final = literals
        self._texts: dict[tuple[str, Dialect, tuple[Scope, ...] | None], tuple[str, ...]] = {}
        self._shapes: dict[tuple[Dialect, str], list[re.Pattern[str]]] = {}

    def suspicion(
        self, text: str, dialect: Dialect, *, sent: Sent, named: frozenset[str], around: Scopes
    ) -> str:
        """What is suspicious about a statement; empty if it may run.

        Args:
            text: The statement, as the application wrote it.
            dialect: Whose rules it is read by.
            sent: What the client has sent.
            named: What ``identifier()`` vouched for in this request.
            around: Gives the scopes of the code that is running.
        """
        if text in self.literals.constants or self._has_shape(text, dialect):
            return ""
        return self._verdict(text, dialect, sent, named, around, near=False)

    def fragment_suspicion(
        self,
        text: str,
        statement: str,
        dialect: Dialect,
        *,
        sent: Sent,
        named: frozenset[str],
        around: Scopes,
    ) -> str:
        """The same for a part that an application wrote of a ``statement`` of SQLAlchemy's.

        It is a number or a name that is harmless where it stands, or is derived from literals near
        to the code that is running: a whole constant from somewhere else proves nothing.
        """
        wanted = tokens(text, dialect, MOST_TOKENS)
        if not wanted:
            return "broken"
        places = Places(wanted)
        end = places.name_end(0) or int([token.kind for token in wanted] == ["number"])
        if end and len(wanted) == end + (places.text(end) in ("asc", "desc")):
            said = "".join(map(unquoted, wanted[:end]))
            if self.literals.names(said, around()):
                return ""
            try:
                return "" if self._stands(said, statement, dialect, named, around) else "misplaced"
            except TooMuchError:
                return "too much"
        return self._verdict(text, dialect, sent, named, around, near=True)

    def _stands(
        self, said: str, statement: str, dialect: Dialect, named: frozenset[str], around: Scopes
    ) -> bool:
        """Whether a name or a number is a harmless gap wherever it stands in ``statement``."""
        found = tokens(statement, dialect, MOST_TOKENS) or []
        scopes = tuple(around())

        def vouches(name: str, _near: Iterable[Scope]) -> bool:
            return name in named or self.literals.keeps(name, scopes)

        gaps = Gaps(statement, found, vouches)
        places = gaps.places
        length = len(tokens(said, dialect, MOST_TOKENS) or [])
        found_at = [
            at
            for at in range(len(found) - length + 1)
            if "".join(map(unquoted, found[at : at + length])).lower() == said.lower()
        ]
        standing = [at for at in found_at if places.text(at - 1) not in (".", "as")]
        if not standing:  # a label, in the place of which SQLAlchemy writes what it is for
            standing = [at for at in found_at if places.is_item(at, at + length)]
        is_label = any(places.text(at - 1) == "as" for at in found_at)
        return all(gaps.at(at, scopes) for at in standing) if standing else is_label

    def shares(self, text: str, sent: str) -> bool:
        """Whether ``text`` has a word or number of what was sent; also where that is too long."""
        if len(sent) > _MOST_SHARED:
            return True
        return not set(_WORD.findall(text.lower())).isdisjoint(_WORD.findall(sent))

    # ------------------------------------------------------------------------- remembering

    def _verdict(
        self,
        text: str,
        dialect: Dialect,
        sent: Sent,
        named: frozenset[str],
        around: Scopes,
        *,
        near: bool,
    ) -> str:
        scopes = tuple(around()) if near else None
        windows = self._texts.get((text, dialect, scopes))
        if windows is None:
            windows = self._judge(text, dialect, named, around, scopes)
        if windows is None and self.literals.load():  # modules that were loaded since
            self._texts.clear()
            self._shapes.clear()
            scopes = tuple(around()) if near else None
            windows = self._judge(text, dialect, named, around, scopes)
        if windows is None:
            return "underived"
        return "spanned" if windows and sent.holds(windows) else ""

    def _judge(
        self,
        text: str,
        dialect: Dialect,
        named: frozenset[str],
        around: Scopes,
        scopes: tuple[Scope, ...] | None,
    ) -> tuple[str, ...] | None:
        """The windows of ``text``; None where it cannot be derived, near to ``scopes`` if given."""
        found = tokens(text, dialect, MOST_TOKENS)
        if not found or HOLE in text:
            return None
        passing = False  # what was vouched for holds in this request, or at this place alone

        def vouches(name: str, near: Iterable[Scope]) -> bool:
            nonlocal passing
            near = tuple(near)
            if self.literals.keeps(name, near):
                return True
            declared = any(scope.module.is_sql for scope in near)
            vouched = name in named or (declared and self.literals.keeps(name, around()))
            passing = passing or vouched
            return vouched

        deriver = Deriver(text, found, dialect, self.literals, vouches, scopes)
        try:
            derivation = deriver.derive()
        except (TooMuchError, RecursionError):
            return None
        if derivation is None:
            return None
        windows = () if derivation.is_certain else tuple(derivation.windows(text.lower()))
        if passing or len(text) > _LONGEST_REMEMBERED:
            return windows
        varies = any(part.kind in ("string", "number", "list") for part in derivation.parts)
        if scopes is None and derivation.is_alone and varies:
            alike = self._shapes.setdefault((dialect, text[:_BEGINNING]), [])
            alike.insert(0, _shape(text, derivation, dialect))
            del alike[_MOST_ALIKE:]
        else:
            if len(self._texts) >= _MOST_REMEMBERED:
                self._texts.clear()
            self._texts[text, dialect, scopes] = windows
        return windows

    def _has_shape(self, text: str, dialect: Dialect) -> bool:
        if len(text) > _LONGEST_REMEMBERED:  # each shape would be tried on all of it
            return False
        for shape in self._shapes.get((dialect, text[:_BEGINNING]), ()):
            if shape.fullmatch(text) is not None:
                return True
        return False


def _shape(text: str, derivation: Derivation, dialect: Dialect) -> re.Pattern[str]:
    """What all statements look like that differ from ``text`` in its strings and numbers alone."""
    string = _PLAIN_STRING if dialect is Dialect.OTHER else _STRING
    pieces: list[str] = []
    at = 0
    for start, end, kind in derivation.parts:
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if kind == "string":
            closing = text.index("'", end)
            behind = f"(?<={re.escape(text[end:closing])})'(?!')"
            pieces += re.escape(text[at:start]), string, behind
            at = closing + 1
        elif kind in ("number", "list") and before in " (" and after in " )\n":
            pieces += re.escape(text[at:start]), _NUMBER if kind == "number" else _NUMBERS
            at = end
    return re.compile("".join([*pieces, re.escape(text[at:])]))
