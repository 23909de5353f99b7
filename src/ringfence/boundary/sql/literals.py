"""The literals of the application: what its source says, before anything is put in.

Read from the source of the loaded modules that are neither Python's own, nor installed packages,
nor Ringfence.

Templates and names count together only where their scopes are **near**: the same, or one names the
other, or a third one uses both, or one uses a function that names the other. To list a function
beside others (``routes = [one, two]``) is no use of it. A method is named only where its class is
known, too, and scopes of two modules name each other only where one module imports the other. An
application has many strings; the few that a statement is built of stand in code that knows each
other.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from inspect import getsource
from pathlib import Path
from types import ModuleType
from typing import Final

from ringfence.boundary.sql import modules
from ringfence.boundary.sql.flow import Flow
from ringfence.boundary.sql.lexer import HOLE
from ringfence.boundary.sql.modules import Module, know
from ringfence.boundary.sql.source import Reader
from ringfence.boundary.sql.templates import Put, Scope, Template
from ringfence.core.errors import ConfigurationError

_PERCENT: Final = re.compile(r"%(?:\((\w+)\))?[-+ #0]*[\d.]*[sdifr]")
_BRACES: Final = re.compile(r"(?<!\{)\{([\w.\[\]]*)(?:![rsa])?(?::[^{}]*)?\}(?!\})")
_FIRST: Final = re.compile(rf"[\s{HOLE}]*([\w$]+|[^\s\w{HOLE}])")
_LONGEST: Final = 65_536
_LONGEST_NAME: Final = 128


class Literals:
    """The literals of an application. ``load`` reads what is loaded by now."""

    def __init__(self) -> None:
        self.constants: set[str] = set()
        self.flow = Flow()
        self.functions: set[str] = set()  # what is taken from ``sqlalchemy.func``
        self._templates: Final[defaultdict[str, list[Template]]] = defaultdict(list)
        self._kept: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._columns: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._users: Final[defaultdict[str, set[Scope]]] = defaultdict(set)
        self._of_files: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._packages: Final[dict[str, Module]] = {}
        self._read: Final[set[str]] = set()
        self._held: Final[set[tuple[str, str]]] = set()  # a module or file, and a string of it
        self._known = 0
        self.near: Final = lru_cache(maxsize=4_096)(self._near)

    # ----------------------------------------------------------------------------- reading

    def load(self) -> bool:
        """Read the modules of the application that have been loaded since; whether there are any.

        One without source has no literals.
        """
        if len(sys.modules) == self._known:
            return False
        self._known = len(sys.modules)
        found = [m for m in list(sys.modules.values()) if modules.is_application(m)]
        read = [self.read(module) for module in found]  # all of them, whatever the first says
        return any(read)

    def forget(self) -> None:
        """Look for modules again with the next ``load``, though none has come. For tests."""
        self._known = 0

    def read(self, module: ModuleType) -> bool:
        """Read one module, whosever it is, if that has not been done."""
        if module.__name__ in self._read:
            return False
        self._read.add(module.__name__)
        try:
            tree = ast.parse(getsource(module))
        except (OSError, TypeError, SyntaxError, ValueError):
            return False
        self.add(tree, getattr(module, "__file__", None) or "", module.__name__)
        return True

    def add(self, tree: ast.Module, file: str, name: str = "") -> None:
        """Read the literals of one module's tree; its ``name`` is that of the file if not given."""
        module = Module(name or Path(file).stem, file, tree, self._packages)
        Reader(module, self).read(tree.body)
        self.near.cache_clear()

    def snapshot(self) -> None:
        """Take the strings that modules hold now for literals: what they read from files.

        For the start alone, before any client has sent something. Each string counts once, however
        many applications of one process start.
        """
        for module in list(sys.modules.values()):
            if modules.is_application(module):
                strings = [each for each in list(vars(module).values()) if type(each) is str]
                self._hold(strings, module.__name__, module.__file__ or "")

    def add_files(self, folder: Path) -> None:
        """Take each ``*.sql`` below ``folder`` for the application's own.

        Raises:
            ConfigurationError: There is none.
        """
        files = sorted(folder.rglob("*.sql"))
        if not files:
            raise ConfigurationError(f"sql_files: there is no .sql file below {folder}")
        for file in files:
            whole = file.read_text(encoding="utf-8")
            self._hold([whole, whole.strip(), *_statements(whole)], file.stem, str(file))

    def _hold(self, strings: list[str], name: str, file: str) -> None:
        scope = Scope(Module(name, file, ast.Module([], []), {}), [name])
        for each in strings:
            if (file, each) not in self._held:
                self._held.add((file, each))
                self.add_text(each, scope)

    def add_scope(self, scope: Scope) -> None:
        """One function, or one statement outside of functions, that was read."""
        self._of_files[scope.module.file].append(scope)
        for name in scope.uses:
            self._users[name].add(scope)

    def add_text(self, text: str, scope: Scope, holes: Sequence[Put] = ()) -> None:
        """One string, with ``HOLE`` where one of ``holes`` is put in."""
        if len(text) > _LONGEST:
            return
        if HOLE not in text:
            self.constants.add(text)
            if "%" in text and (filled := _PERCENT.sub(HOLE, text)) != text:
                said = enumerate(_PERCENT.findall(text))
                names = [f"%{name or number}" for number, name in said]
                self._index(filled.replace("%%", "%"), scope, names)
            if "{" in text and (filled := _BRACES.sub(HOLE, text)) != text:
                names = [each or str(n) for n, each in enumerate(_BRACES.findall(text))]
                self._index(filled.replace("{{", "{").replace("}}", "}"), scope, names)
        self._index(text, scope, holes)

    def keep(self, name: str, scope: Scope) -> None:
        """One whole constant."""
        if len(name) <= _LONGEST_NAME:
            self._kept[name.lower()].append(scope)

    def name_column(self, name: str, scope: Scope) -> None:
        """One constant that ``column()`` or its like is given."""
        self._columns[name].append(scope)

    def _index(self, text: str, scope: Scope, holes: Sequence[Put | str]) -> None:
        if first := _FIRST.match(text):
            self._templates[first[1].lower()].append(Template(text, scope, holes, self.flow))

    # ------------------------------------------------------------------------- looking up

    def starting(self, text: str, position: int) -> list[Template]:
        """The templates whose first literal token may be the one at ``position``."""
        first = _FIRST.match(text, position)
        return self._templates.get(first[1].lower(), []) if first else []

    def keeps(self, name: str, scopes: Iterable[Scope]) -> bool:
        """Whether ``name`` is kept near one of the ``scopes``."""
        kept = self._kept.get(name.lower(), ())
        return any(self.near(scope, each) for scope in scopes for each in kept)

    def names(self, column: str, scopes: Iterable[Scope]) -> bool:
        """Whether a ``column("…")`` near one of the ``scopes`` is this one."""
        naming = self._columns.get(column, ())
        return any(self.near(scope, each) for scope in scopes for each in naming)

    def scopes_at(self, file: str, name: str) -> list[Scope]:
        """The scopes of a function, by what a frame says of it."""
        return [scope for scope in self._of_files.get(file, ()) if name in scope.names]

    def _near(self, one: Scope, other: Scope) -> bool:
        if one is other or self._names(one, other) or self._names(other, one):
            return True
        users, others = self._users_of(one), self._users_of(other)
        return (
            any(self._runs(one, each) and self._names(each, other) for each in others)
            or any(self._runs(other, each) and self._names(each, one) for each in users)
            or any(self._runs(each, one) and self._runs(each, other) for each in users & others)
        )

    def _runs(self, user: Scope, used: Scope) -> bool:
        return user.runs(used) and self._names(user, used)

    def _names(self, user: Scope, named: Scope) -> bool:
        """Whether ``user`` names the other one, and knows its module and its class."""
        if user.uses.isdisjoint(named.names) or not know(user.module, named.module):
            return False
        return not named.kin or not named.kin.isdisjoint(self._classes(user))

    def _classes(self, user: Scope) -> set[str]:
        """The names that may be classes which a scope knows: its own, and those of its kin."""
        known = set(user.kin | user.uses)
        for each in self._of_files[user.module.file]:
            if each.kin & user.kin or not (each.is_function or each.names.isdisjoint(user.uses)):
                known |= each.uses
        return known

    def _users_of(self, scope: Scope) -> set[Scope]:
        return set[Scope]().union(*(self._users.get(name, ()) for name in scope.names))


def _statements(text: str) -> list[str]:
    """The statements of a file, without the comments before each."""
    code = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    named = re.split(r"(?m)^\s*--\s*name:.*$", text)
    pieces = [*"\n".join(code).split(";"), *text.split(";"), *named]
    pieces += [piece.strip() for piece in pieces]
    return [piece for piece in (*pieces, "\n".join(code)) if piece.strip()]
