"""SQL text as tokens, by the lexical rules of one database.

This is not a parser. The rule (``rule``) compares tokens, and asks what stands before and after
one. Text whose structure is broken (a string or comment that is not closed, a NUL, a character that
is no part of SQL) has no tokens, even where a database would run it: an unterminated comment is
valid on SQLite, and was a way past another guard (Ledger 40).

Comments are tokens as well: one that a client wrote could hide the rest of a statement.

Sources: SQLite ``tokenize.c``; PostgreSQL documentation section 4.1.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

#: Stands in a template where a value is put in: a character of Unicode's private use.
HOLE: Final = "\ue000"


class Dialect(StrEnum):
    """Whose lexical rules are known; the names are SQLAlchemy's."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    OTHER = "other"  # neither a backslash nor a doubled quote is understood there


class Token(NamedTuple):
    """One token and where it stands. Words are in lower case, everything else is as written."""

    kind: str  # "word", "number", "string", "name", "param", "op", "comment" or "hole"
    text: str
    start: int
    end: int


_WORD: Final = (
    rf"(?:[A-Za-z_]|[^\x00-\x7f{HOLE}])(?:[A-Za-z0-9_$]|[^\x00-\x7f{HOLE}])*+"  # as both define it
)
_NUMBER: Final = (
    r"0[xX][0-9A-Fa-f]++|(?:[0-9]++(?:_[0-9]+)*+(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?+"
)
_NAMED: Final = rf"(?<![:\w\\]):[\w{HOLE}]++(?!:)"  # a bound parameter of ``sqlalchemy.text``
_COMMENT: Final = r"/\*(?:[^*]|\*(?!/))*+\*/"
_UNNESTED: Final = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"  # PostgreSQL's may hold others: not read
_BETWEEN: Final = r"(?:[ \t\f]|--[^\n\r]*+)*+[\n\r](?:[ \t\f\n\r]|--[^\n\r]*+)*+"
_ESCAPED: Final = r"'(?:[^'\\]|''|\\.)*+'"

_RULES: Final[dict[Dialect, dict[str, str]]] = {
    Dialect.SQLITE: {
        "string": r"(?:[xX])?'[^']*+(?:''[^']*+)*+'",
        "name": r'"[^"]*+(?:""[^"]*+)*+"|`[^`]*+(?:``[^`]*+)*+`|\[[^\]]*+\]',
        "comment": rf"--[^\n]*+|{_COMMENT}",
        "param": rf"\?[0-9{HOLE}]*+|{_NAMED}|[@$][\w{HOLE}]++",
    },
    Dialect.POSTGRESQL: {
        # Strings with a line break between them are one; after E'…' they take backslashes, too.
        "string": rf"[eE]{_ESCAPED}(?:{_BETWEEN}{_ESCAPED})*+"
        r"|(?:[bBnNxX]|[uU]&)?'[^']*+(?:''[^']*+)*+'"
        r"|(?P<dollar>\$(?:[A-Za-z_\x80-\uffff][\w]*)?\$)(?s:.*?)(?P=dollar)",
        "name": r'(?:[uU]&)?"[^"]*+(?:""[^"]*+)*+"',
        "comment": rf"--[^\n\r]*+|{_UNNESTED}",
        "param": rf"\$[0-9{HOLE}]++|{_NAMED}|%s(?!\w)|%\([\w{HOLE}]+\)s",
    },
    Dialect.OTHER: {
        "string": r"'[^'\\]*+'",
        "name": r'"[^"\\]*+"|`[^`\\]*+`',
        "comment": rf"--[^\n\r]*+|{_UNNESTED}",
        "param": rf"\?|{_NAMED}|%s(?!\w)|%\([\w{HOLE}]+\)s",
    },
}
_MOST_IN_A_ROW: Final = 64  # placeholders, and rows of them, of which each is a token
_SPACES: Final = " \t\n\f\r"
_SPACE: Final = rf"[{_SPACES}]*+"


def _compiled(dialect: Dialect, rules: dict[str, str]) -> re.Pattern[str]:
    # On SQLite a bracket begins a name. One that is not closed would be looked for again each time.
    brackets = "" if dialect is Dialect.SQLITE else r"|\["
    rules = {
        **rules,
        "number": _NUMBER,
        "word": _WORD,
        "hole": HOLE,
        "op": r"/(?!\*)|[-+*<>=!~%&|^@#?:;,.()\]{}\\]" + brackets,
        "bad": r"[^ \t\n\f\r]",
    }
    alternatives = "|".join(f"(?P<{kind}>{rule})" for kind, rule in rules.items())
    return re.compile(f"{_SPACE}(?:{alternatives})", re.ASCII)


_PATTERNS: Final = {dialect: _compiled(dialect, rules) for dialect, rules in _RULES.items()}


def tokens(text: str, dialect: Dialect, most: int) -> list[Token] | None:
    """The tokens of ``text``; None where its structure is broken, or it has more than ``most``.

    Of long rows of placeholders, ``?, ?, …`` and ``(?, ?), (?, ?), …``, the middle is left out: it
    says nothing that the rest does not say.
    """
    if "\0" in text:
        return None
    found: list[Token] = []
    placeholders = _Runs()
    # Without its end: what is left of it would be looked at again from each of its characters.
    for match in _PATTERNS[dialect].finditer(text.rstrip(_SPACES)):
        kind = match.lastgroup or "bad"
        if kind == "bad" or len(found) == most:
            return None
        start, end = match.span(kind)
        token = text[start:end]
        found.append(Token(kind, token.lower() if kind == "word" else token, start, end))
        placeholders.shorten(found)
    return found


class _Runs:
    """Leaves out the middle of rows of placeholders while tokens are read."""

    def __init__(self) -> None:
        self._marks = 0  # placeholders in a row, with commas between
        self._rows: list[int] = []  # where each of the rows in a row begins
        self._opened = -1  # where a row begins of which nothing but placeholders was seen

    def shorten(self, found: list[Token]) -> None:
        """Look at the last token of ``found``, and leave out what there is too much of."""
        kind, text, *_ = found[-1]
        before, comma = found[-3:-2], found[-2:-1]
        follows = before[0] if before and comma[0].text == "," else None
        if kind == "param":
            self._marks = self._marks + 1 if follows and follows.kind == "param" else 1
            if self._marks > _MOST_IN_A_ROW:
                del found[-3:-1]
        elif text == "(":
            if not follows or follows.text != ")":
                self._rows.clear()
            self._marks, self._opened = 0, len(found) - 1
        elif text == ")" and self._opened >= 0 and self._marks:
            self._rows.append(self._opened)
            if len(self._rows) > _MOST_IN_A_ROW:
                *_, last, own = self._rows
                del found[last:own]
                self._rows.pop()
            self._marks, self._opened = 0, -1
        elif text != ",":
            self._marks, self._opened = 0, -1
            self._rows.clear()
