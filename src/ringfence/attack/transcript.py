"""What each attack is, and what was sent and came back, payload by payload (``-v``)."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.attack.ablation import Matrix
from ringfence.attack.answer import Sent
from ringfence.attack.attacks import ATTACKS
from ringfence.attack.catalogue import catalogue
from ringfence.attack.outcome import Run, Tried

#: A payload of hundreds of requests is shown by its first and its last ones.
_FIRST: Final = 3
_LAST: Final = 3


def transcript(matrix: Matrix) -> Iterator[str]:
    """Every line of it."""
    for attack, runs in matrix.runs.items():
        row = matrix.rows[attack]
        yield f"{attack} {row.name}"
        yield f"    {ATTACKS[attack].meaning()}"
        for name, run in [*runs.items(), *_plain(matrix, attack)]:
            who = f" by {run.by}" if run.by else ""
            yield f"  off: {name}   {run.outcome}{who}{_because(run.reason)}"
            for tried in run.payloads:
                yield from _payload(tried)
        yield ""


def _plain(matrix: Matrix, attack: str) -> Iterator[tuple[str, Run]]:
    if attack in matrix.plain:
        yield "none, without our functions", matrix.plain[attack]


def listing() -> Iterator[str]:
    """Every attack of this version, what it sends, and what it takes for stopped."""
    for attack, kind in ATTACKS.items():
        row = catalogue()[attack]
        yield f"{attack}  {row.name}"
        for text in (f"Sends: {row.sends}.", kind.meaning()):
            yield from textwrap.wrap(text, 94, initial_indent="     ", subsequent_indent="     ")
    yield ""
    yield f"{len(ATTACKS)} of the {len(catalogue())} attacks of the catalogue"


def _payload(tried: Tried) -> Iterator[str]:
    code = f" ({tried.stopped_by.name})" if tried.stopped_by is not None else ""
    yield f"    {tried.name!r}: {'through' if tried.through else 'stopped'}{code}"
    yield from (f"      {line}" for line in exchanges(tried.sent))


def exchanges(sent: Sequence[Sent]) -> Iterator[str]:
    """Requests and answers as lines; of hundreds the first and the last ones."""
    left_out = max(0, len(sent) - _FIRST - _LAST)
    for number, each in enumerate(sent):
        if number == _FIRST and left_out:
            yield f"… {left_out} more like these"
        if not _FIRST <= number < _FIRST + left_out:
            yield from each.shown()


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
