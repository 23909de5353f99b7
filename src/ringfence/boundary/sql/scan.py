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
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeAlias

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.sql import words as sql_words

Fragment: TypeAlias = tuple[str, str, str]
Edge: TypeAlias = tuple[str, str]
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


@dataclass(frozen=True)  # without slots: what costs time is made when somebody asks for it
class Scan:
    """The lexical structure of one statement."""

    text: str  # folded
    spans: tuple[Span, ...]

    @cached_property
    def code(self) -> str:
        """The text without what strings and comments hold."""
        pieces: list[str] = []
        position = 0
        for span in self.spans:
            content = self.text[span.first : span.last] if span.kind == "name" else " "
            pieces += (
                self.text[position : span.start],
                self.text[span.start : span.first],
                content,
                self.text[span.last : span.end],
            )
            position = span.end
        pieces.append(self.text[position:])
        return "".join(pieces)

    @cached_property
    def words(self) -> list[str]:
        """The words and marks of the code."""
        return split(self.code)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words of the code, each once."""
        return frozenset(self.words)

    @cached_property
    def fragments(self) -> frozenset[Fragment]:
        """Every three neighbours among the words."""
        return fragments(self.words)

    @cached_property
    def edges(self) -> frozenset[Edge]:
        """Where strings begin and end: the quote, and the word inside that is next to it.

        And in the code, where a number is joined to what is beside it.
        """
        contents = (split(content) for content in self.inner("string"))
        quoted = (
            edge
            for words in contents
            if words
            for edge in ((_QUOTE, words[0]), (words[-1], _QUOTE))
        )
        return frozenset(quoted) | frozenset(filter(_joins_a_number, pairwise(self.words)))

    def inner(self, kind: SpanKind) -> Iterator[str]:
        """The contents of the spans of one kind."""
        return (self.text[s.first : s.last] for s in self.spans if s.kind == kind)

    @cached_property
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

    @cached_property
    def clauses(self) -> list[str]:
        """The clause in which each token stands: "select", "by", "in", "values" … or empty."""
        return list(_clauses(self.tokens))


_QUOTE: Final = "'"
_JOINING: Final = (sql_words.CONNECTIVES - {"in", "is"}) | {"<", ">"}
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
    Dialect.SQLITE: ("'", '"', "`", "[", "--", "/*", "\0"),
    Dialect.POSTGRESQL: ("'", '"', "$", "--", "/*", "\0"),
}
_IDENTIFIER_END: Final = re.compile(r"[\w$\x80-\U0010ffff]\Z")
_ESCAPE_STRING: Final = re.compile(r"(?:\A|[^\w$\x80-\U0010ffff])e\Z")
_CACHED_LENGTH: Final = 4_096


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


def edges(words: list[str]) -> frozenset[Edge]:
    """Every word that stands next to a quote, with the quote; and numbers with what joins them."""
    return frozenset(
        edge for edge in pairwise(words) if edge.count(_QUOTE) == 1 or _joins_a_number(edge)
    )


def _joins_a_number(edge: Edge) -> bool:
    """``or 1``, ``< 9``: what is left of ``u17 or 1`` where the "u" was cut off."""
    return edge[0] in _JOINING and edge[1].isdecimal()


def fragments(words: list[str]) -> frozenset[Fragment]:
    """Every three neighbours."""
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _clauses(tokens: list[Token]) -> Iterator[str]:
    stack = [""]
    before = ""
    for token in tokens:
        if token.text == "(" and token.kind == "mark":
            yield stack[-1]
            stack.append(_opened(before, stack[-1]))
        elif token.text == ")" and token.kind == "mark":
            if len(stack) > 1:
                stack.pop()
            yield stack[-1]
        else:
            if token.kind == "word" and token.text in sql_words.CLAUSES:
                stack[-1] = sql_words.CLAUSES[token.text]
            yield stack[-1]
        before = token.text


def _opened(before: str, clause: str) -> str:
    """The clause in which a parenthesis opens."""
    if before == "in":
        return "in"
    if clause == "values":
        return "values"
    return (
        clause if before in sql_words.KEYWORDS or not before or not before[-1].isalnum() else "call"
    )


def scan(text: str, dialect: Dialect) -> Scan:
    """The structure of ``text``.

    Raises:
        MalformedError: A literal or a comment is not closed, or there is a NUL.
    """
    return _cached(text, dialect) if len(text) <= _CACHED_LENGTH else _scan(text, dialect)


def _scan(text: str, dialect: Dialect) -> Scan:
    folded = fold(text)
    return Scan(folded, tuple(_spans(folded, dialect)))


_cached: Final = lru_cache(maxsize=512)(_scan)


def _spans(text: str, dialect: Dialect) -> Iterator[Span]:
    ahead = {mark: at for mark in _OPENERS[dialect] if (at := text.find(mark)) >= 0}
    previous: Span | None = None  # the last one that is no comment
    while ahead:
        start, mark = min((at, mark) for mark, at in ahead.items())
        span = _span(text, start, mark, dialect, previous)
        if span is not None:
            yield span
            if span.kind != "comment":
                previous = span
        position = span.end if span is not None else start + 1
        for each in [each for each, at in ahead.items() if at < position]:
            ahead[each] = text.find(each, position)
            if ahead[each] < 0:
                del ahead[each]


def _span(text: str, start: int, mark: str, dialect: Dialect, previous: Span | None) -> Span | None:
    """What ``mark`` opens; None if it opens nothing there."""
    if mark == "--":
        end = _end_of_line(text, start, dialect)
        return Span("comment", start, end, start + 2, end, None)
    if mark == "/*":
        end = _end_of_comment(text, start, nested=dialect is Dialect.POSTGRESQL)
        return Span("comment", start, end, start + 2, end - 2, None)
    if mark == "$":
        return _dollar(text, start)
    if mark == "\0":
        raise MalformedError("NUL")
    escape: re.Pattern[str] | None
    if mark == "[":
        escape, end = None, _find(text, "]", start + 1)
    elif mark == "'" and _takes_backslashes(text, start, dialect, previous):
        escape, end = _BACKSLASHED, _closed(_ESCAPED, text, start)
    else:
        escape, end = _DOUBLED[mark], _closed(_QUOTED[mark], text, start)
    return Span("string" if mark == "'" else "name", start, end, start + 1, end - 1, escape)


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
