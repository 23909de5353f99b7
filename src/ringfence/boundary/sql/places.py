"""Where a value stands in a statement: is it sorted by, compared with, one of a list?

Pure, and lexical: the schema is not known here. If the tokens do not decide a question, the answer
is the stricter one.
"""

from collections.abc import Iterator
from typing import Final

from ringfence.boundary.sql.lexer import Token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that are no column, wherever they stand.
KEYWORDS: Final = _words("""
    all and any as asc between by case cast collate cross current_date current_role current_time
    current_timestamp current_user delete desc distinct else end except exists false fetch for from
    full glob group having ilike in inner insert intersect into is isnull join left like limit match
    natural not notnull null offset on or order outer over partition regexp returning right select
    session_user set similar then to true union unique update user using values when where window
    with
""")
_CLAUSES: Final = _words("by from having limit offset on returning select set values where window")
#: Before one of these ends, a condition begins.
_CONDITION: Final = _words("and having not on or when where case")
#: After these words a value is due.
_BEFORE_A_VALUE: Final = _words(
    "between by distinct else fetch first glob ilike in is like limit offset select then values"
)
_AFTER_AN_ITEM: Final = _words("""
    ) , ; asc collate desc except fetch for having intersect limit nulls offset order range rows
    union window
""")
_COMPARING: Final = _words("< = > ! in like ilike glob between is")
MOST_STEPS: Final = 20_000
_OPERATORS: Final = _words("< = > ! + - * / % | & ~ like ilike glob between regexp similar")
_NAMES: Final = ("word", "name")


def unquoted(token: Token) -> str:
    """What a word or a quoted name says."""
    return token.text[1:-1] if token.kind == "name" else token.text


class TooMuchError(Exception):
    """There is more to look at in a statement than will be looked at (CWE-407)."""


class Places:
    """The places of one statement, by the numbers of its tokens.

    Raises ``TooMuchError`` where more than ``MOST_STEPS`` tokens were looked at, one by one.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens: Final = tokens
        self.steps = 0

    def spend(self, steps: int) -> None:
        """Count what is looked at, here and by whoever asks."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise TooMuchError

    def text(self, at: int) -> str:
        """A token's text; empty where there is none, or it is no code."""
        if not 0 <= at < len(self._tokens) or self._tokens[at].kind in ("string", "name"):
            return ""
        return self._tokens[at].text

    def kind(self, at: int) -> str:
        """A token's kind; empty where there is none."""
        return self._tokens[at].kind if 0 <= at < len(self._tokens) else ""

    def name_end(self, at: int) -> int:
        """Where the name ends that begins at ``at``, with its table: ``o.id``; ``at`` if none."""
        end = at
        while self.kind(end) in _NAMES and self.text(end) not in KEYWORDS:
            self.spend(1)
            end += 1
            if self.text(end) != ".":
                return end
            end += 1
        return at

    def takes_number(self, at: int) -> bool:
        """Whether a value is due at ``at``, and no condition, and nothing to calculate with."""
        before = self._opener(at)
        if self._is_condition(before):
            return False
        if self.kind(before) in ("op", ""):
            return self.text(before) not in (")", "]", "")
        if before < at - 1 and self.kind(before) in _NAMES:
            return self.text(before) != "set"  # the argument of a function
        return self.text(before) in _BEFORE_A_VALUE or self.text(before) == "and"

    def is_operand(self, at: int) -> bool:
        """Whether what stands at ``at`` is compared or calculated with."""
        return self.text(self._opener(at)) in _OPERATORS

    def takes_list(self, start: int, end: int) -> bool:
        """Whether the tokens from ``start`` to ``end`` are all that stands within ``IN (…)``."""
        return (self.text(start - 2), self.text(start - 1), self.text(end)) == ("in", "(", ")")

    def takes_direction(self, at: int) -> bool:
        """Whether an item of ORDER BY ends before ``at``."""
        before = self.text(at - 1)
        ended = self.kind(at - 1) in ("word", "name", "number") or before == ")"
        is_item = ended and (before not in KEYWORDS or before == "end")
        return is_item and self._clause(at) == "by" and self.text(at + 1) in {"", *_AFTER_AN_ITEM}

    def is_item(self, start: int, end: int) -> bool:
        """Whether the name from ``start`` to ``end`` is an item of ORDER BY or GROUP BY."""
        start = self._qualified(start)
        if self.text(start - 1) not in ("by", ",") or self._clause(start) != "by":
            return False
        return self.kind(end) in ("", "op", "word") and self.text(end) in {"", *_AFTER_AN_ITEM}

    def is_compared(self, start: int, end: int) -> bool:
        """Whether the name from ``start`` to ``end`` is compared with a bound parameter."""
        before = self._opener(self._qualified(start))
        if before >= 0 and not self._is_condition(before):
            return False
        end += self.text(end) == "not"
        if self.text(end) not in _COMPARING:
            return False
        while self.text(end) in _COMPARING or self.text(end) in ("(", "any", "not"):
            end += 1
        return self.kind(end) == "param"

    def selects(self, start: int, end: int) -> bool:
        """Whether the SELECT around shows the column that is named from ``start`` to ``end``.

        Not another table's of the same name, not what only a subquery selects, and not what
        ``p.*`` may leave out where several tables are joined.
        """
        start = self._qualified(start)
        column = unquoted(self._tokens[end - 1])
        table = self.text(end - 3) if end - start > 1 else ""
        for last, joined in self._selected(start):
            shown = self.text(last - 2) if self.text(last - 1) == "." else ""
            if self.text(last) == "*":
                if self.text(last - 1) in ("select", "distinct", "all", ",", ".") and (
                    not joined or (shown and shown == table)
                ):
                    return True
            elif self.kind(last) not in _NAMES or unquoted(self._tokens[last]) != column:
                continue
            elif not table or shown == table or not (shown or joined):
                return True
        return False

    def _selected(self, at: int) -> Iterator[tuple[int, bool]]:
        """The last token of each item of the SELECT around ``at``; whether tables are joined."""
        outer = list(self._backwards(at))
        first = next((each for each in outer if self.text(each) == "select"), None)
        if first is None:
            # Out of parentheses that are no query of their own.
            around = outer[-1] - 1 if outer else at - 1
            if self.text(around) == "(":
                yield from self._selected(around)
            return
        inner = [each for each in reversed(outer) if each >= first]
        source = next((i for i, each in enumerate(inner) if self.text(each) == "from"), len(inner))
        after = [self.text(each) for each in inner[source:]]
        end = next((i for i, text in enumerate(after) if text in ("where", "by")), len(after))
        joined = "join" in after[:end] or "," in after[:end]
        for number, each in enumerate(inner[:source]):
            following = inner[number + 1] if number + 1 < len(inner) else at
            if self.text(following) in (",", "from") and each != first:
                yield each, joined

    def _backwards(self, at: int) -> Iterator[int]:
        """The tokens before ``at`` that are in the same parentheses, nearest first."""
        depth = 0
        for each in range(at - 1, -1, -1):
            self.spend(1)
            text = self.text(each)
            depth += (text == ")") - (text == "(")
            if depth < 0:
                return
            if depth == 0:
                yield each

    def _clause(self, at: int) -> str:
        for each in self._backwards(at):
            if (text := self.text(each)) in _CLAUSES:
                grouped = text != "by" or self.text(each - 1) in ("order", "group")
                return text if grouped else ""
        return ""

    def _qualified(self, start: int) -> int:
        """Where the table stands before a column: ``p.`` of the application's own."""
        while self.text(start - 1) == "." and self.kind(start - 2) in _NAMES:
            start -= 2
        return start

    def _opener(self, at: int) -> int:
        """The token before ``at`` and the parentheses that open there."""
        at -= 1
        while self.text(at) == "(":
            self.spend(1)
            at -= 1
        return at

    def _is_condition(self, before: int) -> bool:
        """Whether a condition begins after ``before``; the AND of BETWEEN begins none."""
        if self.text(before) != "and":
            return self.text(before) in _CONDITION
        for each in self._backwards(before):
            if self.text(each) in ("between", *_CONDITION):
                return self.text(each) != "between"
        return True
