"""Every control of the library, as the one thing that is deleted to try it."""

from pathlib import Path

from mutate.controls import changes, problems
from mutate.operators import mutants
from mutate.source import ROOT, Mutant, Source, modules


class StaleError(Exception):
    """The list of controls does not fit the source."""


def catalogue(root: Path = ROOT) -> list[Mutant]:
    """All mutants, sorted by module.

    Raises:
        StaleError: An area, a named control, a change or an equivalent fits nothing any more.
    """
    found: list[Mutant] = []
    for module in modules(root):
        source = Source(module, root)
        found += mutants(source)
        found += changes(source)
    if stale := problems(found):
        raise StaleError("\n".join(stale))
    return found
