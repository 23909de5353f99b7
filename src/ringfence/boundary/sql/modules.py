"""The modules of an application: which they are, and which of them know each other."""

import ast
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

_INSTALLED: Final = {"site-packages", "dist-packages"}
_PYTHON: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})


class Module:
    """One module: its name, its file, and what it imports.

    Args:
        name: As it is imported.
        file: Its path; one that ends with ``.sql`` was declared by ``sql_files``.
        tree: Its source.
        packages: The packages that were read by now, by name; it is added if it is one.
    """

    __slots__ = ("_packages", "file", "imported", "imports", "name")

    def __init__(self, name: str, file: str, tree: ast.AST, packages: "dict[str, Module]") -> None:
        self.name: Final = name
        self.file: Final = file
        self.imported: Final[dict[str, tuple[str, str]]] = {}  # by name here: module, name there
        self.imports: Final[set[str]] = set()  # names of modules
        self._packages: Final = packages
        is_package = Path(file).stem == "__init__"
        if is_package:
            packages[name] = self
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.imports.update(each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                self._note(node, name if is_package else name.rpartition(".")[0])

    def _note(self, node: ast.ImportFrom, package: str) -> None:
        above = package.split(".")
        base = above[: len(above) - node.level + 1] if node.level else []
        module = ".".join(filter(None, [*base, node.module]))
        self.imports.add(module)
        for each in node.names:
            self.imports.add(f"{module}.{each.name}".strip("."))  # a module of a package, perhaps
            self.imported[each.asname or each.name] = module, each.name

    @property
    def is_sql(self) -> bool:
        """Whether it is a file that ``sql_files`` declared: known by its name everywhere."""
        return self.file.endswith(".sql")

    def reaches(self, other: "Module") -> bool:
        """Whether it imports the other one, or a package that does."""
        if other.name in self.imports:
            return True
        packages = (self._packages[each] for each in self.imports & self._packages.keys())
        return any(other.name in package.imports for package in packages)


def know(one: Module, other: Module) -> bool:
    """Whether both are the same, or one of them imports the other."""
    if one.is_sql or other.is_sql:
        return True
    return one.file == other.file or one.reaches(other) or other.reaches(one)


def is_application(module: ModuleType) -> bool:
    """Whether a module is neither Python's, nor of an installed package, nor Ringfence's."""
    file: str | None = getattr(module, "__file__", None)
    if not file or not file.endswith((".py", ".pyc")):
        return False
    if module.__name__.partition(".")[0] == "ringfence" or not _INSTALLED.isdisjoint(
        Path(file).parts
    ):
        return False
    return not file.startswith(_PYTHON)


def terminal(node: ast.expr) -> str:
    """The last name of ``a.b.c``."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def terminals(nodes: Iterable[ast.expr]) -> set[str]:
    """The last names of several."""
    return {terminal(node) for node in nodes}
