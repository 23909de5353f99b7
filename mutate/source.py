"""A module of the library as text and as a tree, and one deletion from it."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = Path("src/ringfence")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one thing less.

    ``name`` says where and what, without a line: it stays the same while other code moves.
    ``first`` and ``last`` are the lines, from 1, that a test must run to notice anything.
    """

    module: str  # below src/ringfence: authn/tokens.py
    where: str  # AccessTokens._examine; "" at the top of the module
    what: str
    first: int
    last: int
    begin: int  # bytes of the module's text that are replaced
    end: int
    text: bytes

    @property
    def name(self) -> str:
        """Where and what, as the table and the state hold it."""
        return f"{self.module} {self.where or '(module)'}: {self.what}"


class Source:
    """One module."""

    def __init__(self, module: str, root: Path = ROOT) -> None:
        self.module: Final = module
        self.file: Final = root / PACKAGE / module
        self.text: Final = self.file.read_bytes()
        self.tree: Final = ast.parse(self.text)

    @cached_property
    def digest(self) -> str:
        """Changes with every byte of the module."""
        return hashlib.sha256(self.text).hexdigest()[:16]

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line begins."""
        starts = [0]
        for line in self.text.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The bytes of ``node``."""
        last, end = node.end_lineno, node.end_col_offset
        if last is None or end is None:
            raise ValueError("the parser gives every node an end")
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last - 1] + end

    def said(self, node: ast.AST) -> str:
        """The code of ``node`` in one line of usual layout."""
        return ast.unparse(node)

    def replaced(
        self, where: str, what: str, node: ast.expr | ast.stmt, text: str, *, within: ast.AST
    ) -> Mutant:
        """A mutant with ``text`` in the place of ``node``; whoever runs ``within`` may notice."""
        begin, end = self.span(node)
        first = getattr(within, "lineno", node.lineno)
        last = getattr(within, "end_lineno", None) or node.end_lineno or first
        return Mutant(self.module, where, what, first, last, begin, end, text.encode())

    def scopes(self) -> Iterator[tuple[str, ast.stmt]]:
        """Every statement with the qualified name of what it stands in."""
        yield from _scopes("", self.tree.body)


def _scopes(where: str, body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for statement in body:
        yield where, statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{where}.{statement.name}" if where else statement.name
            yield from _scopes(name, statement.body)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _scopes(where, getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _scopes(where, handler.body)
        for case in getattr(statement, "cases", []):
            yield from _scopes(where, case.body)


def applied(mutant: Mutant, text: bytes) -> bytes:
    """The text of the module with the mutant's change."""
    return text[: mutant.begin] + mutant.text + text[mutant.end :]


def modules(root: Path = ROOT) -> list[str]:
    """Every module of the library, below the package."""
    package = root / PACKAGE
    return sorted(str(file.relative_to(package)) for file in package.rglob("*.py"))
