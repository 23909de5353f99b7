"""The matrix for a person at a terminal: 100 columns, who stopped what with which layer off."""

import re
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from ringfence.attack.ablation import Matrix
from ringfence.attack.cell import Cell, Tone, asides, cell, failures, verdicts
from ringfence.attack.configuration import PRODUCTION

#: Text, and the code of its colour.
_Paint: TypeAlias = Callable[[str, str], str]

_WIDTH: Final = 100
_FIELD: Final = 9
_SHORT: Final = {"monitoring": "monitor"}

_COLOURS: Final[Mapping[Tone, str]] = MappingProxyType(
    {
        Tone.HELD: "32",
        Tone.SECOND: "1;36",
        Tone.OPEN: "33",
        Tone.BREACH: "1;41;97",
        Tone.NAKED: "2",
        Tone.ABSENT: "2",
    }
)
#: A word in each colour, and what it says there.
_LEGEND: Final[Mapping[Tone, tuple[str, str]]] = MappingProxyType(
    {
        Tone.HELD: ("layer", "stopped it"),
        Tone.SECOND: ("layer", "behind it did"),
        Tone.OPEN: ("through", "no line is left"),
        Tone.NAKED: ("through", "as it must"),
        Tone.BREACH: ("THROUGH!", "a line failed"),
    }
)
_LOUD: Final = "1"
_GOOD: Final = "32"
_BAD: Final = "1;31"
_QUIET: Final = "2"


def table(matrix: Matrix, *, colour: bool) -> list[str]:
    """The lines of the table and what it shows; none is longer than 100 characters."""
    paint = _painter(colour=colour)
    columns = [each.name for each in matrix.configurations if each is not PRODUCTION]
    heads = "".join(f"{_SHORT.get(name, name):<{_FIELD}}" for name in columns)
    width = _WIDTH - 4 - _FIELD * len(columns)  # of a name
    names = {attack: short(matrix.rows[attack].name, width - 1) for attack in matrix.runs}
    width = min(width, 1 + max(map(len, ("switched", *names.values()))))
    lines = [paint(f"{'switched off:':<{4 + width}}{heads}".rstrip(), _LOUD)]
    for attack in matrix.runs:
        fields = [cell(matrix, attack, name) for name in columns]
        shown = "".join(paint(_field(each), _COLOURS[each.tone]) for each in fields)
        lines.append(f"{attack} {names[attack]:<{width}}{shown}".rstrip())
    lines += ["", f"  {_legend(matrix, paint)}", ""]
    for good, text in verdicts(matrix):
        lines.append(f"{paint('✓', _GOOD) if good else paint('✗', _BAD)} {text}")
    lines += [paint(line, _QUIET) for text in asides(matrix) for line in _wrapped(f"· {text}")]
    lines += [paint(line, _BAD) for text in failures(matrix) for line in _wrapped(f"✗ {text}")]
    return lines


def short(name: str, most: int) -> str:
    """A name without what stands in parentheses, cut at ``most`` characters."""
    plain = re.sub(r"\s*\(.*?\)", "", name)
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _field(found: Cell) -> str:
    text = _SHORT.get(found.text, found.text)
    return f"{text[: _FIELD - 1]:<{_FIELD}}"


def _legend(matrix: Matrix, paint: _Paint) -> str:
    found = {
        cell(matrix, attack, name).tone for attack in matrix.runs for name in matrix.runs[attack]
    }
    return "   ".join(
        f"{paint(word, _COLOURS[tone])} {meaning}"
        for tone, (word, meaning) in _LEGEND.items()
        if tone in found
    )


def _painter(*, colour: bool) -> _Paint:
    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and text.strip() else text

    return paint


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
