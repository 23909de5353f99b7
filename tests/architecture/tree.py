"""The checkout as the architecture tests see it: which files there are, and what they hold."""

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/ringfence"
LAYERS = ("network", "boundary", "authn", "authz", "output", "monitoring")


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is committed or could be: all but what ``.gitignore`` names.

    Its lines are plain folders, which is what makes this a walk and not a call of git: a bare
    machine has none.
    """
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line}

    def walk(folder: Path) -> Iterator[Path]:
        for entry in sorted(os.scandir(folder), key=lambda found: found.name):
            path = Path(entry.path)
            if entry.name == ".git" or {entry.name, str(path.relative_to(ROOT))} & ignored:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from walk(path)
            else:
                yield path

    return tuple(walk(ROOT))


def sources(folder: Path, suffix: str = ".py") -> list[Path]:
    """The files with this suffix below ``folder``."""
    return [file for file in files() if file.suffix == suffix and folder in file.parents]


@functools.cache
def syntax(file: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(file.read_bytes(), str(file))


def strings(file: Path) -> set[str]:
    """Every string constant of a Python file, its docstrings too."""
    return {
        node.value
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
