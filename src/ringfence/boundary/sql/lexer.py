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
_LONG: Final = 16  # placeholders in a row, or rows of them
_MOST: Final = 65_536  # no database takes more placeholders in one statement


def _long(param: str) -> re.Pattern[str]:
    """A long row of placeholders, ``?, ?, …``, or of rows of them; a group is the last of it."""
    one = rf"(?:{param})\s*+,\s*+"
    row = rf"\((?:{one})*+(?:{param})\s*+\)\s*+,\s*+"
    return re.compile(rf"({one}){{{_LONG},{_MOST}}}+|({row}){{{_LONG},{_MOST}}}+", re.ASCII)


_LONG_ROWS: Final = {dialect: _long(rules["param"]) for dialect, rules in _RULES.items()}


def tokens(text: str, dialect: Dialect, most: int) -> list[Token] | None:
    """The tokens of ``text``; None where its structure is broken, or it has more than ``most``.

    Of a long row of placeholders, or of rows of them, the last two are read: they say all of it.
    """
    if "\0" in text:
        return None
    found: list[Token] = []
    # Without its end: what is left of it would be looked at again from each of its characters.
    text = text.rstrip(_SPACES)
    at = read_until = 0
    while at < len(text):
        match = _PATTERNS[dialect].match(text, at)
        kind = (match and match.lastgroup) or "bad"
        if match is None or kind == "bad" or len(found) == most:
            return None
        start, at = match.span(kind)
        read = text[start:at]
        if start >= read_until and (kind == "param" or read == "("):
            row = _LONG_ROWS[dialect].match(text, start)
            if row is not None and row.lastindex is not None:
                at, read_until = row.start(row.lastindex), row.end()
                if _LONG_ROWS[dialect].match(text, read_until):
                    return None
                continue
        found.append(Token(kind, read.lower() if kind == "word" else read, start, at))
    return found
