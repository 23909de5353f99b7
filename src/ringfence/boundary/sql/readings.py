"""What a client sent, under every reading that an application may give it.

A value that is one word is kept apart from phrases: it is looked up among the words of a
statement's code, while phrases are searched in its text. Words that can do no harm, and numbers,
are left out right here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from typing import Final
from urllib.parse import unquote, unquote_plus

from ringfence.boundary.sql import words
from ringfence.boundary.sql.scan import Edge, Fragment, edges, fold, fragments, split

_SPACE: Final = re.compile(r"\s+")
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|[0-9]+(?:e[0-9]+)?")
_OF_NUMBERS: Final = re.compile(r"[0-9]+e?|[-+.,()?:]")
_COMMENT_MARKS: Final = ("--", "/*", "*/")
#: What stands between words where no space may, or between digits to be read easily.
_SEPARATOR: Final = re.compile(r"[-_+*/.,;:|~\u200b]+")
_TAG: Final = re.compile(r"<[^<>]*>")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_ROUNDS: Final = 3  # of percent-decoding; the server's own came before
_REMEMBERED_LENGTH: Final = 256
_MANY: Final = 200  # needles; to look for more of them costs more than to scan the text


@dataclass(frozen=True, slots=True)
class Value:
    """One client string under all its readings."""

    words: frozenset[str]
    phrases: frozenset[str]  # readings of more than one word
    parts: frozenset[str]  # the words of phrases
    fragments: frozenset[Fragment]
    edges: frozenset[Edge]
    needles: frozenset[str]  # a word of each fragment and edge


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the client of one request sent, made ready to be compared."""

    values: tuple[Value, ...]
    words: frozenset[str]
    phrases: frozenset[str]
    parts: frozenset[str]
    fragments: frozenset[Fragment]
    edges: frozenset[Edge]
    needles: tuple[str, ...]  # of all of them; without these there is nothing of them in a text
    comments: tuple[str, ...]  # phrases that begin or end a comment

    def are_near(self, text: str) -> bool:
        """Whether anything of the input could stand in ``text``, folded. Never wrong if not."""
        if len(self.needles) > _MANY:
            return True
        if self.comments and ("--" in text or "/*" in text):
            return True
        return any(needle in text for needle in self.needles)


def prepare(values: Iterable[str], names: Iterable[str] = ()) -> Inputs:
    """Make client strings ready.

    Args:
        values: What handlers take for data: query, path, form and JSON values.
        names: What they might: names of members and parameters, header values.
    """
    read = [_value(value) for value in values]
    read += [_name(name) for name in names]
    all_words = frozenset[str]().union(*(value.words for value in read))
    phrases = frozenset[str]().union(*(value.phrases for value in read))
    parts = frozenset[str]().union(*(value.parts for value in read))
    needles = all_words.union(phrases, parts, *(value.needles for value in read))
    return Inputs(
        values=tuple(read),
        words=all_words,
        phrases=phrases,
        parts=parts,
        fragments=frozenset[Fragment]().union(*(value.fragments for value in read)),
        edges=frozenset[Edge]().union(*(value.edges for value in read)),
        needles=tuple(needles),
        comments=tuple(p for p in phrases if any(mark in p for mark in _COMMENT_MARKS)),
    )


def _is_dotted_word(phrase: str) -> bool:
    return phrase.replace(".", "").replace("_", "").replace("-", "").isalnum()


def _value(text: str) -> Value:
    return _remembered(text) if len(text) <= _REMEMBERED_LENGTH else _read(text)


def _name(text: str) -> Value:
    return _remembered_name(text) if len(text) <= _REMEMBERED_LENGTH else _read_name(text)


def _read(text: str) -> Value:
    found_words: set[str] = set()
    phrases: set[str] = set()
    within: set[str] = set()
    pieces: set[Fragment] = set()
    beside: set[Edge] = set()
    for reading in dict.fromkeys(_readings(text)):
        parts = split(reading)
        if len(parts) == 1 and parts[0] == reading and reading[0] not in words.MARKS:
            if reading not in words.WITHOUT_EFFECT and not _NUMBER.fullmatch(reading):
                found_words.add(reading)
        elif parts:
            phrases.add(reading)
            pieces.update(p for p in fragments(parts) if not _is_harmless(p))
            beside |= edges(parts)
            within.update(parts)
    within = {part for part in within if part[0].isalpha() or part[0] == "_"} - words.KEYWORDS
    return Value(
        words=frozenset(found_words),
        phrases=frozenset(phrases),
        parts=frozenset(within),
        fragments=frozenset(pieces),
        edges=frozenset(beside),
        needles=frozenset(max(piece, key=len) for piece in (*pieces, *beside)),
    )


def _is_harmless(piece: Fragment) -> bool:
    """A column with its table (``o.id``), or what numbers and lists of them are made of."""
    if piece[1] == ".":
        return True
    return "--" not in "".join(piece) and all(_OF_NUMBERS.fullmatch(word) for word in piece)


def _read_name(text: str) -> Value:
    """A name is read like a value, but a word, or words with dots between, are only names."""
    read = _read(text)
    phrases = frozenset(p for p in read.phrases if not _is_dotted_word(p))
    return replace(read, words=frozenset(), phrases=phrases, parts=frozenset())


_remembered: Final = lru_cache(maxsize=1_024)(_read)
_remembered_name: Final = lru_cache(maxsize=1_024)(_read_name)


def _readings(text: str) -> Iterator[str]:
    """What an application may have made of ``text``, folded."""
    decoded = dict.fromkeys(reading.strip() for reading in _decoded(text))
    spaced = [_SPACE.sub(" ", reading) for reading in decoded]
    for reading in dict.fromkeys((*decoded, *spaced)):
        yield from _foldings(reading)
    for reading in dict.fromkeys((spaced[0], spaced[-1])):
        if _SEPARATOR.search(reading):
            # "blue-jug" is shown as "blue jug", and telephone numbers lose their dots.
            yield from _foldings(_SPACE.sub(" ", _SEPARATOR.sub(" ", reading)).strip())
            yield from _foldings(_SPACE.sub(" ", _SEPARATOR.sub("", reading)).strip())


def _decoded(text: str) -> list[str]:
    """``text``, and what it says where it is encoded, or marked up."""
    found = [text]
    for _ in range(_ROUNDS):
        if "%" not in found[-1] or (decoded := unquote(found[-1])) == found[-1]:
            break
        found += (unquote_plus(found[-1]), decoded)
    if "&" in text:
        found.append(unescape(text))
    if "<" in text:
        found.append(_TAG.sub("", text))
    for each in [each for each in found if "\\" in each]:
        found += (each.replace("\\", ""), _ESCAPE.sub(_escaped, each))
    return found


def _escaped(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _foldings(text: str) -> Iterator[str]:
    yield fold(text)
    if not text.isascii():
        # Upper case joins letters that lower case keeps apart (long and round s); NFKC joins more.
        yield fold(text.upper())
        yield fold(unicodedata.normalize("NFC", text))
        yield fold(unicodedata.normalize("NFKC", text))
        yield fold(unicodedata.normalize("NFKC", text).upper())
