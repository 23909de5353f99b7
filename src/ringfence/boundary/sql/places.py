"""What a token stands for in its statement: a value, a column to sort by, one side of a comparison.

Pure, and lexical: the guard knows no schema. Where the tokens leave it open, the answer is the one
that lets less pass.
"""

from functools import cached_property

from ringfence.boundary.sql import words
from ringfence.boundary.sql.scan import Fragment, Scan, Token


class Places:
    """The places of one statement."""

    def __init__(self, scanned: Scan) -> None:
        self._scan = scanned

    def are_data(self, first: int, tokens: list[Token]) -> bool:
        """One number, with a sign where nothing stands that it could be subtracted from."""
        if len(tokens) == 1 and tokens[0].text in words.MARKS_WITHOUT_MEANING:
            return True
        if self._scan.clauses[first] == "in":
            return all(t.kind == "number" or t.text in (",", "-", "+") for t in tokens)
        if tokens[0].text in ("-", "+"):
            if self._text_at(first - 1) not in words.BEFORE_A_SIGN:
                return False
            tokens = tokens[1:]
        return len(tokens) == 1 and tokens[0].kind == "number"

    def is_ordering(self, first: int, last: int) -> bool:
        """Whether these tokens are one column, selected too, that the statement is sorted by."""
        if self._scan.clauses[first] != "by":
            return False
        if last > first and self._scan.tokens[last].text in ("asc", "desc"):
            last -= 1
        column = self._scan.tokens[last]
        while first > 0 and self._scan.tokens[first - 1].text == ".":
            first -= 2  # "products." before the column
        qualifiers = self._scan.tokens[max(first, 0) : last]
        if column.kind not in ("word", "name") or column.text in words.KEYWORDS:
            return False
        if any(token.text != "." for token in qualifiers[1::2]) or len(qualifiers) % 2:
            return False
        if self._text_at(first - 1) not in ("by", ","):
            return False
        return self._text_at(last + 1) in words.AFTER_AN_ORDERING and self._selects(last)

    def orders_by_hidden(self, index: int) -> bool:
        """Whether the statement is sorted by the column here, and does not show it."""
        if self._scan.clauses[index] != "by" or self._text_at(index + 1) == ".":
            return False
        return not self._selects(index)

    def is_operand(self, index: int) -> bool:
        """Whether a value is expected here, so that a column would be compared with itself."""
        after = self._text_at(index + 1)
        if after == ".":
            return False  # the qualifier of a column
        if self._scan.clauses[index] in ("in", "values"):
            return True
        before = self._text_at(index - 1)
        if before in words.BEFORE_AN_OPERAND:
            return True
        return before in words.BEFORE_A_CONDITION and after not in words.AFTER_A_LEFT_SIDE

    def is_compared(self, piece: Fragment) -> bool:
        """Whether ``piece`` follows an operator somewhere."""
        code = self._scan.words
        return any(
            tuple(code[index : index + 3]) == piece and code[index - 1] in words.BEFORE_AN_OPERAND
            for index in range(1, len(code) - 2)
        )

    def _selects(self, index: int) -> bool:
        """Whether the SELECT that is sorted by the column at ``index`` shows this column, too.

        Not another table's column of the same name (``SELECT p.name … ORDER BY u.name``), not what
        only a subquery selects, and not what ``p.*`` may leave out where several tables are joined.
        """
        column, table = self._scan.tokens[index], self._qualifier(index)
        for place, token in enumerate(self._scan.tokens):
            if self._scan.clauses[place] != "select" or self._depths[place] != self._depths[index]:
                continue
            shown = self._qualifier(place)
            is_same = not shown or table == shown
            if token.text == column.text and token.kind in ("word", "name"):
                if is_same or not table:
                    return True
            elif self._is_everything(place) and (is_same or not (table or self._joins)):
                return True
        return False

    def _is_everything(self, index: int) -> bool:
        """Whether this is the star of ``SELECT *``, and no multiplication."""
        star = self._scan.tokens[index].text == "*"
        return star and self._text_at(index - 1) in words.BEFORE_A_STAR

    def _qualifier(self, index: int) -> str:
        """The table named before the column at ``index``; empty if there is none."""
        return self._text_at(index - 2) if self._text_at(index - 1) == "." else ""

    @cached_property
    def _joins(self) -> bool:
        """Whether rows come from more than one table."""
        return any(
            token.text == "join" or (token.text == "," and clause == "from")
            for token, clause in zip(self._scan.tokens, self._scan.clauses, strict=True)
        )

    @cached_property
    def _depths(self) -> list[int]:
        """How many parentheses are open at each token."""
        opened = 0
        depths: list[int] = []
        for token in self._scan.tokens:
            if token.kind == "mark":  # and not a name in quotes
                opened += (token.text == "(") - (token.text == ")")
            depths.append(opened)
        return depths

    def _text_at(self, index: int) -> str:
        return self._scan.tokens[index].text if 0 <= index < len(self._scan.tokens) else ""
