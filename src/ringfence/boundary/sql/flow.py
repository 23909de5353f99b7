"""Which constants the source itself puts into a hole of a template.

``f"SELECT {COLUMNS[kind]} FROM t"`` may hold what stands in ``COLUMNS``, and nothing else: such a
gap is text of the application, wherever it stands. An expression stands for the constants in what
its names are **bound** to: by an assignment, a loop, a comparison (``if name in FIELDS``), an
annotation, a default or the arguments of calls. It is followed from name to name, until there are
constants or calls of ``identifier()``. Where it leads to something else, that adds nothing; so what
is not understood here is left to the rule.

Read from the tree alone: nothing is run, but tables are asked for their columns. The work for one
hole is counted (CWE-407).
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.boundary.sql.modules import Module, know, terminal

_MOST_STEPS: Final = 2_000  # for one hole
_MOST_IMPORTS: Final = 5  # from module to module, for one name
_SAME: Final = frozenset(
    {"cast", "dict", "frozenset", "list", "reversed", "set", "sorted", "str", "tuple"}
)


class Hole(NamedTuple):
    """What the source puts into one place of a template."""

    values: frozenset[str] = frozenset()
    is_vouched: bool = False  # it may be what ``identifier()`` gave


class Bound(NamedTuple):
    """What a name is bound to: an expression, or an argument of calls."""

    names: "Names"
    node: ast.expr | None = None
    keys: bool = False  # of a dictionary its keys are meant
    argument: tuple[str, int, str] | None = None  # of which function, its number and its name


class Names:
    """What the names of a function or a module are bound to."""

    __slots__ = ("bound", "module", "outer")

    def __init__(self, module: Module, outer: "Names | None" = None) -> None:
        self.module: Final = module
        self.outer: Final = outer
        self.bound: Final[defaultdict[str, list[Bound]]] = defaultdict(list)

    def bind(self, name: str, node: ast.expr, *, keys: bool = False) -> None:
        self.bound[name].append(Bound(self, node, keys))

    def find(self, name: str) -> list[Bound] | None:
        """What a name is bound to, here or around; None if it is nothing here."""
        around: Names | None = self
        while around is not None:
            if name in around.bound:
                return around.bound[name]
            around = around.outer
        return None


class Flow:
    """What the names of an application are bound to, module by module."""

    def __init__(self) -> None:
        self.modules: Final[dict[str, Names]] = {}
        self.attributes: Final[defaultdict[str, list[Bound]]] = defaultdict(list)
        self.members: Final[defaultdict[str, list[Bound]]] = defaultdict(list)  # of classes
        self.calls: Final[defaultdict[str, list[tuple[ast.Call, Names]]]] = defaultdict(list)

    def hole(self, node: ast.expr, names: Names) -> Hole:
        """What the source puts into the hole where ``node`` stands."""
        follower = _Follower(self)
        values = frozenset(follower.follow(node, names))
        return Hole(values, is_vouched=follower.is_vouched)

    def bound(self, node: ast.Name | ast.Attribute, names: Names) -> list[Bound]:
        """What a name is bound to, or an attribute of a module or of any object."""
        if isinstance(node, ast.Name):
            return self._named(node.id, names) or self.members.get(node.id, [])
        if isinstance(node.value, ast.Name):
            imported = names.module.imported.get(node.value.id, ())
            module = self.modules.get(".".join(filter(None, imported)))
            if module is not None:
                return module.bound.get(node.attr, [])
        found = self.attributes.get(node.attr, ())
        return [each for each in found if know(each.names.module, names.module)]

    def _named(self, name: str, names: Names) -> list[Bound]:
        for _ in range(_MOST_IMPORTS):
            found = names.find(name)
            if found is not None:
                return found
            module, name = names.module.imported.get(name, ("", name))
            if module not in self.modules:
                break
            names = self.modules[module]
        return []


def written(node: ast.expr) -> str:
    """How an expression is written: a name, ``query["sort"]``, ``filters.sort``."""
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)


def _constant(node: ast.expr) -> str:
    """A constant text; empty if it is none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_text(node: ast.expr) -> bool:
    """Whether this is a string, with holes in it or without."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


class _Follower:
    """Follows one expression to its constants."""

    def __init__(self, flow: Flow) -> None:
        self.is_vouched = False
        self._flow = flow
        self._seen: set[tuple[int, bool, str]] = set()

    def follow(
        self, node: ast.expr | None, names: Names, *, keys: bool = False, only: str = ""
    ) -> Iterator[str]:
        """The constants that an expression can be, or that are in it.

        Args:
            node: The expression.
            names: Where it stands.
            keys: Of a dictionary its keys are meant, and not its values.
            only: Of a dictionary the value of this key is meant; of any if empty.
        """
        asked = id(node), keys, only
        if asked in self._seen or len(self._seen) > _MOST_STEPS:
            return
        self._seen.add(asked)
        match node:
            case ast.Constant(value=str() | int() as value):
                yield str(value)
            case ast.Name() | ast.Attribute():
                for bound in self._flow.bound(node, names):
                    yield from self._bound(bound, keys=keys, only=only)
                if isinstance(node, ast.Attribute):
                    yield from self._compared(node, names)
                    if node.attr == "value":  # of an enumeration
                        yield from self.follow(node.value, names)
            case ast.Subscript() if terminal(node.value) != "Literal":
                yield from self.follow(node.value, names, only=_constant(node.slice) or only)
                yield from self._compared(node, names)
            case ast.Call():
                yield from self._called(node, names, keys=keys)
            case _:
                for part in _parts(node, keys=keys, only=only):
                    yield from self.follow(part, names, keys=keys, only=only)

    def _called(self, node: ast.Call, names: Names, *, keys: bool) -> Iterator[str]:
        name = terminal(node.func)
        method = node.func if isinstance(node.func, ast.Attribute) else None
        if names.module.imported.get(name, ("", name))[1] == "identifier":
            self.is_vouched = True
        elif name == "join" or name in _SAME:
            for each in node.args:
                yield from self.follow(each, names, keys=keys or name != "dict")
        elif method and name in ("get", "pop") and node.args:
            yield from self.follow(method.value, names, only=_constant(node.args[0]))
            for each in node.args[1:]:
                yield from self.follow(each, names)
        elif method and name in ("keys", "values"):
            if name == "keys":
                yield from _columns(method.value, names)
            yield from self.follow(method.value, names, keys=name == "keys")
        else:
            for bound in self._flow.members.get(name, ()):  # an enumeration
                yield from self._bound(bound)

    def _compared(self, node: ast.expr, names: Names) -> Iterator[str]:
        for bound in names.bound.get(written(node), ()):
            yield from self._bound(bound)

    def _bound(self, bound: Bound, *, keys: bool = False, only: str = "") -> Iterator[str]:
        """The constants of what a name is bound to: an expression, or what calls give."""
        if bound.node is not None:
            yield from self.follow(bound.node, bound.names, keys=keys or bound.keys, only=only)
        if bound.argument is None:
            return
        function, number, name = bound.argument
        for call, names in self._flow.calls.get(function, ()):
            if not know(names.module, bound.names.module):
                continue
            given = call.args[number : number + 1] if number >= 0 else []
            given += [keyword.value for keyword in call.keywords if keyword.arg == name]
            for each in given:
                yield from self.follow(each, names, keys=keys, only=only)


def _columns(node: ast.expr, names: Names) -> Iterator[str]:
    """The names of ``table.c`` and ``Model.__table__.c``, where that is SQLAlchemy's own table.

    They are in no source: the table of the loaded module is asked.
    """
    first, *rest = written(node).split(".")
    bound = names.find(first) or []
    if not rest or any(each.names.outer is not None for each in bound):
        return  # no name of the module
    found: object = sys.modules.get(names.module.name)
    for name in (first, *rest[:-1]):
        found = getattr(found, name, None)
    if rest[-1] in ("c", "columns") and type(found).__module__ == "sqlalchemy.sql.schema":
        columns: Mapping[str, object] = getattr(found, "c", {})
        yield from map(str, columns.keys())


def _parts(node: ast.expr | None, *, keys: bool, only: str) -> Iterable[ast.expr | None]:
    """What an expression can be, or what is in it."""
    parts: Iterable[ast.expr | None] = ()
    match node:
        case ast.IfExp():
            parts = node.body, node.orelse
        case ast.BoolOp():
            parts = node.values
        case ast.NamedExpr() | ast.Await() | ast.Starred():
            parts = (node.value,)
        case ast.Subscript():  # of ``Literal``
            parts = (node.slice,)
        case ast.List() | ast.Tuple() | ast.Set():
            parts = node.elts
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            parts = (node.elt,)
        case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right):  # of containers
            parts = () if is_text(left) or is_text(right) else (left, right)
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            parts = node.keys if keys else [v for k, v in pairs if _may_be(k, only)]
        case _:
            pass
    return parts


def _may_be(key: ast.expr | None, only: str) -> bool:
    return not only or key is None or _constant(key) in ("", only)
