"""Which constants the source itself puts into a hole of a template.

``f"SELECT {COLUMNS[kind]} FROM t"`` may hold what stands in ``COLUMNS``, and nothing else: such a
gap is text of the application, wherever it stands. The expression in a hole is followed through
names, containers, loops, comparisons (``if name in FIELDS``), parameters and attributes, back to
constants and calls of ``identifier()``. Where it leads to something else, that adds nothing; so
what is not understood here is left to the rule.

Read from the tree alone: nothing is run. The work for one hole is counted (CWE-407).
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_MOST_STEPS: Final = 2_000  # for one hole
_SAME: Final = frozenset(
    {"cast", "dict", "frozenset", "list", "reversed", "set", "sorted", "str", "tuple"}
)


class Hole(NamedTuple):
    """What the source puts into one place of a template."""

    values: frozenset[str] = frozenset()
    is_vouched: bool = False  # it may be what ``identifier()`` gave


class _Binding(NamedTuple):
    """What a name is bound to: an expression, one of its elements, or an argument of calls."""

    names: "Names"
    node: ast.expr | None = None
    is_element: bool = False
    argument: tuple[str, int, str] | None = None  # of which function, its number and its name


class Names:
    """What the names of a function or a module are bound to."""

    __slots__ = ("bindings", "imported", "module", "outer")

    def __init__(self, module: str, outer: "Names | None" = None) -> None:
        self.module: Final = module
        self.outer: Final = outer
        self.bindings: Final[defaultdict[str, list[_Binding]]] = defaultdict(list)
        self.imported: Final[dict[str, tuple[str, str]]] = {}  # module and name there

    def bind(self, target: ast.expr, node: ast.expr, *, is_element: bool = False) -> None:
        if isinstance(target, ast.Name):
            self.bindings[target.id].append(_Binding(self, node, is_element))


class Flow:
    """The bindings of an application, module by module."""

    def __init__(self) -> None:
        self.modules: Final[dict[str, Names]] = {}
        self._imported: Final[defaultdict[str, set[str]]] = defaultdict(set)
        self.names_of: Final[dict[ast.expr, Names]] = {}  # of what stands in a hole
        self.attributes: Final[defaultdict[str, list[_Binding]]] = defaultdict(list)
        self.members: Final[defaultdict[str, list[_Binding]]] = defaultdict(list)  # of classes
        self.calls: Final[defaultdict[str, list[tuple[ast.Call, Names]]]] = defaultdict(list)

    def read(self, tree: ast.Module, module: str, package: str) -> None:
        """Read the bindings of one module."""
        names = self.modules[module] = Names(module)
        _Binder(self, names, package).visit(tree)
        for base, name in names.imported.values():
            self._imported[module] |= {base, f"{base}.{name}".strip(".")}

    def know(self, one: Names, other: Names) -> bool:
        """Whether both are of one module, or one of their modules imports from the other."""
        return (
            one.module == other.module
            or other.module in self._imported[one.module]
            or one.module in self._imported[other.module]
        )

    def hole(self, node: ast.expr) -> Hole:
        """What the source puts into the hole where ``node`` stands."""
        names = self.names_of.get(node)
        if names is None:
            return Hole()
        follower = _Follower(self)
        values = frozenset(follower.values(node, names))
        return Hole(values, is_vouched=follower.is_vouched)


def terminal(node: ast.expr) -> str:
    """The last name of ``a.b.c``."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _choices(annotation: ast.expr | None) -> Iterator[ast.expr]:
    """What an annotation may choose from: ``Literal["a", "b"]``, an enumeration, or a name."""
    for each in ast.walk(annotation) if annotation is not None else ():
        if isinstance(each, ast.Name) or (
            isinstance(each, ast.Subscript) and terminal(each.value) == "Literal"
        ):
            yield each


def arguments(node: ast.expr) -> dict[str, ast.expr]:
    """What ``%`` is given on its right, by number or by name."""
    match node:
        case ast.Tuple():
            return {str(number): each for number, each in enumerate(node.elts)}
        case ast.Dict():
            named = zip(node.keys, node.values, strict=True)
            return {str(k.value): v for k, v in named if isinstance(k, ast.Constant)}
        case _:
            return {"0": node}


class _Binder(ast.NodeVisitor):
    """Notes what each name is bound to, and who calls what."""

    def __init__(self, flow: Flow, names: Names, package: str) -> None:
        self._flow = flow
        self._names = names
        self._package = package
        self._class = ""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self._package.split(".")
        base = above[: len(above) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        for each in node.names:
            self._names.imported[each.asname or each.name] = module, each.name

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        fields = 0
        for each in node.body:
            target = (
                each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
            )
            if not isinstance(target, ast.Name):
                continue
            value: ast.expr | None = getattr(each, "value", None)
            bound = [_Binding(self._names, value)] if value is not None else []
            self._flow.members[node.name] += bound
            if isinstance(each, ast.AnnAssign):
                bound.append(_Binding(self._names, argument=(node.name, fields, target.id)))
                fields += 1
            self._flow.attributes[target.id] += bound
        outer, self._class = self._class, node.name
        self.generic_visit(node)
        self._class = outer

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        inner = Names(self._names.module, self._names)
        name = self._class if node.name.startswith("__") and self._class else node.name
        places = [*node.args.posonlyargs, *node.args.args]
        skipped = bool(places) and places[0].arg in ("self", "cls")
        for number, each in enumerate([*places, *node.args.kwonlyargs]):
            argument = name, number - skipped, each.arg
            inner.bindings[each.arg].append(_Binding(inner, argument=argument))
            for said in _choices(each.annotation):
                inner.bindings[each.arg].append(_Binding(self._names, said))
        defaults = [
            *zip(reversed(places), reversed(node.args.defaults), strict=False),
            *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
        ]
        for each, default in defaults:
            if default is not None:
                inner.bindings[each.arg].append(_Binding(self._names, default))
        outer, self._names = self._names, inner
        self.generic_visit(node)
        self._names = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, node.value)
        for said in _choices(node.annotation):
            self._names.bind(node.target, said)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._bind_element(node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind_element(node.target, node.iter)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """``if name in FIELDS``, ``if name == "price"``: then it is one of these."""
        for operator, each in zip(node.ops, node.comparators, strict=True):
            said = _Binding(self._names, each, isinstance(operator, ast.In | ast.NotIn))
            self._names.bindings[_said(node.left)].append(said)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._flow.calls[terminal(node.func)].append((node, self._names))
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._flow.names_of[each] = self._names  # of ``format`` perhaps
        self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        self._flow.names_of[node.value] = self._names
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        for each in (node.left, *arguments(node.right).values()):
            self._flow.names_of[each] = self._names
        self.generic_visit(node)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        self._names.bind(target, value)
        if isinstance(target, ast.Attribute):
            self._flow.attributes[target.attr].append(_Binding(self._names, value))

    def _bind_element(self, target: ast.expr, iterated: ast.expr) -> None:
        match target, iterated:
            case ast.Tuple(elts=[key, value]), ast.Call(
                func=ast.Attribute(value=base, attr="items")
            ):
                self._names.bind(key, base, is_element=True)
                values = ast.Call(ast.Attribute(base, "values"), [], [])
                self._names.bind(value, values, is_element=True)
            case _:
                self._names.bind(target, iterated, is_element=True)


def _said(node: ast.expr) -> str:
    """How an expression is written: a name, ``query["sort"]``, ``filters.sort``."""
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)


def _constant(node: ast.expr) -> str:
    """A constant text; empty if it is none."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case _:
            return ""


class _Follower:
    """Follows one expression to its constants."""

    def __init__(self, flow: Flow) -> None:
        self.is_vouched = False
        self._flow = flow
        self._steps = 0
        self._seen: set[tuple[int, str]] = set()

    def _is_new(self, node: ast.expr, asked: str) -> bool:
        """Whether this is asked for the first time, within the limit."""
        self._steps += 1
        place = id(node), asked
        if place in self._seen or self._steps > _MOST_STEPS:
            return False
        self._seen.add(place)
        return True

    def values(self, node: ast.expr, names: Names) -> Iterator[str]:
        """The constants that an expression can be."""
        if not self._is_new(node, "values"):
            return
        match node:
            case ast.Constant(value=str() | int() as value):
                yield str(value)
            case ast.IfExp():
                yield from self._each([node.body, node.orelse], names)
            case ast.BoolOp():
                yield from self._each(node.values, names)
            case ast.NamedExpr() | ast.Await():
                yield from self.values(node.value, names)
            case ast.Name() | ast.Attribute():
                yield from self._named(node, names)
            case ast.Subscript():
                inner = node.slice if terminal(node.value) == "Literal" else node.value
                yield from self.elements(inner, names, only=_constant(node.slice))
                for binding in names.bindings.get(_said(node), ()):
                    yield from self._bound(binding)
            case ast.Call():
                yield from self._called(node, names)
            case _:
                pass

    def _named(self, node: ast.Name | ast.Attribute, names: Names) -> Iterator[str]:
        for binding in self._bindings(node, names):
            yield from self._bound(binding)
        if isinstance(node, ast.Attribute):  # it was compared
            for binding in names.bindings.get(_said(node), ()):
                yield from self._bound(binding)
        if isinstance(node, ast.Attribute) and node.attr == "value":  # of an enumeration
            yield from self.values(node.value, names)

    def _called(self, node: ast.Call, names: Names) -> Iterator[str]:
        name = terminal(node.func)
        original = names.imported.get(name, ("", name))[1]
        if original == "identifier":
            self.is_vouched = True
        elif name == "join":
            yield from self.elements(node.args[0], names, keys=True) if node.args else ()
        elif isinstance(node.func, ast.Attribute) and name in ("get", "pop"):
            only = _constant(node.args[0]) if node.args else ""
            yield from self.elements(node.func.value, names, only=only)
            yield from self._each(node.args[1:], names)
        elif name in _SAME:
            yield from self._each(node.args, names)
        else:
            for binding in self._flow.members.get(name, ()):  # an enumeration
                yield from self._bound(binding)

    def elements(
        self, node: ast.expr, names: Names, *, keys: bool = False, only: str = ""
    ) -> Iterator[str]:
        """The constants that the elements of an expression can be; of a dictionary its values.

        Args:
            node: The expression.
            names: Where it stands.
            keys: A dictionary's keys are meant.
            only: The value of this key is meant; of any if empty.
        """
        if not self._is_new(node, f"{keys} {only}"):
            return
        match node:
            case ast.List() | ast.Tuple() | ast.Set():
                yield from self._each(node.elts, names)
            case ast.Dict():
                held = (
                    node.keys
                    if keys
                    else [
                        value
                        for key, value in zip(node.keys, node.values, strict=True)
                        if not only or key is None or _constant(key) in ("", only)
                    ]
                )
                yield from self._each([each for each in held if each is not None], names)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                yield from self.values(node.elt, names)
            case ast.BinOp():
                yield from self.elements(node.left, names, keys=keys, only=only)
                yield from self.elements(node.right, names, keys=keys, only=only)
            case ast.Name() | ast.Attribute() | ast.Call():
                for inner, around, of_keys in self._containers(node, names, keys=keys):
                    yield from self.elements(inner, around, keys=of_keys, only=only)
            case _:
                pass

    def _containers(
        self, node: ast.Name | ast.Attribute | ast.Call, names: Names, *, keys: bool
    ) -> Iterator[tuple[ast.expr, Names, bool]]:
        """The containers that an expression may stand for, and whether their keys are meant."""
        if not isinstance(node, ast.Call):
            for binding in self._bindings(node, names):
                if not binding.is_element:
                    yield from ((each, around, keys) for each, around in self._nodes(binding))
            return
        name = terminal(node.func)
        if name in ("keys", "values") and isinstance(node.func, ast.Attribute):
            yield node.func.value, names, name == "keys"
        elif name in _SAME and node.args:
            yield node.args[0], names, keys or name != "dict"

    def _each(self, nodes: Iterable[ast.expr], names: Names) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.elements(node.value, names, keys=True)
            else:
                yield from self.values(node, names)

    def _bound(self, binding: _Binding) -> Iterator[str]:
        for node, names in self._nodes(binding):
            if binding.is_element:
                yield from self.elements(node, names, keys=True)
            else:
                yield from self.values(node, names)

    def _nodes(self, binding: _Binding) -> Iterator[tuple[ast.expr, Names]]:
        """The expressions of a binding: its own, or what calls give."""
        if binding.node is not None:
            yield binding.node, binding.names
        if binding.argument is not None:
            function, number, name = binding.argument
            for call, names in self._flow.calls.get(function, ()):
                if not self._flow.know(names, binding.names):
                    continue
                if 0 <= number < len(call.args):
                    yield call.args[number], names
                for keyword in call.keywords:
                    if keyword.arg == name:
                        yield keyword.value, names

    def _bindings(self, node: ast.Name | ast.Attribute, names: Names) -> list[_Binding]:
        if isinstance(node, ast.Attribute):
            module = self._module(node.value, names)
            if module is not None:
                return module.bindings.get(node.attr, [])
            found = self._flow.attributes.get(node.attr, ())
            return [each for each in found if self._flow.know(each.names, names)]
        around: Names | None = names
        while around is not None:
            if node.id in around.bindings:
                return around.bindings[node.id]
            if node.id in around.imported:
                module_name, name = around.imported[node.id]
                module = self._flow.modules.get(module_name)
                return module.bindings.get(name, []) if module else []
            around = around.outer
        return self._flow.members.get(node.id, [])

    def _module(self, node: ast.expr, names: Names) -> Names | None:
        """The module of the application that a name stands for."""
        around: Names | None = names
        while around is not None and isinstance(node, ast.Name):
            if node.id in around.imported:
                return self._flow.modules.get(".".join(filter(None, around.imported[node.id])))
            around = around.outer
        return None
