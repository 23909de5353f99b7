"""The matrix for a person at a terminal, in 100 columns: the verdict, then a row for each attack.

The rows are sorted by layer, as the columns are: what gets through with a layer off stands on a
diagonal.
"""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from ringfence.attack.ablation import Matrix
from ringfence.attack.about import About
from ringfence.attack.cell import Cell, Tone, cell, payloads, seamless
from ringfence.attack.configuration import ALL, NONE, SINGLES
from ringfence.attack.verdict import asides, failures, gaps, headline, verdicts
from ringfence.core.codes import Layer

#: Text, and the code of its colour.
_Paint: TypeAlias = Callable[[str, str], str]

_WIDTH: Final = 100
#: Width of a name; none is cut.
NAME: Final = 34
_LAYER: Final = 11
_COUNT: Final = 4
#: The layers as narrow heads, in two lines.
_HEADS: Final[Mapping[Layer, tuple[str, str]]] = MappingProxyType(
    {
        Layer.NETWORK: ("net", "work"),
        Layer.GATEWAY: ("gate", "way"),
        Layer.BOUNDARY: ("boun", "dary"),
        Layer.AUTHN: ("auth", "n"),
        Layer.AUTHZ: ("auth", "z"),
        Layer.OUTPUT: ("out", "put"),
        Layer.MONITORING: ("moni", "tor"),
    }
)
_FIELD: Final = 5
#: The head of what is stopped where handlers call none of Ringfence's functions, in two lines.
_SEAMLESS: Final = ("no", "seam")

_COLOURS: Final[Mapping[Tone, str]] = MappingProxyType(
    {
        Tone.HELD: "32",
        Tone.SECOND: "1;36",
        Tone.OPEN: "33",
        Tone.BREACH: "1;41;97",
        Tone.NAKED: "2",
        Tone.DUD: "1;31",
        Tone.BROKEN: "1;35",
        Tone.ABSENT: "2",
    }
)
#: With one layer off, a field says in a sign what came of it.
_SIGNS: Final[Mapping[Tone, tuple[str, str]]] = MappingProxyType(
    {
        Tone.OPEN: ("✗", "gets through with this layer off: no line is left"),
        Tone.HELD: ("·", "still stopped"),
        Tone.SECOND: ("2nd", "stopped by the second line"),
        Tone.BREACH: ("✗✗✗", "gets through although a line is claimed"),
        Tone.BROKEN: ("?", "proves nothing"),
        Tone.ABSENT: ("-", "not run"),
    }
)
_LOUD: Final = "1"
_GOOD: Final = "32"
_BAD: Final = "1;31"
_QUIET: Final = "2"


def table(matrix: Matrix, about: About, *, colour: bool) -> list[str]:
    """The verdict, the rows, and what else is to be known; none is longer than 100 characters."""
    paint = _painter(colour=colour)
    good = matrix.summary.good
    lines = [paint(line, f"1;{_GOOD}" if good else _BAD) for line in _wrapped(headline(matrix))]
    for held, text in verdicts(matrix):
        lines.append(f"{paint('✓', _GOOD) if held else paint('✗', _BAD)} {text}")
    lines += [paint(line, _BAD) for text in failures(matrix) for line in _wrapped(f"✗ {text}")]
    lines += [paint(line, _LOUD) for text in gaps(matrix) for line in _wrapped(f"- {text}")]
    lines += ["", *rows(matrix, colour=colour), "", *_legend(matrix, paint)]
    lines += [paint(line, _QUIET) for text in asides(matrix) for line in _wrapped(f"· {text}")]
    made = f"{about.target} on {about.profile}, {about.date}, {about.duration}"
    return [*lines, paint(f"· {made}, Ringfence {about.version}", _QUIET)]


def rows(matrix: Matrix, *, colour: bool) -> list[str]:
    """The heads, and a row for each attack; what has not been run yet is empty."""
    paint = _painter(colour=colour)
    lines = [paint(line, _LOUD) for line in _heads(_singles(matrix))]
    for attack in matrix.by_layer:
        name = short(matrix.rows[attack].name, NAME - 1)
        lines.append(f"{attack} {name:<{NAME}}{_fields(matrix, attack, paint)}".rstrip())
    return lines


def short(name: str, most: int) -> str:
    """A name without what stands in parentheses, cut at ``most`` characters."""
    plain = re.sub(r"\s*\(.*?\)", "", name)
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _singles(matrix: Matrix) -> list[Layer]:
    """The layers that were switched off alone."""
    return [layer for each in SINGLES if each in matrix.configurations for layer in each.off]


def _heads(singles: Sequence[Layer]) -> list[str]:
    start = " " * (4 + NAME)
    if not singles:
        return [f"{start}{'stopped by':<{_LAYER}}ways   every layer off   without our functions"]
    upper, lower = (
        "".join(f"{head[at]:<{_FIELD}}" for head in (*map(_HEADS.__getitem__, singles), _SEAMLESS))
        for at in (0, 1)
    )
    first = f"{start}{'first':<{_LAYER}}{'second':<{_LAYER}}{'':<{_COUNT + 1}}{upper}"
    return [
        f"{'':<{len(start) + 2 * _LAYER + _COUNT}}with this layer off:",
        first.rstrip(),
        f"{start}{'line':<{_LAYER}}{'line':<{_LAYER}}{'ways':<{_COUNT + 1}}{lower}".rstrip(),
    ]


def _fields(matrix: Matrix, attack: str, paint: _Paint) -> str:
    none = cell(matrix, attack, NONE.name)
    first = paint(f"{none.text[: _LAYER - 1]:<{_LAYER}}", _COLOURS[none.tone])
    count = f"{payloads(matrix, attack) or '':>{_COUNT - 1}} "
    singles, bare = _singles(matrix), seamless(matrix, attack)
    last = paint(bare.text, _COLOURS[bare.tone])
    if not singles:
        naked = cell(matrix, attack, ALL.name)
        return f"{first}{count}  {paint(f'{naked.text:<18}', _COLOURS[naked.tone])}{last}"
    second = paint(f"{matrix.second_line(attack) or '':<{_LAYER}}", _COLOURS[Tone.SECOND])
    found = (cell(matrix, attack, layer.value) for layer in singles)
    return f"{first}{second}{count} {''.join(_sign(each, paint) for each in found)}{last}"


def _sign(found: Cell, paint: _Paint) -> str:
    if found.tone is Tone.ABSENT and not found.text:
        return " " * _FIELD
    return paint(f"{_SIGNS[found.tone][0]:<{_FIELD}}", _COLOURS[found.tone])


def _legend(matrix: Matrix, paint: _Paint) -> list[str]:
    """What the signs mean that are there."""
    found = {
        cell(matrix, attack, layer.value).tone
        for attack in matrix.runs
        for layer in _singles(matrix)
    }
    lines = [
        f"{paint(f'{sign:<4}', _COLOURS[tone])}{meaning}"
        for tone, (sign, meaning) in _SIGNS.items()
        if tone in found
    ]
    if matrix.plain:
        lines.append("1/2 ways that are stopped where the handler calls no function of Ringfence's")
    return lines


def _painter(*, colour: bool) -> _Paint:
    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and text.strip() else text

    return paint


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
