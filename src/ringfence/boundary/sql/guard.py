"""The SQL guard: may this statement run?

``Guard`` applies the rule. It knows the literals of the application, looks at what a client has
sent if the rule asks for it, and remembers what it has judged: a text that was derived, and the
**shape** of one, which is a regular expression with a place for each string and number. It
remembers nothing that depends on a request, so an attacker cannot teach it anything.
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from ringfence.boundary.sql.lexer import HOLE, Dialect, Token, tokens
from ringfence.boundary.sql.literals import Literals, Scope
from ringfence.boundary.sql.places import Places, TooMuchError, unquoted
from ringfence.boundary.sql.rule import MOST_TOKENS, Derivation, Deriver
from ringfence.core.errors import ConfigurationError

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
_PLAIN_STRING: Final = r"[^'\\\0]*"
_NO_SHAPES: Final[dict[str, list[re.Pattern[str]]]] = {}
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
        self._shapes: dict[Dialect, dict[str, list[re.Pattern[str]]]] = {}

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
        windows = self._texts.get((text, dialect, None))
        if windows is None:
            windows = self._judge(text, dialect, named, around, None)
        if windows is None and self._load():
            windows = self._judge(text, dialect, named, around, None)
        return _verdict(windows, sent)

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

        Its literals must stand near to the code that is running: a whole constant from somewhere
        else proves nothing.
        """
        scopes = tuple(around())
        windows = self._texts.get((text, dialect, scopes))
        if windows is not None:
            return _verdict(windows, sent)
        wanted = tokens(text, dialect, MOST_TOKENS)
        if not wanted:
            return "broken"
        places = Places(wanted)
        end = places.name_end(0)
        is_name = end > 0 and len(wanted) == end + (places.text(end) in ("asc", "desc"))
        try:
            if is_name:
                return self._name_suspicion(wanted[:end], statement, dialect, named, scopes)
            if [token.kind for token in wanted] == ["number"]:
                return _number_suspicion(wanted[0], statement, dialect)
        except TooMuchError:
            return "too much"
        windows = self._judge(text, dialect, named, lambda: scopes, scopes)
        if windows is None and self._load():
            windows = self._judge(text, dialect, named, around, tuple(around()))
        return _verdict(windows, sent)

    def _name_suspicion(
        self,
        name: list[Token],
        statement: str,
        dialect: Dialect,
        named: frozenset[str],
        scopes: tuple[Scope, ...],
    ) -> str:
        """Whether the name stands in its place in ``statement``, and is vouched for."""
        said = "".join(map(unquoted, name))
        if self.literals.names(said, scopes):
            return ""
        found = tokens(statement, dialect, MOST_TOKENS) or []
        places = Places(found)
        length = len(name)
        found_at = [
            at
            for at in range(len(found) - length + 1)
            if "".join(map(unquoted, found[at : at + length])).lower() == said.lower()
        ]
        standing = [at for at in found_at if places.text(at - 1) not in (".", "as")]
        if not standing:  # a label, in the place of which SQLAlchemy writes what it is for
            standing = [at for at in found_at if places.is_item(at, at + length)]
            if not standing:
                return "" if any(places.text(at - 1) == "as" for at in found_at) else "misplaced"
        for at in standing:
            end = at + length
            if not (places.is_item(at, end) or places.is_compared(at, end)):
                return "misplaced"
            if not (said in named or self.literals.keeps(said, scopes) or places.selects(at, end)):
                return "unvouched"
        return ""

    def shares(self, text: str, sent: str) -> bool:
        """Whether ``text`` has a word or number of what was sent; also where that is too long."""
        if len(sent) > _MOST_SHARED:
            return True
        return not set(_WORD.findall(text.lower())).isdisjoint(_WORD.findall(sent))

    def declare_files(self, folder: Path) -> None:
        """Take each ``*.sql`` below ``folder`` for the application's own.

        Raises:
            ConfigurationError: There is none.
        """
        files = sorted(folder.rglob("*.sql"))
        if not files:
            raise ConfigurationError(f"sql_files: there is no .sql file below {folder}")
        for file in files:
            scope = Scope(str(file), {file.stem})
            whole = file.read_text(encoding="utf-8")
            for text in {whole, whole.strip(), *_statements(whole)}:
                self.literals.add_text(text, scope)

    # ------------------------------------------------------------------------- remembering

    def _load(self) -> bool:
        """Read the modules that were loaded since; whether there are any."""
        if not self.literals.load():
            return False
        self._texts.clear()
        self._shapes.clear()
        return True

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
            declared = any(scope.file.endswith(".sql") for scope in near)
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
        if not passing:
            self._remember(text, dialect, scopes, derivation, windows)
        return windows

    def _remember(
        self,
        text: str,
        dialect: Dialect,
        scopes: tuple[Scope, ...] | None,
        derivation: Derivation,
        windows: tuple[str, ...],
    ) -> None:
        varies = any(part.kind in ("string", "number", "list") for part in derivation.parts)
        if len(text) > _LONGEST_REMEMBERED:
            return
        if scopes is None and derivation.is_alone and varies:
            alike = self._shapes.setdefault(dialect, {}).setdefault(text[:_BEGINNING], [])
            alike.insert(0, _shape(text, derivation, dialect))
            del alike[_MOST_ALIKE:]
        else:
            if len(self._texts) >= _MOST_REMEMBERED:
                self._texts.clear()
            self._texts[text, dialect, scopes] = windows

    def _has_shape(self, text: str, dialect: Dialect) -> bool:
        if len(text) > _LONGEST_REMEMBERED:  # each shape would be tried on all of it
            return False
        for shape in self._shapes.get(dialect, _NO_SHAPES).get(text[:_BEGINNING], ()):
            if shape.fullmatch(text) is not None:
                return True
        return False


def _number_suspicion(number: Token, statement: str, dialect: Dialect) -> str:
    """Whether a number stands where a value is due, and is no condition: ``SELECT 1``."""
    found = tokens(statement, dialect, MOST_TOKENS) or []
    places = Places(found)
    standing = [at for at, token in enumerate(found) if token.text == number.text]
    is_value = bool(standing) and all(map(places.takes_number, standing))
    return "" if is_value else "misplaced"


def _shape(text: str, derivation: Derivation, dialect: Dialect) -> re.Pattern[str]:
    """What all statements look like that differ from ``text`` in its strings and numbers alone."""
    string = _PLAIN_STRING if dialect is Dialect.OTHER else _STRING
    pieces: list[str] = []
    at = 0
    for start, end, kind in derivation.parts:
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if kind == "string":
            closing = text.index("'", end) + 1
            pieces += re.escape(text[at:start]), string, re.escape(text[end:closing]), "(?!')"
            at = closing
        elif kind in ("number", "list") and before in (" ", "(") and after in (" ", ")", "", "\n"):
            pieces += re.escape(text[at:start]), _NUMBER if kind == "number" else _NUMBERS
            at = end
    return re.compile("".join([*pieces, re.escape(text[at:])]))


def _verdict(windows: tuple[str, ...] | None, sent: Sent) -> str:
    if windows is None:
        return "underived"
    return "spanned" if windows and sent.holds(windows) else ""


def _statements(text: str) -> list[str]:
    """The statements of a file, without the comments before each."""
    code = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    named = re.split(r"(?m)^\s*--\s*name:.*$", text)
    pieces = [*"\n".join(code).split(";"), *text.split(";"), *named]
    pieces += [piece.strip() for piece in pieces]
    return [piece for piece in (*pieces, "\n".join(code)) if piece.strip()]
