"""Passwords that guessing tools try first, and the families that they make of them.

Two lists: breached passwords that are long enough to pass the minimum, and words (common passwords
of any length, English words, names). A password that was breached is refused. So is one that a
tool derives from the words by rule: a word with padding, two words, a repetition, a walk over the
keyboard. What is judged is always the **whole** password (NIST SP 800-63B-4 3.1.1.2): it is cut
into the pieces that a tool would put it together from, each with the bits that a tool spends on
it, and the cheapest way to write all of it decides. Three listed words in a row are enough, and
a password that holds listed words among other things is none of the blocklist's business.

The lists are Bloom filters in the package: no network, no plain text, and about one good password
in a thousand is refused by mistake. ``data/PROVENANCE.md`` says what they hold and how they are
rebuilt, byte for byte.

Sources: NIST SP 800-63B-4 3.1.1.2; ASVS 5.0 6.2.4, 6.2.11, 6.2.12; MUSTS P06, P08, P09.
"""

import hashlib
import struct
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

#: Below this a tool finds the password among the first: two listed words cost less, three more.
ENOUGH_BITS: Final = 45.0

_WORD_BITS: Final = 17.0  # one of about 2**17
_CONTEXT_BITS: Final = 3.0  # the tool knows for whom it guesses
_WALK_BITS: Final = 8.0  # where it starts, which way, how far
_REPEAT_BITS: Final = 5.0  # how often; the unit comes on top

_SHORTEST: Final = 3  # characters of a word or a walk
_LONGEST_WORD: Final = 24
_LONGEST_UNIT: Final = 48  # of a repetition: two words; a longer one is not guessable itself
_PADDING: Final = " 0123456789!?.,-_*#@$"

_WALKS: Final = (
    "0123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()_+",
)
_EITHER_WAY: Final = "\n".join((*_WALKS, *(walk[::-1] for walk in _WALKS)))

_INDICES: Final = struct.Struct(">8I")  # a SHA-256 is eight indices


class Filter:
    """A set of strings that takes 15 to 30 bits for each: a Bloom filter with eight indices."""

    def __init__(self, bits: bytes) -> None:
        self._bits: Final = bits
        self._size: Final = len(bits) * 8

    def __contains__(self, entry: str) -> bool:
        """Whether ``entry``, folded, is in the set; seldom wrong about one that is not."""
        return all(self._bits[i >> 3] & (1 << (i & 7)) for i in _indices(entry, self._size))


def build(entries: Iterable[str], size_bytes: int) -> bytes:
    """The bits of the filter of ``entries``, the same in whatever order they come."""
    bits = bytearray(size_bytes)
    for entry in entries:
        for i in _indices(fold(entry), size_bytes * 8):
            bits[i >> 3] |= 1 << (i & 7)
    return bytes(bits)


def fold(text: str) -> str:
    """``text`` as it is compared: case and compatibility forms do not tell passwords apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@dataclass(frozen=True, slots=True)
class Blocklist:
    """The lists that passwords are held against."""

    breached: Filter
    words: Filter

    @classmethod
    def bundled(cls) -> "Blocklist":
        """The lists of the package: 960 kB, read once."""
        data = files("ringfence.authn") / "data"
        return cls(
            Filter((data / "breached.bloom").read_bytes()),
            Filter((data / "words.bloom").read_bytes()),
        )

    def refuses(self, password: str, context: Collection[str]) -> bool:
        """Whether guessing tools try ``password`` early.

        Args:
            password: In full, in any normal form.
            context: What a tool knows beforehand: names of the service, parts of the login.
        """
        text = fold(password)
        if text in self.breached or text.strip(_PADDING) in self.breached:
            return True
        return _Reading(self.words, {fold(word) for word in context}).bits(text) < ENOUGH_BITS


class _Reading:
    """One password, taken to pieces.

    What was found of a unit or a word is kept: repetitions hold repetitions, and a password of
    1,000 bytes that is made for it would otherwise keep the process for a quarter of a minute.
    """

    def __init__(self, words: Filter, context: Collection[str]) -> None:
        self._words: Final = words
        self._context: Final = context
        self._spent: Final[dict[str, float]] = {}  # by word: its bits, or more than enough
        self._units: Final[dict[str, float]] = {}

    def bits(self, text: str) -> float:
        """The bits of the cheapest way to write ``text`` in pieces, at most ``ENOUGH_BITS``."""
        cheapest = [0.0] + [ENOUGH_BITS] * len(text)
        for start in range(len(text)):
            spent = cheapest[start]
            if spent < ENOUGH_BITS:  # else it only gets dearer: long ones are cheap to judge
                for end, bits in self._pieces(text, start):
                    cheapest[end] = min(cheapest[end], spent + bits)
        return cheapest[-1]

    def _pieces(self, text: str, start: int) -> Iterator[tuple[int, float]]:
        """Each piece of ``text`` that begins at ``start``: where it ends, and its bits."""
        yield start + 1, _character_bits(text[start])
        if (end := _walk_end(text, start)) - start >= _SHORTEST:
            yield end, _WALK_BITS
        for end in range(start + _SHORTEST, min(start + _LONGEST_WORD, len(text)) + 1):
            if (bits := self._word_bits(text[start:end])) < ENOUGH_BITS:
                yield end, bits
        for unit, end in _repetitions(text, start):
            yield end, self._unit_bits(unit) + _REPEAT_BITS

    def _word_bits(self, word: str) -> float:
        bits = self._spent.get(word)
        if bits is None:
            listed = _WORD_BITS if word in self._words else ENOUGH_BITS
            bits = self._spent[word] = _CONTEXT_BITS if word in self._context else listed
        return bits

    def _unit_bits(self, unit: str) -> float:
        bits = self._units.get(unit)
        if bits is None:
            bits = self._units[unit] = self.bits(unit)
        return bits


def _walk_end(text: str, start: int) -> int:
    """Where the walk over the keyboard or the alphabet ends that begins at ``start``."""
    end = start + 1
    while end < len(text) and text[start : end + 1] in _EITHER_WAY:
        end += 1
    return end


def _repetitions(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Each unit at ``start`` of which at least half comes again, and where that ends.

    A unit that repeats a shorter one is left to the shorter one.
    """
    for period in range(1, min(_LONGEST_UNIT, len(text) - start - 1) + 1):
        unit, end = text[start : start + period], start + period
        if text[end] != text[start] or (unit + unit).find(unit, 1) < period:
            continue
        while end < len(text) and text[end] == text[end - period]:
            end += 1
        if (end - start) * 2 >= period * 3:
            yield unit, end


def _character_bits(character: str) -> float:
    """The bits of one character that belongs to no piece."""
    if character.isdigit():
        return 3.3
    if character.isascii():
        return 4.7 if character.isalpha() else 4.0
    return 6.0


def _indices(entry: str, size: int) -> Iterator[int]:
    """The bits of ``entry`` in a filter of ``size`` bits."""
    return (i % size for i in _INDICES.unpack(hashlib.sha256(entry.encode()).digest()))
