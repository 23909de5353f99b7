"""What may stand in a hole, whoever wrote it: a number, placeholders, a direction, a name.

Each gap is judged by what it is and where it stands, never by how a value came to look like it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from ringfence.boundary.sql.flow import Hole
from ringfence.boundary.sql.lexer import Token
from ringfence.boundary.sql.places import Places, unquoted
from ringfence.boundary.sql.templates import Scope

Vouches: TypeAlias = Callable[[str, Iterable[Scope]], bool]

#: A hole into which the source is not known to put anything.
NOTHING: Final = Hole()


class Gap(NamedTuple):
    """Where a gap ends, as the number of a token, and what it is."""

    end: int
    kind: str  # "number", "list" of numbers, "name", "code", or "own": what the source puts there


class Gaps:
    """The gaps of one statement.

    Args:
        text: The statement.
        found: Its tokens.
        vouches: Whether a name is vouched for, to code of these scopes.
    """

    def __init__(self, text: str, found: list[Token], vouches: Vouches) -> None:
        self.places: Final = Places(found)
        self._text: Final = text
        self._found: Final = found
        self._vouches: Final = vouches
        self._ends: Final = {token.end: number + 1 for number, token in enumerate(found)}

    def at(self, at: int, scopes: Iterable[Scope], hole: Hole = NOTHING) -> list[Gap]:
        """The gaps that begin at ``at``: what the source puts into the hole, and what is harmless.

        Longest first.
        """
        places = self.places
        ends: list[Gap] = []
        if (end := self._number(at)) > at:
            if places.takes_number(at):
                ends.append(Gap(end, "number"))
                while places.text(end) == "," and (after := self._number(end + 1)) > end + 1:
                    end = after
                    if places.takes_list(at, end):
                        ends.append(Gap(end, "list"))
        elif places.kind(at) == "param" or places.text(at) == "(":
            ends.extend(Gap(each, "code") for each in self._rows(at))
        elif places.takes_direction(at) and places.text(at) in ("asc", "desc"):
            ends.append(Gap(at + 1, "code"))
        else:
            ends.extend(Gap(each, "name") for each in self._names(at, scopes))
        return [*self._own(hole, at), *ends[::-1]]

    def is_named(self, at: int, scopes: Iterable[Scope], hole: Hole) -> bool:
        """Whether the quoted name at ``at`` is one that may stand in that of a template."""
        plain = unquoted(self._found[at])
        if plain in hole.values or (hole.is_vouched and self._vouches(plain, ())):
            return True
        return self._is_placed(at, at + 1, scopes)

    def _own(self, hole: Hole, at: int) -> list[Gap]:
        """Constants, and names that ``identifier()`` vouches for; several with commas between."""
        ends: list[int] = []
        while at < len(self._found):
            self.places.spend(1 + len(hole.values))
            start = self._found[at].start
            fitting = (each.strip() for each in hole.values)
            lengths = {len(each) for each in fitting if self._text.startswith(each, start)} - {0}
            found = [self._ends[start + n] for n in lengths if start + n in self._ends]
            end = self.places.name_end(at)
            if hole.is_vouched and end > at and self._is_vouched(at, end, ()):
                found.append(end)
            ends += sorted(found)
            if not found or self.places.text(max(found)) != ",":
                break
            at = max(found) + 1
        return [Gap(end, "own") for end in reversed(ends)]

    def _number(self, at: int) -> int:
        """Where a number ends that begins at ``at``, with its sign; ``at`` if there is none."""
        end = at + (self.places.text(at) in ("-", "+"))
        return end + 1 if self.places.kind(end) == "number" else at

    def _rows(self, at: int) -> Iterator[int]:
        """Where placeholders end, with commas between, or in rows: ``(?, ?), (?, ?)``."""
        depth = 0
        due = True  # a placeholder or a parenthesis, and no comma
        for each in range(at, len(self._found)):
            self.places.spend(1)
            text = self.places.text(each)
            if due and text == "(" and depth == 0:
                depth = 1
            elif due and self.places.kind(each) == "param":
                due = False
            elif not due and text == ")" and depth == 1:
                depth = 0
            elif not due and text == ",":
                due = True
            else:
                return
            if not due and depth == 0:
                yield each + 1

    def _names(self, at: int, scopes: Iterable[Scope]) -> Iterator[int]:
        """Where vouched names end, with their directions and commas between."""
        while (end := self.places.name_end(at)) > at and self._is_placed(at, end, scopes):
            yield end
            if self.places.takes_direction(end) and self.places.text(end) in ("asc", "desc"):
                end += 1
                yield end
            if self.places.text(end) != ",":
                return
            at = end + 1

    def _is_placed(self, start: int, end: int, scopes: Iterable[Scope]) -> bool:
        """Whether the name from ``start`` to ``end`` is in its place, and vouched for."""
        return (self.places.is_item(start, end) or self.places.is_compared(start, end)) and (
            self._is_vouched(start, end, scopes) or self.places.selects(start, end)
        )

    def _is_vouched(self, start: int, end: int, scopes: Iterable[Scope]) -> bool:
        written = self._text[self._found[start].start : self._found[end - 1].end]
        plain = unquoted(self._found[start]) if end == start + 1 else written
        return self._vouches(written, scopes) or self._vouches(plain, scopes)
