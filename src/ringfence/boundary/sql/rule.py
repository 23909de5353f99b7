"""The rule: how a statement is derived from the literals of an application.

A statement is **derived** when its tokens are those of one template of the source, with something
harmless in each hole (``gaps``), or other templates, each whole, from code near to the first one.
The statement may also go on with such templates: applications join conditions, and add an ORDER BY.

Sources: Su and Wassermann, "The Essence of Command Injection Attacks" (POPL 2006); CWE-89;
ASVS 1.2.4; ATTACKS I01, I02; Ledger 40.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from ringfence.boundary.sql.gaps import Gaps, Vouches
from ringfence.boundary.sql.lexer import HOLE, Dialect, Token
from ringfence.boundary.sql.literals import Literals
from ringfence.boundary.sql.places import TooMuchError
from ringfence.boundary.sql.templates import Scope, Template

MOST_TOKENS: Final = 4_000  # of a statement that is no constant (CWE-407)
_STEPS_OF_A_TRY: Final = 5  # what it costs to try one template, in tokens looked at
_CHARACTERS_OF_A_STEP: Final = 500  # that are searched for a piece of a template
_MOST_NESTED: Final = 6
_WINDOW: Final = (4, 6)  # characters of a gap, and of the literal beside it
_STRETCH: Final = 40  # characters of the literal behind a name
#: Templates of one token that may stand between others.
_JOINING: Final = frozenset(
    {",", "(", ")", "and", "asc", "desc", "having", "limit", "offset", "or"}
    | {"set", "union", "values", "where"}
)


class Part(NamedTuple):
    """What one stretch of a statement is: a gap, or a template that was joined on."""

    start: int  # characters
    end: int
    #: Of a gap its kind, or "string" for what is within one; else "template" or "constant".
    kind: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a statement comes from the application's templates."""

    parts: tuple[Part, ...]
    is_certain: bool  # of one template alone: no other code can have made this statement
    is_alone: bool  # no other template begins like it: so it is with any values in its holes

    def windows(self, text: str) -> list[str]:
        """Stretches of ``text`` that no value of a request may hold."""
        found: list[str] = []
        inside, beside = _WINDOW
        for start, end, kind in self.parts:
            if kind == "template":
                found.append(text[start:end])
            if kind in ("template", "constant", "own"):
                continue
            width = min(inside, end - start)
            before, after = text[max(0, start - beside) : start], text[end : end + beside]
            if kind == "name":  # a word among words: only what follows as a whole says something
                before, after = "", text[end : end + _STRETCH]
            if len(before.strip()) > 1:
                found.append(before + text[start : start + width])
            if len(after.strip()) > 1:
                found.append(text[end - width : end] + after)
        return found


class Deriver:
    """Looks for the derivation of one statement.

    Args:
        text: The statement, or a part of one that an application wrote.
        found: Its tokens.
        dialect: Whose rules it was read by.
        literals: The application's.
        vouches: Whether a name is vouched for, to code of these scopes.
        around: The template that it begins with must be near one of these; None: any may.
    """

    def __init__(
        self,
        text: str,
        found: list[Token],
        dialect: Dialect,
        literals: Literals,
        vouches: Vouches,
        around: tuple[Scope, ...] | None = None,
    ) -> None:
        self._text: Final = text
        self._found: Final = found
        self._dialect: Final = dialect
        self._literals: Final = literals
        self._around: Final = around
        self._gaps: Final = Gaps(text, found, vouches)
        self._places: Final = self._gaps.places
        self._items: Final[dict[int, tuple[int, list[Part]] | None]] = {}  # near the first template
        self._depth = 0
        self._root: Scope

    @cached_property
    def _plain(self) -> str:
        return _plain(self._text)

    @property
    def steps(self) -> int:
        """How much was looked at."""
        return self._places.steps

    def derive(self) -> Derivation | None:
        """The derivation of the fewest parts; None if there is none.

        Raises:
            TooMuchError: It was not found within ``MOST_STEPS``.
        """
        alike: set[str] = set()
        rivals: set[str] = set()
        best: tuple[Template, list[Part]] | None = None
        is_whole = True  # whether all was looked at
        try:
            for template, found in self._derivations(alike, rivals):
                if best is None or len(found) < len(best[1]):
                    best = template, found
        except TooMuchError:
            if best is None:
                raise
            is_whole = False  # a derivation is one all the same, and not the only one for certain
        if best is None:
            return None
        template, found = best
        single = is_whole and not any(part.kind in ("template", "constant") for part in found)
        return Derivation(
            tuple(found),
            is_certain=single and not rivals - {template.text},
            is_alone=single and not alike - {template.text},
        )

    def _derivations(
        self, alike: set[str], rivals: set[str]
    ) -> Iterator[tuple[Template, list[Part]]]:
        """Every derivation: the template that it begins with, and all its parts.

        Args:
            alike: Filled with the templates that begin like the statement.
            rivals: With those of them whose literals are all there.
        """
        for template in filter(self._may_begin, self._starting(0)):
            self._root = template.scope
            self._items.clear()
            for start, gap in self._begins(template, 0):
                if not self._begins_like(template, start):
                    continue
                alike.add(template.text)
                if self._has_pieces(template):
                    rivals.add(template.text)
                for end, parts in self._core(template, template.leading(self._dialect), start):
                    last, more = next(self._row(end), (end, list[Part]()))
                    if last == len(self._found):
                        yield template, [*gap, *parts, *more]

    # ---------------------------------------------------------------- where templates may begin

    def _starting(self, at: int) -> list[Template]:
        start = self._found[at].start if at < len(self._found) else len(self._text)
        found = self._literals.starting(self._text, start)
        return [template for template in found if template.tokens(self._dialect)]

    def _may_begin(self, template: Template) -> bool:
        near = self._literals.near
        return self._around is None or any(near(template.scope, each) for each in self._around)

    def _begins(self, template: Template, at: int) -> Iterator[tuple[int, list[Part]]]:
        """Where its first literal may stand if the template is at ``at``, and what is before it."""
        if not template.leading(self._dialect):
            yield at, []
            return
        hole = template.hole(template.tokens(self._dialect)[0])
        for end, kind in self._gaps.at(at, (template.scope, self._root), hole):
            yield end, self._part(at, end, kind)

    def _begins_like(self, template: Template, at: int) -> bool:
        """Whether the statement begins with the template's tokens up to its first hole."""
        for token in template.tokens(self._dialect)[template.leading(self._dialect) :]:
            if token.kind == "hole":
                return True
            if at >= len(self._found) or not _is_same(token, self._found[at]):
                return False
            if HOLE in token.text:
                return True
            at += 1
        return True

    def _has_pieces(self, template: Template) -> bool:
        """Whether the statement has all the literals of the template, in their order."""
        at = 0
        for piece in map(_plain, template.text.split(HOLE)):
            self._places.spend(1 + len(self._plain) // _CHARACTERS_OF_A_STEP)
            at = self._plain.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return True

    # ------------------------------------------------------------------- what templates hold

    def _core(self, template: Template, number: int, at: int) -> Iterator[tuple[int, list[Part]]]:
        """Where the template may end, from its token ``number`` on, if that stands at ``at``."""
        self._places.spend(_STEPS_OF_A_TRY)
        parts: list[Part] = []
        wanted = template.tokens(self._dialect)
        scopes = (template.scope, self._root)
        while number < len(wanted):
            token = wanted[number]
            if token.kind == "hole":
                for end, filled in self._fills(template, token, at):
                    for last, rest in self._core(template, number + 1, end):
                        yield last, [*parts, *filled, *rest]
                return
            if at >= len(self._found) or not _is_same(token, self._found[at]):
                return
            if HOLE in token.text:
                if token.kind == "name" and not self._gaps.is_named(
                    at, scopes, template.hole(token)
                ):
                    return
                parts.append(_filled(token, self._found[at]))
            number, at = number + 1, at + 1
        yield at, parts

    def _fills(self, template: Template, token: Token, at: int) -> Iterator[tuple[int, list[Part]]]:
        """What may stand in a hole at ``at``: gaps, templates, or nothing."""
        for end, kind in self._gaps.at(at, (template.scope, self._root), template.hole(token)):
            yield end, self._part(at, end, kind)
        # Where a value is due, a condition would be compared with; a query in parentheses not.
        is_word = self._places.kind(at) in ("word", "name") and self._places.text(at) != "select"
        if self._depth < _MOST_NESTED and not (is_word and self._places.is_operand(at)):
            yield from self._row(at)
        yield at, []

    def _row(self, at: int) -> Iterator[tuple[int, list[Part]]]:
        """Where a row of whole templates may end that begins at ``at``, longest first."""
        ends: list[tuple[int, int]] = []
        parts: list[Part] = []
        while (item := self._item(at)) is not None:
            at = item[0]
            parts.extend(item[1])
            ends.append((at, len(parts)))
        return ((end, parts[:count]) for end, count in reversed(ends))

    def _item(self, at: int) -> tuple[int, list[Part]] | None:
        """The longest template at ``at`` that is near to the first one."""
        if at not in self._items:
            self._items[at] = None
            self._depth += 1
            self._items[at] = self._longest(at) if at < len(self._found) else None
            self._depth -= 1
        return self._items[at]

    def _longest(self, at: int) -> tuple[int, list[Part]] | None:
        best: tuple[int, list[Part]] | None = None
        gaps = self._gaps.at(at, [self._root])
        starts = {at, self._places.name_end(at), *(gap.end for gap in gaps)}
        for start in sorted(starts):
            for template in self._starting(start):
                leading = template.leading(self._dialect)
                if (start > at and not leading) or not self._may_be_joined(template, start):
                    continue
                gap = next((p for end, p in self._begins(template, at) if end == start), None)
                if start > at and gap is None:
                    continue
                for end, parts in self._core(template, leading, start):
                    if end > (best[0] if best else at):
                        kind = "template" if HOLE in template.text else "constant"
                        best = end, [*self._part(at, end, kind), *(gap or []), *parts]
        return best

    def _may_be_joined(self, template: Template, at: int) -> bool:
        wanted = [token for token in template.tokens(self._dialect) if token.kind != "hole"]
        is_value = wanted[0].kind == "string" and self._places.takes_number(at)
        return (len(wanted) > 1 or wanted[0].text in _JOINING or is_value) and self._literals.near(
            template.scope, self._root
        )

    def _part(self, start: int, end: int, kind: str) -> list[Part]:
        if end == start:
            return []
        return [Part(self._found[start].start, self._found[end - 1].end, kind)]


def _is_same(wanted: Token, token: Token) -> bool:
    if wanted.kind != token.kind:
        return False
    if HOLE not in wanted.text:
        return wanted.text == token.text
    pieces = wanted.text.split(HOLE)
    if wanted.kind == "name":
        return pieces == ['"', '"'] and token.text[0] == '"'
    return (
        wanted.kind in ("string", "param")
        and token.text.startswith(pieces[0])
        and token.text.endswith(pieces[-1])
        and len(token.text) >= len(pieces[0]) + len(pieces[-1])
    )


def _filled(wanted: Token, token: Token) -> Part:
    pieces = wanted.text.split(HOLE)
    kind = "string" if wanted.text[0] == "'" and wanted.text.count(HOLE) == 1 else "code"
    return Part(token.start + len(pieces[0]), token.end - len(pieces[-1]), kind)


def _plain(text: str) -> str:
    """``text`` without what makes no difference between tokens."""
    return "".join(text.lower().split())
