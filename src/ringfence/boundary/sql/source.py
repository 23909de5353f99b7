"""What the source of one module says: its strings with their holes, and what names are bound to.

Names are **kept** where they are a whole
constant, and no argument of a call, no key and not compared with: in a dictionary, set, list,
tuple, enumeration or ``Literal``, or as a value that is assigned or returned.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Final, Protocol, TypeAlias

from ringfence.boundary.sql.flow import Bound, Flow, Names, is_text, written
from ringfence.boundary.sql.lexer import HOLE
from ringfence.boundary.sql.modules import Module, terminal, terminals
from ringfence.boundary.sql.templates import Put, Scope

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS: Final = ast.stmt | ast.ExceptHandler | ast.match_case
#: What takes names and words of SQL.
_NAMING: Final = frozenset({"collate", "column", "extract", "literal_column", "table", "text"})
#: What calls the function that it is given.
_CALLING: Final = frozenset({"Depends", "Security", "filter", "map", "partial", "run_sync"})


class Found(Protocol):
    """Where a reader puts what it finds."""

    flow: Flow
    constants: set[str]
    functions: set[str]  # what is taken from ``sqlalchemy.func``

    def add_scope(self, scope: Scope) -> None: ...

    def add_text(self, text: str, scope: Scope, holes: Sequence[Put] = ()) -> None:
        """One string, with ``HOLE`` where one of ``holes`` is put in."""
        ...

    def keep(self, name: str, scope: Scope) -> None:
        """One whole constant."""
        ...

    def name_column(self, name: str, scope: Scope) -> None:
        """One constant that ``column()`` or its like is given."""
        ...


class Reader(ast.NodeVisitor):
    """Reads one module.

    A function with functions in it (a factory of an application) is read like a module.
    """

    def __init__(self, module: Module, found: Found) -> None:
        self._module = module
        self._found = found
        self._flow = found.flow
        self._names = found.flow.modules[module.name] = Names(module)
        self._scope = Scope(module, ())
        self._only_text: set[ast.expr] = set()  # constants that are not kept

    def read(self, body: Iterable[ast.AST], kin: tuple[str, ...] = ()) -> None:
        """Read statements that are in no function, or in one with functions in it.

        Args:
            body: The statements.
            kin: The class around, and its bases.
        """
        for node in body:
            if isinstance(node, ast.ClassDef):
                self._note_fields(node)
                self.read(node.body, (node.name, *map(terminal, node.bases)))
            elif isinstance(node, _FUNCTIONS):
                self._read_function(node, kin)
            elif _has(node, *_FUNCTIONS, ast.ClassDef):
                self._visit_in(Scope(self._module, ()), *_parts(node, ast.expr))
                self.read(_parts(node, _BLOCKS), kin)
            else:
                scope = Scope(self._module, {*_changed(node), *kin[:1]}, kin)
                self._visit_in(scope, node)

    def _visit_in(self, scope: Scope, *nodes: ast.AST) -> None:
        outer, self._scope = self._scope, scope
        for node in nodes:
            self.visit(node)
        scope.uses.update(
            original
            for name in tuple(scope.uses)
            if (original := self._module.imported.get(name, ("", name))[1]) != name
        )
        self._found.add_scope(scope)
        self._scope = outer

    def _read_function(self, node: _Function, kin: tuple[str, ...]) -> None:
        # A call of a class's name is a call of its ``__init__`` and ``__call__``.
        called = kin[0] if kin and node.name.startswith("__") else node.name
        scope = Scope(self._module, {node.name, called}, kin, is_function=True)
        outer, self._names = self._names, Names(self._module, self._names)
        self._bind_parameters(node.args, called)
        if _has(node, *_FUNCTIONS):
            self._visit_in(scope, node.args)
            self.read(node.body)
        else:
            self._visit_in(scope, node)
        self._names = outer

    # ------------------------------------------------------------------- what names are bound to

    def _bind_parameters(self, given: ast.arguments, called: str) -> None:
        places = [*given.posonlyargs, *given.args]
        skipped = bool(places) and places[0].arg in ("self", "cls")
        for number, each in enumerate([*places, *given.kwonlyargs]):
            argument = called, number - skipped, each.arg
            self._names.bound[each.arg].append(Bound(self._names, argument=argument))
            self._bind_choices(each.arg, each.annotation)
        defaults = [
            *zip(reversed(places), reversed(given.defaults), strict=False),
            *zip(given.kwonlyargs, given.kw_defaults, strict=True),
        ]
        for each, default in defaults:
            if default is not None:
                self._names.bind(each.arg, default)

    def _bind_choices(self, name: str, annotation: ast.expr | None) -> None:
        """What an annotation may choose from: ``Literal["a", "b"]``, an enumeration, or a name."""
        for each in ast.walk(annotation) if annotation is not None else ():
            if isinstance(each, ast.Name) or (
                isinstance(each, ast.Subscript) and terminal(each.value) == "Literal"
            ):
                self._names.bind(name, each)

    def _note_fields(self, node: ast.ClassDef) -> None:
        fields = 0
        for each in node.body:
            targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", 0)]
            name = getattr(targets[0], "id", "")
            value: ast.expr | None = getattr(each, "value", None)
            bound = [Bound(self._names, value)] if name and value is not None else []
            self._flow.members[node.name] += bound
            if name and isinstance(each, ast.AnnAssign):
                bound.append(Bound(self._names, argument=(node.name, fields, name)))
                fields += 1
            self._flow.attributes[name] += bound

    def _bind(self, target: ast.expr, value: ast.expr, *, keys: bool = False) -> None:
        match target, value:
            case ast.Name(), _:
                self._names.bind(target.id, value, keys=keys)
            case ast.Attribute(), _:
                self._flow.attributes[target.attr].append(Bound(self._names, value, keys))
            case ast.Tuple(elts=[key, of_key]), ast.Call(func=ast.Attribute(base, "items")):
                self._bind(key, base, keys=True)
                self._bind(of_key, base)
            case _:
                pass

    def _note_bound(self, node: ast.AST) -> None:
        match node:
            case ast.ClassDef():
                self._note_fields(node)
            case ast.Assign():
                for target in node.targets:
                    self._bind(target, node.value)
            case ast.AnnAssign():
                if node.value is not None:
                    self._bind(node.target, node.value)
                self._bind_choices(terminal(node.target), node.annotation)
            case ast.NamedExpr():
                self._bind(node.target, node.value)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._bind(node.target, node.iter, keys=True)
            case _:
                pass

    # ----------------------------------------------------------------------- what a scope says

    def generic_visit(self, node: ast.AST) -> None:
        match node:
            case ast.Name():
                self._scope.uses.add(node.id)
            case ast.Attribute():
                self._scope.uses.add(node.attr)
                if self._is_of_functions(node.value):
                    self._found.functions.add(node.attr)
            case ast.Compare():
                self._only_text.update((node.left, *node.comparators))
                for operator, each in zip(node.ops, node.comparators, strict=True):
                    is_in = isinstance(operator, ast.In | ast.NotIn)
                    self._names.bind(written(node.left), each, keys=is_in)
            case ast.MatchValue():
                self._only_text.add(node.value)
            case ast.Subscript() if terminal(node.value) != "Literal":
                self._only_text.add(node.slice)
            case ast.Call():
                self._note_call(node)
            case _:
                self._note_bound(node)
        super().generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # no docstring
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._found.add_text(node.value, self._scope)
            if node not in self._only_text:
                self._found.keep(node.value, self._scope)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._template(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Mod):
            for key, each in _of_percent(node.right):
                self._scope.formats[f"%{key}"].append((each, self._names))
        if isinstance(node.op, ast.Add) and any(map(is_text, _terms(node))):
            self._template(node)
        else:
            self.generic_visit(node)

    def _template(self, node: ast.expr) -> None:
        text = ""
        holes: list[Put] = []
        for term in _terms(node):
            for part in term.values if isinstance(term, ast.JoinedStr) else [term]:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    text += part.value
                    if part is term:
                        self._found.constants.add(part.value)
                else:
                    text += HOLE
                    put = part.value if isinstance(part, ast.FormattedValue) else part
                    holes.append((put, self._names))
        for hole, _ in holes:
            self.visit(hole)
        self._found.add_text(text, self._scope, holes)

    def _note_call(self, node: ast.Call) -> None:
        name = terminal(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        self._only_text.update(given)
        self._flow.calls[name].append((node, self._names))
        self._scope.called.add(name)
        if name in _CALLING:
            self._scope.called.update(terminals(given))
        if name == "format":
            named = [(keyword.arg or "", keyword.value) for keyword in node.keywords]
            for key, each in [*enumerate(node.args), *named]:
                self._scope.formats[str(key)].append((each, self._names))
        if name in _NAMING:  # ``column("price")`` names a column in the source
            for each in given:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    self._found.name_column(each.value, self._scope)

    def _is_of_functions(self, node: ast.expr) -> bool:
        """Whether this is ``func``, or a package of functions: ``func.pg_catalog``."""
        if isinstance(node, ast.Name):
            return self._module.imported.get(node.id, ("", node.id))[1] == "func"
        return isinstance(node, ast.Attribute) and (
            node.attr == "func" or self._is_of_functions(node.value)
        )


def _has(node: ast.AST, *kinds: type) -> bool:
    """Whether there is something of one of these kinds in a node."""
    return any(isinstance(each, kinds) for each in ast.walk(node) if each is not node)


def _parts(node: ast.AST, kind: type[ast.AST] | UnionType) -> Iterator[ast.AST]:
    return (each for each in ast.iter_child_nodes(node) if isinstance(each, kind))


def _changed(node: ast.AST) -> Iterator[str]:
    """The names that a statement assigns to, or calls a method of (``conditions.append``)."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Store):
            yield terminal(each)
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
            called = each.value.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                yield called.value.id


def _of_percent(node: ast.expr) -> Iterator[tuple[object, ast.expr]]:
    """What ``%`` is given on its right, by number or by name."""
    match node:
        case ast.Tuple():
            yield from enumerate(node.elts)
        case ast.Dict():
            named = zip(node.keys, node.values, strict=True)
            yield from ((k.value, v) for k, v in named if isinstance(k, ast.Constant))
        case _:
            yield 0, node


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    """What is added together, from left to right; the node itself where nothing is."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node
