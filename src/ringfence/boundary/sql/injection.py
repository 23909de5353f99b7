"""The SQL guard: may this statement run, given what the client of this request sent?

The rule: **whatever of a client's input stands in the text of a statement lies inside of one
string, properly closed, or is exactly one number.** Then the input is data. Anything else of it in
the text is code that a client wrote, unless it is there by chance, because the application's own
SQL has the same words. What is chance is decided from this statement and this request alone: the
guard learns nothing, so there is nothing that an attacker could teach it.

What is compared
    Each value on the whole, under the changes that applications make (case, white space, Unicode
    normalisation, separators that become spaces or go, more percent-decoding, HTML entities and
    tags, backslash escapes; JSON, Base64 or hexadecimal text as a whole); every three neighbouring
    tokens of it, so that an input that was cut, split or stripped is found, too; and what joins a
    number or a quote to the rest, where only that was left of it.
    A value that is one word is looked up among the words of the statement's code. Names (of query
    parameters, JSON members) and header values are no values: they count unless they are words.

What stands in code and passes all the same
    * A number with a sign, where a sign can only be one. A list of numbers within ``IN (…)``.
    * The constants NULL, TRUE and FALSE, which are worth no more than a number.
    * Words that make no difference alone: SELECT, FROM, DESC … They pass as words, not in phrases.
    * One column in ORDER BY or GROUP BY, with ASC or DESC, **if the statement selects it**, and of
      the same table. To sort by what one is shown tells nothing; to sort by a column that is hidden
      leaks it, bit by bit.
    * What is explained: the value stands in a string or bound parameter of this very statement, so
      the application put it there, and its words are in the code by chance. Only as many values
      are explained as there are such places (an attacker may send one value twice), a value that is
      part of another one is not, and an explained one still must not stand where it would be
      compared with: ``WHERE user_id = {user_id}`` is no defence against the input ``user_id``.

What the guard cannot see: input that is encoded in another way (compression, encryption), or out of
which words were taken, what was stored and comes back later, the content of uploaded files, threads
that outlive their request, and SQL that passes by SQLAlchemy. The network layer is the second line
there.

Sources: TRAPS "Guards"; Su and Wassermann, "The Essence of Command Injection Attacks" (POPL 2006);
CWE-89; ASVS 1.2.4; ATTACKS I01, I02; Ledger 40.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final, Literal, TypeAlias

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.sql import words
from ringfence.boundary.sql.places import Places
from ringfence.boundary.sql.readings import Inputs, Value
from ringfence.boundary.sql.scan import (
    Dialect,
    Edge,
    Fragment,
    Scan,
    Span,
    Token,
    fold,
    fragments,
    scan,
    split,
)

Suspicion: TypeAlias = Literal["", "broken", "crossing", "phrase", "word", "fragment", "comment"]
Bound: TypeAlias = Callable[[], Iterable[str]]

_FEW: Final = 40  # words; to look for more of them costs more than to split the code
_MANY: Final = 20_000  # places where phrases stand: to judge more of them takes too long (CWE-407)
_NEVER_BY_CHANCE: Final = re.compile(r"['\"`;]|--|/\*|\*/")


def suspicion(text: str, dialect: Dialect | None, inputs: Inputs, bound: Bound) -> Suspicion:
    """What is suspicious about ``text``; empty if it may run.

    Args:
        text: The statement as the driver gets it.
        dialect: None where the lexical rules are not known: no input may stand in the text then.
        inputs: What the client sent.
        bound: Gives the strings among the statement's bound parameters, if they are needed.
    """
    folded = fold(text)
    if not inputs.are_near(folded):
        return ""
    try:
        scanned = None if dialect is None else scan(text, dialect)
    except MalformedError:
        scanned = None
    if scanned is None:
        return "broken" if _occurs(folded, inputs) else ""
    judge = _Judge(scanned, inputs, bound)
    return (
        judge.comments()
        or judge.phrases()
        or judge.words()
        or judge.parts()
        or judge.pieces()
        or judge.edges()
    )


def touches(inputs: Inputs, text: str) -> bool:
    """Whether ``text`` has anything of the input in it, for code that is a part of a statement."""
    folded = fold(text)
    return inputs.are_near(folded) and _occurs(folded, inputs)


class _Judge:
    """Tells chance from injection, for a statement that has something of the input in it."""

    def __init__(self, scanned: Scan, inputs: Inputs, bound: Bound) -> None:
        self._scan = scanned
        self._places = Places(scanned)
        self._inputs = inputs
        self._bound = bound

    @cached_property
    def _starts(self) -> list[int]:
        return [span.start for span in self._scan.spans]

    @cached_property
    def _token_ends(self) -> list[int]:
        return [token.end for token in self._scan.tokens]

    @cached_property
    def _halves(self) -> frozenset[int]:
        """The middle of every escape in a string or quoted name: half of one moves its end."""
        return frozenset(
            escape.start() + 1
            for span in self._scan.spans
            if span.escape is not None
            for escape in span.escape.finditer(self._scan.text, span.first, span.last)
        )

    @cached_property
    def _texts(self) -> list[str]:
        """The strings of the statement, as written and as meant, and those of its parameters."""
        written = list(self._scan.inner("string"))
        meant = [text.replace("''", "'") for text in written if "''" in text]
        return [*written, *meant, *map(fold, self._bound())]

    def comments(self) -> Suspicion:
        """Both the statement and the input with a comment: too much of a chance."""
        if not any(span.kind == "comment" for span in self._scan.spans):
            return ""
        explained = all(self._is_explained(phrase) for phrase in self._inputs.comments)
        return "" if explained else "comment"

    def phrases(self) -> Suspicion:
        """Phrases in the text: data, or by chance, or code."""
        text = self._scan.text
        left = _MANY
        for phrase in self._inputs.phrases:
            if phrase in text:
                for start in _occurrences(phrase, text):
                    left -= 1
                    if judged := self._place(phrase, start) if left else "phrase":
                        return judged
        return ""

    def words(self) -> Suspicion:
        """Values of one word among the words of the code."""
        for word in self._found(self._inputs.words):
            places = self._places_of(word)
            ordering = {index for index in places if self._places.is_ordering(index, index)}
            if places and not self._is_explained(word, places=1 if ordering else 0):
                return "word"
            if word not in words.CONNECTIVES and any(
                self._places.is_operand(index) for index in places if index not in ordering
            ):
                return "word"
        return ""

    def parts(self) -> Suspicion:
        """Words out of phrases, which the application may have cut out of them."""
        for word in self._found(self._inputs.parts):
            harmful = any(
                self._places.is_operand(index) or self._places.orders_by_hidden(index)
                for index in self._places_of(word)
            )
            if harmful and not self._are_explained(
                v for v in self._inputs.values if word in v.parts
            ):
                return "word"
        return ""

    def pieces(self) -> Suspicion:
        """Fragments of a phrase, which the application may have cut, split or stripped."""
        for piece in self._inputs.fragments & self._scan.fragments:
            if _is_pair(piece) and not self._places.is_compared(piece):
                continue
            if any(mark in "'\"`;" for mark in piece) or self._places.is_compared(piece):
                return "fragment"
            if not self._are_explained(v for v in self._inputs.values if piece in v.fragments):
                return "fragment"
        return ""

    def edges(self) -> Suspicion:
        """A quote of the client's that ends a string, where nothing else was left of the input."""
        found = self._inputs.edges & self._scan.edges if self._inputs.edges else frozenset[Edge]()
        explained = all(
            self._are_explained(v for v in self._inputs.values if edge in v.edges) for edge in found
        )
        return "" if explained else "crossing"

    def _found(self, candidates: frozenset[str]) -> Iterable[str]:
        """Those that are words of the code."""
        code = self._scan.code
        if len(candidates) > _FEW or any(word in code for word in candidates):
            return candidates & self._scan.vocabulary
        return ()

    def _places_of(self, word: str) -> list[int]:
        return [
            index
            for index, token in enumerate(self._scan.tokens)
            if token.text == word and token.kind in ("word", "name")
        ]

    # ---------------------------------------------------------------------- one occurrence

    def _place(self, phrase: str, start: int) -> Suspicion:
        """Judge the occurrence of ``phrase`` at ``start``."""
        end = start + len(phrase)
        index = bisect_right(self._starts, start) - 1
        if index >= 0 and start < self._scan.spans[index].end:
            span = self._scan.spans[index]
            if not self._is_inside(span, start, end):
                return "crossing"
            if span.kind != "name":
                return ""
            # All of a name, or a part of it: another column either way.
            return "" if self._is_harmless_code(phrase, span.start, span.end) else "phrase"
        if index + 1 < len(self._starts) and self._starts[index + 1] < end:
            return "crossing"
        return "" if self._is_harmless_code(phrase, start, end) else "phrase"

    def _is_inside(self, span: Span, start: int, end: int) -> bool:
        """Whether the stretch lies within the span, and cannot have moved its ends.

        Half of an escape is such a move: the input ``'`` between two quotes of the application's
        gives ``'''``, and swallows whatever comes up to the next quote.
        """
        if start < span.first or end > span.last:
            return False
        if span.kind == "comment":
            return not any(mark in self._scan.text[start:end] for mark in "*/")
        return self._halves.isdisjoint((start, end))

    def _is_harmless_code(self, phrase: str, start: int, end: int) -> bool:
        first = last = bisect_right(self._token_ends, start)
        while last < len(self._scan.tokens) and self._scan.tokens[last].start < end:
            last += 1
        last -= 1
        if last < first:
            return True  # white space
        exact = self._scan.tokens[first].start == start and self._scan.tokens[last].end == end
        tokens = self._scan.tokens[first : last + 1]
        if self._places.are_data(first, tokens) if exact else _is_part_of_a_placeholder(tokens):
            return True
        places = 1 if exact and self._places.is_ordering(first, last) else 0
        if not self._is_explained(phrase, places=places):
            return False
        if places or (first == last and tokens[0].kind == "mark"):
            return True
        return not _NEVER_BY_CHANCE.search(phrase) and not self._places.is_operand(first)

    # ----------------------------------------------------------------------- explanations

    def _is_explained(self, reading: str, *, places: int = 0) -> bool:
        """Whether each value that can be read like this is accounted for.

        Args:
            reading: A word or a phrase.
            places: Places in the code where one may stand.
        """
        alike = [v for v in self._inputs.values if reading in v.words or reading in v.phrases]
        readings = frozenset[str]().union(*(v.words | v.phrases for v in alike))
        if any(self._stands_in_a_string(each, but=readings) for each in readings):
            places += 1
        return len(alike) <= places

    def _are_explained(self, values: Iterable[Value]) -> bool:
        return all(
            bool(value.phrases) and self._is_explained(min(value.phrases)) for value in values
        )

    def _stands_in_a_string(self, reading: str, *, but: frozenset[str]) -> bool:
        """Whether a string holds ``reading`` on its own, and not as a part of a longer value."""
        texts = [text for text in self._texts if reading in text]
        if not texts:
            return False
        others = (self._inputs.phrases | self._inputs.words) - but
        longer = [other for other in others if len(other) > len(reading) and reading in other]
        for text in texts:
            remaining = text
            for other in longer:
                remaining = remaining.replace(other, "\0")
            if _contains(remaining, reading):
                return True
        return False


def _is_part_of_a_placeholder(tokens: list[Token]) -> bool:
    return all(token.kind == "parameter" for token in tokens)  # the "$" of "$1"


def _occurs(text: str, inputs: Inputs) -> bool:
    pieces = split(text)
    return (
        any(phrase in text for phrase in inputs.phrases)
        or not inputs.words.isdisjoint(pieces)
        or not inputs.fragments.isdisjoint(fragments(pieces))
    )


def _occurrences(phrase: str, text: str) -> Iterator[int]:
    position = text.find(phrase)
    while position >= 0:
        yield position
        position = text.find(phrase, position + 1)


def _contains(text: str, value: str) -> bool:
    """Whether ``value`` stands in ``text`` as a word of its own."""
    for start in _occurrences(value, text):
        end = start + len(value)
        if not (
            (value[0].isalnum() and text[start - 1 : start].isalnum())
            or (value[-1].isalnum() and text[end : end + 1].isalnum())
        ):
            return True
    return False


def _is_pair(piece: Fragment) -> bool:
    """Two words with one mark between them, such as ``id = 5``.

    Client strings are full of these (an address with a query), and an injection of one has
    neighbours that are found as well.
    """
    first, middle, last = piece
    return middle in words.PAIRING and first[:1].isalnum() and last[0].isalnum()
