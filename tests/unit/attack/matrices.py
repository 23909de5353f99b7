"""Matrices by hand: what was measured is an argument."""

from collections.abc import Mapping

from ringfence.attack.ablation import Benign, Matrix
from ringfence.attack.catalogue import Row, catalogue
from ringfence.attack.configuration import ABLATED, ALL, Configuration
from ringfence.attack.outcome import Run, Tried
from ringfence.core.codes import CODES, Layer

THROUGH = Run(outcome="succeeded", payloads=(Tried(name="a <b>payload</b>", through=True),))
SILENT = Run(outcome="stopped", payloads=(Tried(name="a <b>payload</b>", through=False),))


def stopped(code: str) -> Run:
    """Stopped, and somebody said so."""
    found = CODES[code]
    tried = Tried(name="a <b>payload</b>", through=False, stopped_by=found)
    return Run(outcome="stopped", by=found.layer.value, code=code, payloads=(tried,))


def row(attack: str, *built: str) -> Row:
    """A row of the catalogue with these lines."""
    real = catalogue()[attack]
    return Row(
        id=attack,
        name=real.name,
        group=real.group,
        cwe=real.cwe,
        sends=real.sends,
        stopped=real.stopped,
        first=real.first,
        second=real.second,
        built=tuple(frozenset(map(Layer, line.split("+"))) for line in built),
    )


def matrix(
    *rows: Row,
    whole: bool = False,
    configurations: tuple[Configuration, ...] = ABLATED,
    **changed: Mapping[str, Run],
) -> Matrix:
    """Every attack stopped by authz, but for ``all`` and for what is ``changed``."""
    usual = {each.name: stopped("ownership.foreign") for each in configurations}
    if ALL.name in usual:
        usual[ALL.name] = THROUGH
    return Matrix(
        rows={each.id: each for each in rows},
        configurations=configurations,
        runs={each.id: {**usual, **changed.get(each.id, {})} for each in rows},
        benign={each.name: Benign(passed=54) for each in configurations},
        whole=whole,
    )
