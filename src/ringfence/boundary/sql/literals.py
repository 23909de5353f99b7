"""The literals of the application: what its source says, before anything is put in.

Read from the source of the loaded modules that are neither Python's own, nor installed packages,
nor Ringfence. A **template** is a string of the source with holes in it: an f-string, strings added
together, a format for ``%`` or ``str.format``; a constant is one without holes. Each knows its
**scope**, the function or the assignment where it stands.

Templates and names count together only where their scopes are **near**: the same, or one names the
other, or a third one uses both, or one uses a function that names the other. To list a function
beside others (``routes = [one, two]``) is no use of it. A method is named only where its class is
known, too, and scopes of two modules name each other only where one module imports the other. An
application has many strings; the few that a statement is built of stand in code that knows each
other.

Names are **kept** where they are a whole constant among others: in a dictionary, set, list, tuple,
enumeration or ``Literal``, or as a value that is assigned or returned.
"""

import ast
import re
import sys
import sysconfig
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import getsource
from pathlib import Path
from types import ModuleType
from typing import Final

from ringfence.boundary.sql.flow import Flow, Hole, arguments, terminal
from ringfence.boundary.sql.lexer import HOLE, Dialect, Token, tokens

_PERCENT: Final = re.compile(r"%(?:\((\w+)\))?[-+ #0]*[\d.]*[sdifr]")
_BRACES: Final = re.compile(r"(?<!\{)\{([\w.\[\]]*)(?:![rsa])?(?::[^{}]*)?\}(?!\})")
_FIRST: Final = re.compile(rf"[\s{HOLE}]*([\w$]+|[^\s\w{HOLE}])")
_MOST_TOKENS: Final = 2_000  # of a template
_LONGEST: Final = 65_536
_LONGEST_NAME: Final = 128
_WITH_VALUE: Final = (ast.Assign, ast.AnnAssign, ast.Return, ast.NamedExpr)
#: What takes names and words of SQL.
_NAMING: Final = frozenset({"collate", "column", "extract", "literal_column", "table", "text"})
#: What calls the function that it is given.
_CALLING: Final = frozenset({"Depends", "Security", "filter", "map", "partial", "run_sync"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS: Final = ast.ExceptHandler | ast.match_case
_INSTALLED: Final = {"site-packages", "dist-packages"}
_PYTHON: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_OWN: Final = str(Path(__file__).parents[2])


class Scope:
    """A function, or an assignment outside of one: what it is called, and which names it uses.

    Args:
        file: Where it stands.
        names: What it is called.
        kin: Its class and the bases of that; empty outside of classes.
        is_function: No assignment.

    ``formats`` has the arguments of ``format``, and with a ``%`` before those of that operator.
    """

    __slots__ = ("called", "file", "formats", "handed", "is_function", "kin", "names", "uses")

    def __init__(
        self,
        file: str,
        names: Iterable[str],
        kin: frozenset[str] = frozenset(),
        *,
        is_function: bool = False,
    ) -> None:
        self.file: Final = file
        self.names: Final = set(names)
        self.kin: Final = kin
        self.is_function: Final = is_function
        self.uses: Final[set[str]] = set()
        self.called: Final[set[str]] = set()
        self.handed: Final[set[str]] = set()  # to a call, or into a container
        self.formats: Final[defaultdict[str, list[ast.expr]]] = defaultdict(list)

    def runs(self, other: "Scope") -> bool:
        """Whether it uses the other one, and does not only list it beside others."""
        used = other.names & self.uses
        if other.is_function:
            used -= self.handed - self.called
        return bool(used)


class Template:
    """A string of the source, with ``HOLE`` where a value is put in.

    Args:
        text: The string.
        scope: Where it stands.
        holes: What is put in, hole by hole; the name of an argument of ``format``.
        flow: Follows that to constants.
    """

    __slots__ = ("_filled", "_flow", "_holes", "_places", "_tokens", "scope", "text")

    def __init__(
        self,
        text: str,
        scope: Scope,
        holes: Sequence[ast.expr | str] = (),
        flow: Flow | None = None,
    ) -> None:
        self.text: Final = text
        self.scope: Final = scope
        self._holes: Final = holes
        self._flow: Final = flow
        self._places: Final = [match.start() for match in re.finditer(HOLE, text)]
        self._filled: dict[int, Hole] = {}
        self._tokens: dict[Dialect, list[Token]] = {}

    def tokens(self, dialect: Dialect) -> list[Token]:
        """Its tokens; none where it is no whole piece of SQL."""
        if dialect not in self._tokens:
            self._tokens[dialect] = tokens(self.text, dialect, _MOST_TOKENS) or []
        return self._tokens[dialect]

    def hole(self, token: Token) -> Hole:
        """What the source puts into the first hole of one of its tokens."""
        number = bisect_left(self._places, token.start)
        if number not in self._filled:
            put = self._holes[number] if number < len(self._holes) else ""
            nodes = self.scope.formats.get(put, ()) if isinstance(put, str) else (put,)
            found = [self._flow.hole(node) for node in nodes] if self._flow is not None else []
            self._filled[number] = Hole(
                frozenset[str]().union(*(hole.values for hole in found)),
                is_vouched=any(hole.is_vouched for hole in found),
            )
        return self._filled[number]


class Literals:
    """The literals of an application. ``load`` reads what is loaded by now."""

    def __init__(self) -> None:
        self.constants: Final[set[str]] = set()
        self.flow: Final = Flow()
        self.functions: Final[set[str]] = set()  # what is taken from ``sqlalchemy.func``
        self._templates: Final[defaultdict[str, list[Template]]] = defaultdict(list)
        self._keeping: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._columns: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._users: Final[defaultdict[str, set[Scope]]] = defaultdict(set)
        self._of_files: Final[defaultdict[str, list[Scope]]] = defaultdict(list)
        self._module_of: Final[dict[str, str]] = {}  # by file
        self._imports: Final[dict[str, frozenset[str]]] = {}  # by file, the names of modules
        self._passed_on: Final[dict[str, frozenset[str]]] = {}  # by package, what it imports itself
        self._modules: Final[set[str]] = set()
        self._held: Final[set[tuple[str, str]]] = set()  # a module and a string that it holds
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
        found = [m for m in list(sys.modules.values()) if is_application(m)]
        read = [self.read(module) for module in found]  # all of them, whatever the first says
        return any(read)

    def forget(self) -> None:
        """Look for modules again with the next ``load``, though none has come. For tests."""
        self._known = 0

    def read(self, module: ModuleType) -> bool:
        """Read one module, whosever it is, if that has not been done."""
        if module.__name__ in self._modules:
            return False
        self._modules.add(module.__name__)
        try:
            tree = ast.parse(getsource(module))
        except (OSError, TypeError, SyntaxError, ValueError):
            return False
        self.add(tree, getattr(module, "__file__", None) or "", module.__name__)
        return True

    def add(self, tree: ast.Module, file: str, name: str = "") -> None:
        """Read the literals of one module's tree; its ``name`` is that of the file if not given."""
        name = name or Path(file).stem
        is_package = Path(file).stem == "__init__"
        self._module_of[file] = name
        self._imports[file] = frozenset(_imported(tree, name if is_package else _parent(name)))
        if is_package:
            self._passed_on[name] = self._imports[file]
        self.flow.read(tree, name, name if is_package else _parent(name))
        aliases = {
            each.asname: each.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for each in node.names
            if each.asname
        }
        for scope, node in _scopes(tree.body, file):
            _Reader(self, scope, aliases).visit(node)
            scope.uses.update(aliases[name] for name in scope.uses & aliases.keys())
            for name in scope.uses:
                self._users[name].add(scope)
            self._of_files[file].append(scope)
        self.near.cache_clear()

    def snapshot(self) -> None:
        """Take the strings that modules hold now for literals: what they read from files.

        For the start alone, before any client has sent something. Each string counts once, however
        many applications of one process start.
        """
        for module in list(sys.modules.values()):
            if is_application(module):
                name = module.__name__
                scope = Scope(module.__file__ or "", [name])
                strings = [each for each in list(vars(module).values()) if type(each) is str]
                for each in strings:
                    if (name, each) not in self._held:
                        self._held.add((name, each))
                        self.add_text(each, scope)

    def add_text(self, text: str, scope: Scope, holes: Sequence[ast.expr] = ()) -> None:
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
        """One constant of a container."""
        if len(name) <= _LONGEST_NAME:
            self._keeping[name.lower()].append(scope)

    def name_column(self, name: str, scope: Scope) -> None:
        """One constant that ``column()`` or its like is given."""
        self._columns[name].append(scope)

    def _index(self, text: str, scope: Scope, holes: Sequence[ast.expr | str] = ()) -> None:
        if first := _FIRST.match(text):
            self._templates[first[1].lower()].append(Template(text, scope, holes, self.flow))

    # ------------------------------------------------------------------------- looking up

    def starting(self, text: str, position: int) -> list[Template]:
        """The templates whose first literal token may be the one at ``position``."""
        first = _FIRST.match(text, position)
        return self._templates.get(first[1].lower(), []) if first else []

    def keeps(self, name: str, scopes: Iterable[Scope]) -> bool:
        """Whether ``name`` is a whole constant of a container near one of the ``scopes``."""
        keeping = self._keeping.get(name.lower(), ())
        return any(self.near(scope, kept) for scope in scopes for kept in keeping)

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
        between = [
            *(each for each in others if self._names(each, other) and self._runs(one, each)),
            *(each for each in users if self._names(each, one) and self._runs(other, each)),
        ]
        both = (user for user in users & others if self._runs(user, one))
        return bool(between) or any(self._runs(user, other) for user in both)

    def _runs(self, user: Scope, used: Scope) -> bool:
        return user.runs(used) and self._names(user, used)

    def _names(self, user: Scope, named: Scope) -> bool:
        """Whether ``user`` names the other one, and knows its module and its class."""
        if user.uses.isdisjoint(named.names) or not self._know(user, named):
            return False
        return not named.kin or not named.kin.isdisjoint(self._classes(user))

    def _classes(self, user: Scope) -> set[str]:
        """The names that may be classes which a scope knows: its own, and those of its kin."""
        known = set(user.kin | user.uses)
        for each in self._of_files[user.file]:
            if each.kin & user.kin or not (each.is_function or each.names.isdisjoint(user.uses)):
                known |= each.uses
        return known

    def _know(self, one: Scope, other: Scope) -> bool:
        """Whether both are of one module, or one of their modules imports the other."""
        if one.file == other.file or self._reaches(one, other) or self._reaches(other, one):
            return True
        return _is_sql(one.file) or _is_sql(other.file)

    def _reaches(self, one: Scope, other: Scope) -> bool:
        """Whether the module of ``one`` imports that of ``other``, or a package that does."""
        wanted = self._module_of.get(other.file, "")
        imported = self._imports.get(one.file, frozenset())
        return wanted in imported or any(
            wanted in self._passed_on.get(package, ()) for package in imported
        )

    def _users_of(self, scope: Scope) -> set[Scope]:
        return set[Scope]().union(*(self._users.get(name, ()) for name in scope.names))


def _is_sql(file: str) -> bool:
    """Whether this is a file that ``sql_files`` declared: no module, and known by its name."""
    return file.endswith(".sql")


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """The names of modules that a module of ``package`` may have imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package
                for _ in range(node.level - 1):
                    above = _parent(above)
                base = f"{above}.{base}".strip(".")
            yield base
            for each in node.names:  # modules of a package, perhaps
                yield f"{base}.{each.name}".strip(".")


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


def _scopes(
    body: Iterable[ast.AST], file: str, kin: tuple[str, ...] = ()
) -> Iterator[tuple[Scope, ast.AST]]:
    """Each function, and each statement outside of one.

    A function with functions in it (a factory of an application) is read like a module.
    """
    of_class = frozenset(kin)
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _scopes(node.body, file, (node.name, *map(terminal, node.bases)))
        elif isinstance(node, _FUNCTIONS):
            # A call of a class's name is a call of its ``__init__`` and ``__call__``.
            names = {node.name, kin[0]} if kin and node.name.startswith("__") else {node.name}
            made = Scope(file, names, of_class, is_function=True)
            if any(isinstance(each, _FUNCTIONS) for each in ast.walk(node) if each is not node):
                yield made, node.args
                yield from _scopes(node.body, file)
            else:
                yield made, node
        elif any(isinstance(each, (*_FUNCTIONS, ast.ClassDef)) for each in ast.walk(node)):
            inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt | _BLOCKS)]
            yield from _scopes(inner, file, kin)
        else:
            yield Scope(file, {*_changed(node), *kin[:1]}, of_class), node


def _changed(node: ast.AST) -> Iterator[str]:
    """The names that a statement assigns to, or calls a method of (``conditions.append``)."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Store):
            yield each.id if isinstance(each, ast.Name) else each.attr
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
            called = each.value.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                yield called.value.id


class _Reader(ast.NodeVisitor):
    """Finds the templates, kept names and used names of one scope."""

    def __init__(self, literals: Literals, scope: Scope, aliases: Mapping[str, str]) -> None:
        self._literals = literals
        self._scope = scope
        self._aliases = aliases

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self._scope.uses.add(node.id)
        elif isinstance(node, ast.Attribute):
            self._note_attribute(node)
        elif isinstance(node, _FUNCTIONS):
            self._scope.names.add(node.name)
            self._keep(*node.args.defaults, *node.args.kw_defaults)
        elif isinstance(node, ast.List | ast.Set | ast.Tuple):
            self._keep(*node.elts)
            self._join(node.elts)
            self._scope.handed.update(map(terminal, node.elts))
        elif isinstance(node, ast.IfExp):
            self._keep(node.body, node.orelse)
        elif isinstance(node, ast.Dict):
            self._keep(*node.keys, *node.values)
            self._scope.handed.update(map(terminal, node.values))
        elif isinstance(node, _WITH_VALUE):
            self._keep(node.value)
        elif isinstance(node, ast.Subscript):
            self._keep_literal(node)
        elif isinstance(node, ast.Call):
            self._note_call(node)
        super().generic_visit(node)

    def _note_attribute(self, node: ast.Attribute) -> None:
        self._scope.uses.add(node.attr)
        if self._is_function(node.value):
            self._literals.functions.add(node.attr)

    def _is_function(self, node: ast.expr) -> bool:
        """Whether this is ``func``, or a package of functions: ``func.pg_catalog``."""
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id, node.id) == "func"
        return isinstance(node, ast.Attribute) and (
            node.attr == "func" or self._is_function(node.value)
        )

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # no docstring
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._literals.add_text(node.value, self._scope)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._template(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Mod):
            for key, each in arguments(node.right).items():
                self._scope.formats[f"%{key}"].append(each)
        if isinstance(node.op, ast.Add) and any(map(_is_text, _terms(node))):
            self._template(node)
        else:
            self.generic_visit(node)

    def _template(self, node: ast.expr) -> None:
        text = ""
        holes: list[ast.expr] = []
        for term in _terms(node):
            if isinstance(term, ast.Constant) and isinstance(term.value, str):
                text += term.value
                self._literals.constants.add(term.value)
            elif isinstance(term, ast.JoinedStr):
                for part in term.values:
                    text += str(part.value) if isinstance(part, ast.Constant) else HOLE
                    if isinstance(part, ast.FormattedValue):
                        holes.append(part.value)
            else:
                text += HOLE
                holes.append(term)
        for hole in holes:
            self.visit(hole)
        self._literals.add_text(text, self._scope, holes)

    def _keep(self, *nodes: ast.expr | None) -> None:
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._literals.keep(node.value, self._scope)

    def _join(self, nodes: list[ast.expr]) -> None:
        """``", ".join(COLUMNS)``: all of them, in their order."""
        names = [each.value for each in nodes if isinstance(each, ast.Constant)]
        if 1 < len(nodes) == len(names) and all(isinstance(name, str) for name in names):
            self._literals.add_text(", ".join(map(str, names)), self._scope)

    def _keep_literal(self, node: ast.Subscript) -> None:
        """``Literal["name"]``; several of them are a tuple."""
        if terminal(node.value) == "Literal":
            self._keep(node.slice)

    def _note_call(self, node: ast.Call) -> None:
        """``column("price")`` names a column in the source."""
        name = terminal(node.func)
        self._scope.called.add(name)
        given = set(map(terminal, (*node.args, *(keyword.value for keyword in node.keywords))))
        (self._scope.called if name in _CALLING else self._scope.handed).update(given)
        if name == "format":
            for number, argument in enumerate(node.args):
                self._scope.formats[str(number)].append(argument)
            for keyword in node.keywords:
                self._scope.formats[keyword.arg or ""].append(keyword.value)
        if name in _NAMING:
            for each in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    self._literals.name_column(each.value, self._scope)


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    """What is added together, from left to right; the node itself where nothing is."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
