"""A sample of the controls is deleted, each in turn: the test that noticed last time still does.

Which 20 they are changes with every change of the code. All of them: ``python3 dev.py mutate``.
"""

import random
from pathlib import Path
from typing import Final

import pytest

from mutate.catalogue import catalogue
from mutate.copy import digest
from mutate.selection import by_name
from mutate.state import State, known
from mutate.trials import Trials, cores

pytestmark = [pytest.mark.mutants, pytest.mark.proof(20)]

SAMPLE: Final = 20


def test_who_noticed_that_a_control_was_gone_notices_again(tmp_path: Path) -> None:
    noticed = known()
    candidates = [mutant for mutant in catalogue() if mutant.name in noticed]
    chosen = random.Random(digest()).sample(candidates, SAMPLE)  # noqa: S311  # a sample
    state = State(tmp_path / "state.json")
    Trials(mutants=chosen, state=state, record=None, known=noticed, jobs=cores()).run()
    assert [m.name for m in chosen if not state.results[m.name].noticed] == []


def test_a_test_that_does_not_look_notices_nothing(tmp_path: Path) -> None:
    """The positive control of the one above: a deletion alone is no failure."""
    (mutant,) = [m for m in catalogue() if m.name.startswith("stack/ringfence.py _close: no ")]
    assert not by_name(mutant)
    blind = {mutant.name: "tests/unit/core/test_secret.py::test_it_is_not_pickled"}
    state = State(tmp_path / "state.json")
    Trials(mutants=[mutant], state=state, record=None, known=blind, jobs=1).run()
    assert not state.results[mutant.name].noticed
