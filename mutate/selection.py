"""Which tests may notice: those that run the changed lines, the nearest and quickest first."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from mutate.source import ROOT, Mutant, Source

#: So many tests are tried before all others: the nearest ones, which mostly are enough.
NEAREST: Final = 40


@dataclass(frozen=True)
class Record:
    """What ``mutate.record`` wrote."""

    tests: list[str]
    seconds: list[float]
    starts: list[int]  # tests that start a process: what runs there is not seen
    lines: dict[str, dict[str, list[int]]]  # module, line, tests
    sources: dict[str, str]  # digest of each module as it was

    @classmethod
    def read(cls, written: dict[str, Any]) -> Self:
        """From the JSON."""
        return cls(**written)

    def running(self, module: str, lines: range | set[int]) -> set[int]:
        """The tests that run one of these lines."""
        of = self.lines.get(module, {})
        return {test for line in lines for test in of.get(str(line), ())}

    def rounds(self, mutant: Mutant, source: Source) -> list[tuple[list[str], float]]:
        """The rounds of tests that are tried one after the other, and how long each should take.

        First the nearest of those that run the lines, then all of them, then those that start a
        process.
        """
        seen: set[int] = set()
        if self.sources.get(mutant.module) == source.digest:
            seen = self.running(mutant.module, range(mutant.first, mutant.last + 1))
            if not mutant.where:
                seen |= self._users(mutant, source)
        if not seen:
            seen = self.running(mutant.module, {int(n) for n in self.lines.get(mutant.module, ())})
        near: list[int] = []
        far: list[int] = []
        for test in sorted(seen, key=lambda test: (self._distance(mutant, test), test)):
            (near if len(near) < NEAREST else far).append(test)
        started = [test for test in self.starts if test not in seen]
        rounds = [near, far, sorted(started, key=lambda test: self.seconds[test])]
        return [self._named(tests) for tests in rounds if tests]

    def _named(self, tests: list[int]) -> tuple[list[str], float]:
        return [self.tests[test] for test in tests], sum(self.seconds[test] for test in tests)

    def _distance(self, mutant: Mutant, test: int) -> float:
        """Seconds; those of another layer count more, since its files are imported, too."""
        layer, _, rest = mutant.module.partition("/")
        topic = rest.rpartition("/")[2].removesuffix(".py")
        name = self.tests[test]
        far = 1.0 if f"/{layer}/" in name else 3.0
        far *= 0.3 if f"test_{topic}.py" in name else 1.0
        return far * (self.seconds[test] + 0.02)

    def _users(self, mutant: Mutant, source: Source) -> set[int]:
        """For what runs when it is imported: the tests of what uses it."""
        names = _assigned(mutant, source)
        users = {
            line
            for node in ast.walk(source.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if names & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            for line in range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
        }
        return self.running(mutant.module, users)


def by_name(mutant: Mutant, root: Path = ROOT) -> list[str]:
    """The files of tests that are named after the module: a quick look before any record."""
    layer, _, rest = mutant.module.partition("/")
    topic = rest.rpartition("/")[2].removesuffix(".py")
    found = sorted((root / f"tests/unit/{layer}").rglob(f"test_{topic}*.py"))
    return [str(file.relative_to(root)) for file in found]


def _assigned(mutant: Mutant, source: Source) -> set[str]:
    """The names that the changed statement gives a value, and what is made from them in turn."""
    names: set[str] = set()
    for statement in source.tree.body:
        used = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        targets = {
            n.id for n in ast.walk(statement) if isinstance(n, ast.Name)
            if isinstance(n.ctx, ast.Store)
        }  # fmt: skip
        changed = statement.lineno <= mutant.first <= (statement.end_lineno or statement.lineno)
        if changed or used & names:
            names |= targets
        if changed and isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names.add(statement.name)
    return names
