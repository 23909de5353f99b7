"""What can be deleted, found by syntax tree, wherever it stands.

- a refusal: ``raise Refused(…)``, ``raise refusal(…)``, any ``raise`` that makes an error;
- a guard: the condition of an ``if`` that leaves with nothing, made false; a reason to refuse that
  is one of several; one of the conditions that an answer holds together;
- a case: one of the values that an ``if`` looks for;
- a step: a call that stands alone, as a check, a freeze or a header that is added does;
- an element: one member of a table at the top of a module, unless it lists what is allowed;
- an attribute of a cookie;
- a limit, lifted; a floor, sunk to nothing;
- a setting's way: an argument that carries a setting to where it acts.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from mutate.source import Mutant, Source

#: Folders and modules whose code refuses, watches, or wires what does.
SCOPE: Final = (
    "authn/", "authz/", "boundary/", "core/", "fastapi.py", "monitoring/", "network/", "output/",
    "service/", "stack/", "storage/application/",
)  # fmt: skip

#: Where the members of tables are controls: headers, policies, kinds of content, addresses.
TABLES: Final = (
    "authn/limits.py", "boundary/files/", "boundary/processes/", "boundary/request/",
    "boundary/urls/", "network/", "output/",
)  # fmt: skip

#: Tables of what is allowed, or is no input: a member less refuses more.
ALLOWS: Final = {
    "DECLARABLE", "_COMMON", "_KINDS", "_MISSING", "_PLAIN_ENCODINGS", "_PROTOCOL", "_REDIRECTS",
    "_SAFE", "_STARTS",
}  # fmt: skip

#: Errors that tell a programmer, not an attacker.
_NO_REFUSAL: Final = {"AssertionError", "AttributeError", "NotImplementedError"}

#: Calls that build a value, answer, or put away what is done with: their results are values, and
#: not controls. What is put among ``_COLLECTED`` is one all the same.
_NO_STEP: Final = {
    "add", "add_argument", "append", "appendleft", "close", "debug", "discard", "done", "extend",
    "insert", "next", "pop", "popitem", "popleft", "print", "put_nowait", "remove", "reset",
    "reverse", "rollback", "send", "set", "set_exception", "set_result", "setdefault", "sleep",
    "sort", "task_done", "unlink", "update", "warn", "write",
}  # fmt: skip
_COLLECTED: Final = re.compile(r"problem|refus|trace|denied|headers", re.IGNORECASE)

_COOKIE: Final = re.compile(r"; ?(?:HttpOnly|Secure|SameSite=\w+|Path=/)(?![\w=])")
_MOST_ELEMENTS: Final = 40
_MOST_SAID: Final = 70  # characters of code in a name
_LIMIT: Final = re.compile(
    r"MOST|LONGEST|LIMIT|LIFETIME|DIFFER|DEPTH|VALUES|^_LENGTH|MANY|PATIENCE|SHORTEST|LEAST"
    r"|REMEMBERED$|DIGITS|KEPT_AFTER|PUBLISHED_BEFORE|MARGIN|PAUSE"
)
_FLOOR: Final = re.compile(r"SHORTEST|LEAST|FEWEST|MINIMUM|FLOOR|^_?MIN_", re.IGNORECASE)


def mutants(source: Source) -> list[Mutant]:
    """Every mutant of the module, with a name of its own each."""
    if not source.module.startswith(SCOPE):
        return []
    found = [*_statements(source), *_constants(source), *_cookies(source)]
    return _told_apart(sorted(found, key=lambda mutant: (mutant.begin, mutant.end)))


def _told_apart(found: Iterable[Mutant]) -> list[Mutant]:
    """The second of one name gets a number; two with one change are one."""
    seen: Counter[str] = Counter()
    changes: set[tuple[int, int, bytes]] = set()
    kept: list[Mutant] = []
    for mutant in found:
        change = (mutant.begin, mutant.end, mutant.text)
        if change in changes:
            continue
        changes.add(change)
        seen[mutant.name] += 1
        number = seen[mutant.name]
        kept.append(mutant if number == 1 else replace(mutant, what=f"{mutant.what} ({number})"))
    return kept


# ----------------------------------------------------------------------------------- statements


def _statements(source: Source) -> Iterator[Mutant]:
    for where, statement in source.scopes():
        match statement:
            case ast.Raise(exc=ast.Call() as made):
                if _called(made) not in _NO_REFUSAL:
                    what = f"no {_short(source.said(statement))}"
                    yield source.replaced(where, what, statement, "pass", within=statement)
            case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())) if where:
                if _is_step(source, statement.value):
                    what = f"no {_short(source.said(statement))}"
                    yield source.replaced(where, what, statement, "pass", within=statement)
            case ast.If() if where:
                yield from _guard(source, where, statement)
                yield from _cases(source, where, statement)
            case ast.Return(value=ast.BoolOp() as value):
                yield from _parts(source, where, value, ast.And)
            case _:
                pass
        yield from _settings(source, where, statement)


def _is_step(source: Source, call: ast.expr) -> bool:
    name = _called(call)
    if name.startswith("__"):
        return False
    return (
        name not in _NO_STEP or _COLLECTED.search(source.said(call).partition("(")[0]) is not None
    )


def _guard(source: Source, where: str, statement: ast.If) -> Iterator[Mutant]:
    """An ``if`` that only leaves: by an error, by a plain answer, to the next turn of a loop."""
    if statement.orelse or len(statement.body) != 1:
        return
    leaves = statement.body[0]
    if isinstance(leaves, ast.Return) and _plain(leaves.value):
        condition = _short(source.said(statement.test))
        what = f"not left with {_short(source.said(leaves))} if {condition}"
        yield source.replaced(where, what, statement.test, "False", within=statement.test)
    refuses = isinstance(leaves, ast.Raise) or (
        isinstance(leaves, ast.Return) and _plain(leaves.value)
    )
    if refuses and isinstance(statement.test, ast.BoolOp):
        yield from _parts(source, where, statement.test, ast.Or)


def _cases(source: Source, where: str, statement: ast.If) -> Iterator[Mutant]:
    """``x in ("a", "b")`` without each of them."""
    for node in ast.walk(statement.test):
        match node:
            case ast.Compare(ops=[ast.In()], comparators=[ast.Tuple() | ast.Set() as values]):
                for value in values.elts:
                    left = ", ".join(source.said(v) for v in values.elts if v is not value)
                    what = f"{_short(source.said(value))} is no case in {_short(source.said(node))}"
                    yield source.replaced(where, what, values, f"({left},)", within=node)
            case _:
                pass


def _parts(
    source: Source, where: str, condition: ast.BoolOp, kind: type[ast.boolop]
) -> Iterator[Mutant]:
    """Each part that makes the condition stricter, left out.

    A reason less to refuse, a condition less for a yes. The other way round it would refuse more.
    """
    if not isinstance(condition.op, kind):
        return
    neutral = "True" if isinstance(condition.op, ast.And) else "False"
    for part in condition.values:
        what = f"{_short(source.said(part))} is not asked in {_short(source.said(condition))}"
        yield source.replaced(where, what, part, neutral, within=condition)


def _plain(value: ast.expr | None) -> bool:
    """An answer that may refuse: no, or nothing, and said so. A bare ``return`` goes on."""
    return isinstance(value, ast.Constant) and value.value in {None, False}


def _settings(source: Source, where: str, statement: ast.stmt) -> Iterator[Mutant]:
    """A keyword that carries a setting, left away: the default takes its place."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for call in _own_expressions(statement, ast.Call):
        for keyword in call.keywords:
            carried = source.said(keyword.value)
            if keyword.arg is None or not re.search(r"\bsettings\.\w", carried):
                continue
            what = f"{_called(call)} without {keyword.arg}={_short(carried)}"
            begin, end = source.span(keyword.value)
            begin -= len(keyword.arg) + 1
            end += _comma(source.text[end:])
            first, last = call.lineno, call.end_lineno or call.lineno
            yield Mutant(source.module, where, what, first, last, begin, end, b"")


def _own_expressions(statement: ast.stmt, kind: type[ast.Call]) -> Iterator[ast.Call]:
    """Calls in the expressions of a statement, without those of statements inside of it."""
    for field in ast.iter_child_nodes(statement):
        if isinstance(field, ast.expr | ast.keyword | ast.withitem):
            for node in ast.walk(field):
                if isinstance(node, kind):
                    yield node


# ------------------------------------------------------------------------------------ constants


def _constants(source: Source) -> Iterator[Mutant]:
    for where, statement in source.scopes():
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        in_limits = where.rpartition(".")[2].endswith(("Limits", "Limit", "Budgets"))
        if where and not in_limits:
            continue
        lifted = _lifted(source, name, value)
        if lifted is not None and (in_limits or _LIMIT.search(name)):
            what = f"{name} = {lifted} for {_short(source.said(value))}"
            yield source.replaced(where, what, value, lifted, within=statement)
        elif source.module.startswith(TABLES) and not where and name not in ALLOWS:
            yield from _elements(source, name, value, statement)


def _lifted(source: Source, name: str, value: ast.expr) -> str | None:
    """The limit lifted, or None where the constant is none."""
    said = source.said(value)
    if isinstance(value, ast.Call) and _called(value) == "timedelta":
        return "timedelta(0)" if _FLOOR.search(name) else "timedelta(days=36_500)"
    if re.fullmatch(r"[\d_.]+(?: ?(?:\*\*|[*+<]+|-) ?[\d_.]+)*", said) is None:
        return None
    return "0" if _FLOOR.search(name) else f"1_000_000 * ({said})"


def _elements(source: Source, name: str, value: ast.expr, statement: ast.stmt) -> Iterator[Mutant]:
    """The table of ``value`` without one of its elements."""
    for table in _tables(value):
        elements = table.keys if isinstance(table, ast.Dict) else table.elts
        if len(elements) > _MOST_ELEMENTS:
            continue
        for at, element in enumerate(elements):
            if element is None or isinstance(element, ast.Starred):
                continue
            what = f"{name} without {_short(source.said(element))}"
            rest = _whole(source, table, at)
            if rest is not None:
                yield source.replaced("", what, table, rest, within=statement)
                continue
            last = table.values[at] if isinstance(table, ast.Dict) else element
            begin, end = source.span(element)[0], source.span(last)[1]
            end += _comma(source.text[end:])
            yield Mutant(
                source.module,
                "",
                what,
                statement.lineno,
                statement.end_lineno or statement.lineno,
                begin,
                end,
                b"",
            )


def _whole(source: Source, table: ast.Tuple | ast.List | ast.Set | ast.Dict, at: int) -> str | None:
    """What is left, where a comma less would make it another kind of value."""
    if isinstance(table, ast.Set) and len(table.elts) == 1:
        return "set()"
    if isinstance(table, ast.Tuple) and len(table.elts) == 2:  # noqa: PLR2004  # one is left
        return f"({source.said(table.elts[1 - at])},)"
    return None


def _tables(value: ast.expr) -> Iterator[ast.Tuple | ast.List | ast.Set | ast.Dict]:
    """The literals that make up a table, also those in ``frozenset({…})`` and ``{…} | {…}``."""
    match value:
        case ast.Dict() | ast.Set():
            yield value
        case ast.Tuple() | ast.List() if len(value.elts) > 1:
            yield value
        case ast.Call(args=[inner]) if _called(value) in {"frozenset", "MappingProxyType"}:
            yield from _tables(inner)
        case ast.BinOp(left=left, right=right):
            yield from _tables(left)
            yield from _tables(right)
        case _:
            pass


def _comma(rest: bytes) -> int:
    """How far the comma after an element reaches, its own white space before it included."""
    found = re.match(rb"\s*,", rest)
    return len(found[0]) if found else 0


# -------------------------------------------------------------------------------------- cookies


def _cookies(source: Source) -> Iterator[Mutant]:
    """A cookie's attributes, wherever a string holds them."""
    for where, statement in source.scopes():
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field in ast.iter_child_nodes(statement):
            if not isinstance(field, ast.expr):
                continue
            for node in ast.walk(field):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from _attributes(source, where, node, statement)


def _attributes(
    source: Source, where: str, node: ast.Constant, statement: ast.stmt
) -> Iterator[Mutant]:
    begin, end = source.span(node)
    written = source.text[begin:end].decode()
    for found in _COOKIE.finditer(written):
        what = f"a cookie without {found[0].strip('; ')}"
        text = written[: found.start()] + written[found.end() :]
        yield source.replaced(where, what, node, text, within=statement)


# ---------------------------------------------------------------------------------- small parts


def _called(node: ast.expr) -> str:
    """The last name of what is called."""
    if isinstance(node, ast.Await):
        node = node.value
    function = node.func if isinstance(node, ast.Call) else node
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _short(said: str) -> str:
    return said if len(said) <= _MOST_SAID else f"{said[: _MOST_SAID - 1]}…"
