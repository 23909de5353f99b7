"""The rule: a statement is literals of the application, and gaps that are harmless in themselves.

A statement is **derived** when its tokens are those of one template of the source, with something
harmless in each hole. In a hole may stand

* what stays inside of the string around it, whatever it is;
* a number with or without a sign, where a value is due; a list of them within ``IN (…)``;
* placeholders of bound parameters, also as the rows of VALUES;
* ASC or DESC behind an item of ORDER BY;
* what the source itself puts there (``flow``): a constant, or what ``identifier()`` gave in this
  request;
* a name that is vouched for, as an item of ORDER BY or GROUP BY, or on the left of a comparison
  with a bound parameter. ``identifier()`` vouches for it, or a container of the application that
  holds it as a whole constant, or this very statement, which selects it;
* other templates, each whole, from code near to the first one. The statement may also go on with
  such templates: applications join conditions, and add an ORDER BY.

Nothing else may. It makes no difference how a value was changed on its way, because the rule does
not look at that. Anything else in a hole is refused, whoever wrote it.

A client may send the application's own literals, so that an injection looks like templates with
harmless gaps. So where a statement is derived from several templates, or from one that begins like
another, no value of the request may **span** two of its parts: hold the end of a gap with the
beginning of the literal behind it, or one of the templates as a whole.

Sources: Su and Wassermann, "The Essence of Command Injection Attacks" (POPL 2006); CWE-89;
ASVS 1.2.4; ATTACKS I01, I02; Ledger 40.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from ringfence.boundary.sql.flow import Hole
from ringfence.boundary.sql.lexer import HOLE, Dialect, Token
from ringfence.boundary.sql.literals import Literals, Scope, Template
from ringfence.boundary.sql.places import Places, TooMuchError, unquoted

MOST_TOKENS: Final = 4_000  # of a statement that is no constant (CWE-407)
_STEPS_OF_A_TRY: Final = 5  # what it costs to try one template, in tokens looked at
_CHARACTERS_OF_A_STEP: Final = 500  # that are searched for a piece of a template
_MOST_NESTED: Final = 6
_WINDOW: Final = (4, 6)  # characters of a gap, and of the literal beside it
_STRETCH: Final = 40  # characters of the literal behind a name
#: Templates of one token that may stand between others.
_JOINING: Final = frozenset(
    [
        ",",
        "(",
        ")",
        "and",
        "asc",
        "desc",
        "having",
        "limit",
        "offset",
        "or",
        "set",
        "union",
        "values",
        "where",
    ]
)

Vouches: TypeAlias = Callable[[str, Iterable[Scope]], bool]


class Part(NamedTuple):
    """What one stretch of a statement is: a gap, or a template that was joined on."""

    start: int  # characters
    end: int
    #: Of a gap: "string", "number", "list" of numbers, "name", "code"; else "template", "constant",
    #: or "own": what the source itself puts into a hole.
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


@dataclass(slots=True)
class Deriver:
    """Looks for the derivation of one statement.

    Args:
        text: The statement, or a part of one that an application wrote.
        found: Its tokens.
        literals: The application's.
        vouches: Whether a name is vouched for, to code of these scopes.
    """

    text: str
    found: list[Token]
    dialect: Dialect
    literals: Literals
    vouches: Vouches
    around: tuple[Scope, ...] | None = None  # the first template must be near one of these
    _places: Places = field(init=False)
    _root: Scope = field(init=False)
    _ends: dict[int, int] = field(init=False)  # the number of the token behind a character
    _items: dict[int, tuple[int, list[Part]] | None] = field(init=False, default_factory=dict)
    _plain: str = field(init=False, default="")
    _depth: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._places = Places(self.found)
        self._ends = {token.end: number + 1 for number, token in enumerate(self.found)}

    @property
    def steps(self) -> int:
        """How much was looked at."""
        return self._places.steps

    def derive(self) -> Derivation | None:
        """The derivation; None if there is none.

        Raises:
            TooMuchError: It was not found within ``MOST_STEPS``.
        """
        alike: set[str] = set()
        rivals: set[str] = set()
        result: tuple[Template, list[Part]] | None = None
        is_whole = True  # whether all was looked at
        try:
            for template, parts in self._derivations(alike, rivals):
                if result is None or len(parts) < len(result[1]):
                    result = template, parts
        except TooMuchError:
            if result is None:
                raise
            is_whole = False  # a derivation is one all the same, and not the only one for certain
        if result is None:
            return None
        template, parts = result
        single = not any(part.kind in ("template", "constant") for part in parts)
        return Derivation(
            tuple(parts),
            is_certain=is_whole and single and not rivals - {template.text},
            is_alone=is_whole and single and not alike - {template.text},
        )

    def _derivations(
        self, alike: set[str], rivals: set[str]
    ) -> Iterator[tuple[Template, list[Part]]]:
        """Every derivation: the template that it begins with, and all its parts.

        Args:
            alike: Filled with the templates that begin like the statement.
            rivals: With those of them whose literals are all there.
        """
        for template in self._starting(0):
            if not self._may_begin(template):
                continue
            self._root = template.scope
            self._items.clear()
            leading = self._leading(template)
            starts = self._first(template, 0) if leading else [(0, "code")]
            for start, kind in starts:
                if not self._begins_like(template, start):
                    continue
                alike.add(template.text)
                if self._has_pieces(template):
                    rivals.add(template.text)
                for end, parts in self._core(template, leading, start):
                    whole = self._whole(end, [*self._part(0, start, kind), *parts])
                    if whole is not None:
                        yield template, whole

    def _may_begin(self, template: Template) -> bool:
        if self.around is None:
            return True
        return any(self.literals.near(template.scope, scope) for scope in self.around)

    def _whole(self, end: int, parts: list[Part]) -> list[Part] | None:
        """The parts up to the end of the statement, where templates lead there."""
        if end < len(self.found):
            end, more = next(self._sequence(end), (end, list[Part]()))
            parts = [*parts, *more]
        return parts if end == len(self.found) else None

    def _begins_like(self, template: Template, at: int) -> bool:
        """Whether the statement begins with the template's tokens up to its first hole."""
        for token in template.tokens(self.dialect)[self._leading(template) :]:
            if token.kind == "hole":
                return True
            if at >= len(self.found) or not self._is_same(token, self.found[at]):
                return False
            if HOLE in token.text:
                return True
            at += 1
        return True

    def _has_pieces(self, template: Template) -> bool:
        """Whether the statement has all the literals of the template, in their order."""
        if not self._plain:
            self._plain = _plain(self.text)
        at = 0
        for piece in map(_plain, template.text.split(HOLE)):
            self._places.spend(1 + len(self._plain) // _CHARACTERS_OF_A_STEP)
            at = self._plain.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return True

    # --------------------------------------------------------------------------- templates

    def _starting(self, at: int) -> list[Template]:
        start = self.found[at].start if at < len(self.found) else len(self.text)
        found = self.literals.starting(self.text, start)
        return [template for template in found if template.tokens(self.dialect)]

    def _leading(self, template: Template) -> int:
        """How many holes a template begins with."""
        count = 0
        for token in template.tokens(self.dialect):
            if token.kind != "hole":
                break
            count += 1
        return count

    def _core(self, template: Template, number: int, at: int) -> Iterator[tuple[int, list[Part]]]:
        """Where the template may end, from its token ``number`` on, if that stands at ``at``."""
        self._places.spend(_STEPS_OF_A_TRY)
        parts: list[Part] = []
        wanted = template.tokens(self.dialect)
        while number < len(wanted):
            token = wanted[number]
            if token.kind == "hole":
                for end, filled in self._fills(template, token, at):
                    for last, rest in self._core(template, number + 1, end):
                        yield last, [*parts, *filled, *rest]
                return
            if at >= len(self.found) or not self._is_same(token, self.found[at]):
                return
            if HOLE in token.text:
                if token.kind == "name" and not self._is_named(at, template, token):
                    return
                parts.append(self._filled(token, self.found[at]))
            number, at = number + 1, at + 1
        yield at, parts

    def _fills(self, template: Template, token: Token, at: int) -> Iterator[tuple[int, list[Part]]]:
        """What may stand in a hole at ``at``, longest first; and nothing."""
        for end, kind in [*self._own(template.hole(token), at), *self._gaps(at, template.scope)]:
            yield end, self._part(at, end, kind)
        # Where a value is due, a condition would be compared with; a query in parentheses not.
        is_word = self._places.kind(at) in ("word", "name") and self._places.text(at) != "select"
        if self._depth < _MOST_NESTED and not (is_word and self._places.is_operand(at)):
            yield from self._sequence(at)
        yield at, []

    def _sequence(self, at: int) -> Iterator[tuple[int, list[Part]]]:
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
            self._items[at] = self._longest(at) if at < len(self.found) else None
            self._depth -= 1
        return self._items[at]

    def _longest(self, at: int) -> tuple[int, list[Part]] | None:
        best: tuple[int, list[Part]] | None = None
        starts: list[tuple[int, str]] = [(at, "")]
        if self.found[at].kind in ("word", "name", "number", "op"):
            starts += self._gaps(at, self._root)
        name = self._places.name_end(at)
        for start, kind in [*starts, *([(name, "own")] if name > at else [])]:
            for template in self._starting(start):
                leading = self._leading(template)
                if (kind and not leading) or not self._may_be_joined(template, start):
                    continue
                if kind == "own" and (start, kind) not in self._first(template, at):
                    continue
                for end, parts in self._core(template, leading, start):
                    if end > (best[0] if best else at):
                        of_it = "template" if HOLE in template.text else "constant"
                        gap = self._part(at, start, kind)
                        best = end, [*self._part(at, end, of_it), *gap, *parts]
        return best

    def _may_be_joined(self, template: Template, at: int) -> bool:
        wanted = [token for token in template.tokens(self.dialect) if token.kind != "hole"]
        if len(wanted) > 1 or wanted[0].text in _JOINING:
            return self.literals.near(template.scope, self._root)
        is_value = wanted[0].kind == "string" and self._places.takes_number(at)
        return is_value and self.literals.near(template.scope, self._root)

    # -------------------------------------------------------------------------------- gaps

    def _gaps(self, at: int, scope: Scope) -> list[tuple[int, str]]:
        """Where harmless gaps end that begin at ``at``, longest first, and their kinds."""
        places = self._places
        ends: list[tuple[int, str]] = []
        if (end := self._number(at)) > at:
            if places.takes_number(at):
                ends.append((end, "number"))
                while places.text(end) == "," and (after := self._number(end + 1)) > end + 1:
                    end = after
                    if places.takes_list(at, end):
                        ends.append((end, "list"))
        elif places.kind(at) == "param" or places.text(at) == "(":
            ends.extend((each, "code") for each in self._rows(at))
        elif places.takes_direction(at) and places.text(at) in ("asc", "desc"):
            ends.append((at + 1, "code"))
        else:
            ends.extend((each, "name") for each in self._names(at, scope))
        return ends[::-1]

    def _first(self, template: Template, at: int) -> list[tuple[int, str]]:
        """What may stand in the hole that a template begins with, if that is at ``at``."""
        first = template.tokens(self.dialect)[0]
        return [*self._own(template.hole(first), at), *self._gaps(at, template.scope)]

    def _own(self, hole: Hole, at: int) -> list[tuple[int, str]]:
        """Where that may end which the source itself puts into a hole, longest first.

        Constants, and names that ``identifier()`` vouches for; several with commas between.
        """
        ends: list[int] = []
        while at < len(self.found):
            self._places.spend(1 + len(hole.values))
            start = self.found[at].start
            found = [
                self._ends[start + len(value)]
                for value in map(str.strip, hole.values)
                if value and self.text.startswith(value, start) and start + len(value) in self._ends
            ]
            if hole.is_vouched and (end := self._vouched(at)) > at:
                found.append(end)
            ends += sorted(found)
            if not found or self._places.text(max(found)) != ",":
                break
            at = max(found) + 1
        return [(end, "own") for end in reversed(ends)]

    def _vouched(self, at: int) -> int:
        """Where a name ends that ``identifier()`` gave in this request; ``at`` if there is none."""
        end = self._places.name_end(at)
        if end > at:
            written = self.text[self.found[at].start : self.found[end - 1].end]
            if self.vouches(written, ()) or self.vouches(unquoted(self.found[at]), ()):
                return end
        return at

    def _number(self, at: int) -> int:
        """Where a number ends that begins at ``at``, with its sign; ``at`` if there is none."""
        end = at + (self._places.text(at) in ("-", "+"))
        return end + 1 if self._places.kind(end) == "number" else at

    def _rows(self, at: int) -> Iterator[int]:
        """Where placeholders end, with commas between, or in rows: ``(?, ?), (?, ?)``."""
        depth = 0
        due = True  # a placeholder or a parenthesis, and no comma
        for each in range(at, len(self.found)):
            self._places.spend(1)
            text = self._places.text(each)
            if due and text == "(" and depth == 0:
                depth = 1
            elif due and self._places.kind(each) == "param":
                due = False
            elif not due and text == ")" and depth == 1:
                depth = 0
            elif not due and text == ",":
                due = True
            else:
                return
            if not due and depth == 0:
                yield each + 1

    def _names(self, at: int, scope: Scope) -> Iterator[int]:
        """Where vouched names end, with their directions and commas between."""
        while (end := self._places.name_end(at)) > at and self._is_placed(at, end, scope):
            yield end
            if self._places.takes_direction(end) and self._places.text(end) in ("asc", "desc"):
                end += 1
                yield end
            if self._places.text(end) != ",":
                return
            at = end + 1

    def _is_named(self, at: int, template: Template, token: Token) -> bool:
        """Whether the quoted name at ``at`` is one that may stand in that of a template."""
        hole = template.hole(token)
        plain = unquoted(self.found[at])
        if plain in hole.values or (hole.is_vouched and self.vouches(plain, ())):
            return True
        return self._is_placed(at, at + 1, template.scope)

    def _is_placed(self, start: int, end: int, scope: Scope) -> bool:
        """Whether the name from ``start`` to ``end`` is in its place, and vouched for."""
        if not (self._places.is_item(start, end) or self._places.is_compared(start, end)):
            return False
        written = self.text[self.found[start].start : self.found[end - 1].end]
        plain = unquoted(self.found[start]) if end == start + 1 else written
        scopes = (scope, self._root)
        return (
            self.vouches(written, scopes)
            or self.vouches(plain, scopes)
            or self._places.selects(start, end)
        )

    def _is_same(self, wanted: Token, token: Token) -> bool:
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

    def _filled(self, wanted: Token, token: Token) -> Part:
        pieces = wanted.text.split(HOLE)
        kind = "string" if wanted.text[0] == "'" and wanted.text.count(HOLE) == 1 else "code"
        return Part(token.start + len(pieces[0]), token.end - len(pieces[-1]), kind)

    def _part(self, start: int, end: int, kind: str) -> list[Part]:
        if end == start:
            return []
        return [Part(self.found[start].start, self.found[end - 1].end, kind)]


def _plain(text: str) -> str:
    """``text`` without what makes no difference between tokens."""
    return "".join(text.lower().split())
