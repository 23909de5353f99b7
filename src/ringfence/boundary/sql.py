"""SQL text, scanned: where its literals and comments are, and the words of its code.

This is not a parser. The guard (``injection``) asks two questions only: does a stretch of text lie
inside of one literal, and which tokens is it made of. Both need the lexical structure alone, which
SQLite and PostgreSQL define precisely. Text whose structure is broken (a literal or comment that
is not closed) raises, also where SQLite would run it: an unterminated comment is valid there, and
was a way past another guard (Ledger 40).

Everything is compared in lower case; folding never changes a length, so that positions hold.

Sources: SQLite ``tokenize.c``; PostgreSQL documentation section 4.1; Ledger 40.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from ringfence.boundary.malformed import MalformedError

Fragment: TypeAlias = tuple[str, str, str]
SpanKind: TypeAlias = Literal["string", "name", "comment"]


class Dialect(StrEnum):
    """The lexical rules that are known; the names are SQLAlchemy's."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Span(NamedTuple):
    """A stretch of text that is not code: a string, a quoted name or a comment."""

    kind: SpanKind
    start: int
    end: int
    first: int  # where its content starts
    last: int  # where its content ends
    escape: re.Pattern[str] | None  # how its content writes its own delimiter


class Token(NamedTuple):
    """One token of the code. A string or a quoted name is one, too; comments are none."""

    kind: Literal["word", "number", "mark", "parameter", "string", "name"]
    text: str  # folded; the content of a quoted name; empty for a string
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scan:
    """The lexical structure of one statement."""

    text: str  # folded
    spans: tuple[Span, ...]
    words: tuple[str, ...]  # and marks: the code, split as ``split`` does, literals left empty
    vocabulary: frozenset[str]
    fragments: frozenset[Fragment]  # every three neighbours, also across the edge of a string

    def inner(self, kind: SpanKind) -> Iterator[str]:
        """The contents of the spans of one kind."""
        return (self.text[s.first : s.last] for s in self.spans if s.kind == kind)

    def tokens(self) -> list[Token]:
        """The code as tokens with their positions."""
        found: list[Token] = []
        position = 0
        for span in (*self.spans, None):
            end = len(self.text) if span is None else span.start
            for match in _TOKEN.finditer(self.text, position, end):
                kind = _TOKEN_KINDS[match.lastgroup or "mark"]
                found.append(Token(kind, match[0], match.start(), match.end()))
            if span is None:
                return found
            if span.kind == "string":
                found.append(Token("string", "", span.start, span.end))
            elif span.kind == "name":
                content = self.text[span.first : span.last].strip()
                found.append(Token("name", content, span.start, span.end))
            position = span.end
        return found


#: Characters that are tokens, or parts of one, by themselves.
_MARKS: Final = {mark: f" {mark} " for mark in "()',.=<>*-+/;:\"?|%&~!@#$[]{}`\\^"}

_TOKEN: Final = re.compile(
    r"""
      (?P<parameter> (?<!:)[:@$][A-Za-z0-9_]+ | \?[0-9]* | %\([A-Za-z0-9_]+\)s | %s )
    | (?P<number> 0x[0-9a-f]+ | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)? )
    | (?P<word> [A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]* )
    | (?P<mark> [^\s\w] )
    """,
    re.VERBOSE,
)
_TOKEN_KINDS: Final[dict[str, Literal["word", "number", "mark", "parameter"]]] = {
    "parameter": "parameter",
    "number": "number",
    "word": "word",
    "mark": "mark",
}

_DOUBLED: Final = {quote: re.compile(quote * 2) for quote in "'\"`"}
_BACKSLASHED: Final = re.compile(r"''|\\.", re.DOTALL)
#: The rest of a literal behind its opening quote; possessive, so that no backtracking can find a
#: shorter literal in one that is not closed.
_QUOTED: Final = {
    quote: re.compile(f"[^{quote}]*+(?:{quote * 2}[^{quote}]*+)*+{quote}") for quote in "'\"`"
}
_ESCAPED: Final = re.compile(r"(?:[^'\\]|''|\\.)*+'", re.DOTALL)
_DOLLAR: Final = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$")
_NESTED: Final = re.compile(r"/\*|\*/")
_OPENERS: Final = {
    Dialect.SQLITE: re.compile(r"['\"`\[\x00]|--|/\*"),
    Dialect.POSTGRESQL: re.compile(r"['\"$\x00]|--|/\*"),
}
_IDENTIFIER_END: Final = re.compile(r"[\w$\x80-\U0010ffff]\Z")
_ESCAPE_STRING: Final = re.compile(r"(?:\A|[^\w$\x80-\U0010ffff])e\Z")
_CACHED_LENGTH: Final = 4_096
_EDGE: Final = 64  # of a string, in which its first or last word is looked for


def fold(text: str) -> str:
    """Lower case, character by character: the length stays the same."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(lower if len(lower := c.lower()) == 1 else c for c in text)


def split(text: str) -> list[str]:
    """``text`` as words and marks. Client strings and SQL are split alike, to be compared."""
    for mark, spaced in _MARKS.items():
        if mark in text:
            text = text.replace(mark, spaced)
    return text.split()


def fragments(words: list[str] | tuple[str, ...]) -> frozenset[Fragment]:
    """Every three neighbours."""
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def scan(text: str, dialect: Dialect) -> Scan:
    """The structure of ``text``.

    Raises:
        MalformedError: A literal or a comment is not closed, or there is a NUL.
    """
    return _cached(text, dialect) if len(text) <= _CACHED_LENGTH else _scan(text, dialect)


def _scan(text: str, dialect: Dialect) -> Scan:
    folded = fold(text)
    spans = tuple(_spans(folded, dialect))
    words: list[str] = []
    edges: set[Fragment] = set()
    left: str | None = None  # the last word of the string before
    position = 0
    for span in spans:
        words += _code(folded[position : span.start], left, edges)
        opener, content = folded[span.start : span.first], folded[span.first : span.last]
        left = None
        if span.kind == "string" and (inner := _outermost(content)):
            edges.add((words[-1] if words else "", opener, inner[0]))
            left = inner[1]
        words += split(f"{opener}{content if span.kind == 'name' else ' '}{opener}")
        position = span.end
    words += _code(folded[position:], left, edges)
    return Scan(folded, spans, tuple(words), frozenset(words), fragments(words) | edges)


def _code(text: str, left: str | None, edges: set[Fragment]) -> list[str]:
    """The words of code behind a string that ends with ``left``."""
    words = split(text)
    if left is not None and words:
        edges.add((left, "'", words[0]))
    return words


def _outermost(content: str) -> tuple[str, str] | None:
    """The first and the last word of a string: what a client's own quotes would stand beside."""
    head, tail = split(content[:_EDGE]), split(content[-_EDGE:])
    return (head[0], tail[-1]) if head and tail else None


_cached: Final = lru_cache(maxsize=512)(_scan)


def _spans(text: str, dialect: Dialect) -> Iterator[Span]:
    openers = _OPENERS[dialect]
    position = 0
    previous: Span | None = None
    while (opener := openers.search(text, position)) is not None:
        start = opener.start()
        mark = opener[0]
        if mark == "--":
            end = _end_of_line(text, start, dialect)
            span = Span("comment", start, end, start + 2, end, None)
        elif mark == "/*":
            end = _end_of_comment(text, start, nested=dialect is Dialect.POSTGRESQL)
            span = Span("comment", start, end, start + 2, end - 2, None)
        elif mark == "'" and _takes_backslashes(text, start, dialect, previous):
            end = _closed(_ESCAPED, text, start)
            span = Span("string", start, end, start + 1, end - 1, _BACKSLASHED)
        elif mark == "[":
            end = _find(text, "]", start + 1)
            span = Span("name", start, end, start + 1, end - 1, None)
        elif mark == "$":
            dollar = _dollar(text, start)
            if dollar is None:
                position = start + 1
                continue
            span = dollar
        elif mark == "\0":
            raise MalformedError("NUL")
        else:
            end = _closed(_QUOTED[mark], text, start)
            kind = "string" if mark == "'" else "name"
            span = Span(kind, start, end, start + 1, end - 1, _DOUBLED[mark])
        yield span
        position = span.end
        if span.kind != "comment":
            previous = span


def _takes_backslashes(text: str, start: int, dialect: Dialect, previous: Span | None) -> bool:
    """Whether the string at ``start`` is one of PostgreSQL's ``E'…'``, or continues one."""
    if dialect is not Dialect.POSTGRESQL:
        return False
    if _ESCAPE_STRING.search(text[max(0, start - 2) : start]):
        return True
    if previous is None or previous.escape is not _BACKSLASHED:
        return False
    # Strings with nothing but a line break (and comments) between them are one string.
    return re.fullmatch(r"(?:\s|--[^\n\r]*)*", text[previous.end : start]) is not None


def _dollar(text: str, start: int) -> Span | None:
    """A dollar-quoted string; None where the "$" is a parameter or part of a name."""
    opening = _DOLLAR.match(text, start)
    if opening is None or _IDENTIFIER_END.search(text[max(0, start - 1) : start]):
        return None
    end = _find(text, opening[0], opening.end())
    return Span("string", start, end, opening.end(), end - len(opening[0]), None)


def _end_of_line(text: str, start: int, dialect: Dialect) -> int:
    breaks = "\n" if dialect is Dialect.SQLITE else "\n\r"
    return min((end for b in breaks if (end := text.find(b, start)) >= 0), default=len(text))


def _end_of_comment(text: str, start: int, *, nested: bool) -> int:
    if not nested:
        return _find(text, "*/", start + 2)
    depth = 0
    for mark in _NESTED.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise MalformedError("not closed")


def _closed(rest: re.Pattern[str], text: str, start: int) -> int:
    match = rest.match(text, start + 1)
    if match is None:
        raise MalformedError("not closed")
    return match.end()


def _find(text: str, closing: str, position: int) -> int:
    end = text.find(closing, position)
    if end < 0:
        raise MalformedError("not closed")
    return end + len(closing)
