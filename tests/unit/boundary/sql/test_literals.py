"""What the source of an application says: its templates, names, and which of them are near."""

import ast
import importlib
import json
import sys
import types

import pytest
import sqlalchemy

import ringfence
from ringfence.boundary.sql import modules
from ringfence.boundary.sql.lexer import HOLE
from ringfence.boundary.sql.literals import Literals
from ringfence.boundary.sql.modules import Module, is_application
from ringfence.boundary.sql.templates import Scope
from tests.unit.boundary.sql.source import literals


def templates(source: str, first: str = "SELECT") -> set[str]:
    return {t.text.replace(HOLE, "…") for t in literals(source).starting(first, 0)}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('a = "SELECT 1"', "SELECT 1"),
        ('a = "SELECT " "1"', "SELECT 1"),
        ('a = f"SELECT {b} FROM {c.d[0]}"', "SELECT … FROM …"),
        ('a = "SELECT " + b + " FROM c"', "SELECT … FROM c"),
        ('a = "SELECT " + f"{b}" + (" FROM " + c)', "SELECT … FROM …"),
        ('a = "SELECT %s, %(b)s, 100%%" % c', "SELECT …, …, 100%"),
        ('a = "SELECT {}, {b.c!r:>5}, {{}}".format(c)', "SELECT …, …, {}"),
        ('def f():\n  return f"SELECT {1 if a else 2}"', "SELECT …"),
        ('class A:\n  b = f"SELECT {c}"', "SELECT …"),
        ('if a:\n  try:\n    def f(): return f"SELECT {b}"\n  except E: pass', "SELECT …"),
        ('def f():\n  def g(): return f"SELECT {b}"', "SELECT …"),
    ],
)
def test_a_template(source: str, text: str) -> None:
    assert text in templates(source)


def test_a_docstring_is_none() -> None:
    assert not templates('def f():\n  "SELECT 1"\n  return 2')


def test_what_is_joined_within_a_hole_is_a_template_of_its_own() -> None:
    source = """a = f"SELECT b WHERE {' AND '.join(c)} {f'LIMIT {d}'}" """
    assert templates(source, "AND") == {" AND "}
    assert templates(source, "LIMIT") == {"LIMIT …"}


KEPT = """
ALLOWED = {"key": "value"}
LISTED = ["listed"]
TUPLE = ("tuple",)
SET = frozenset({"set"})
Sort = Literal["literal"]
Several = Literal["one", "two"]
class Field(StrEnum):
    MEMBER = "member"
def f(a="default", *, b="keyword"):
    c = "branch" if a else "other"
    if c in ("checked", "x"):
        return "returned"
    d("argument")
    match e:
        case "pattern":
            pass
    return e["subscript"] == "compared"
"""


@pytest.mark.parametrize(
    "name",
    [
        *("key", "value", "listed", "tuple", "set", "literal", "one", "two", "member"),
        *("default", "keyword", "branch", "other", "checked", "returned"),
    ],
)
def test_a_constant_of_a_container_is_kept(name: str) -> None:
    known = literals(KEPT)
    (kept,) = known._kept[name]
    assert known.keeps(name, [kept])
    assert known.keeps(name.upper(), [kept])
    assert not known.keeps(name, [Scope(Module("m", "", ast.Module([], []), {}), ["elsewhere"])])


@pytest.mark.parametrize("name", ["argument", "subscript", "compared", "pattern"])
def test_a_constant_that_is_an_argument_is_not(name: str) -> None:
    assert name not in literals(KEPT)._kept


NEAR = """
from x import original as alias
CONSTANT = {}
def user(): return CONSTANT
def caller(): return user(), helper()
def helper(): return 1
def stranger(): return 2
def of_alias(): return alias()
def original(): return 3
class Builder:
    def __init__(self): pass
    def method(self): return self.other()
    def other(self): return 4
def builds(): return Builder()
def factory():
    local = []
    local.append("x")
    unrelated = ["y"]
    def handler(): return local
"""


USES_PRODUCTS = """
def f(): return products(("secret", "name"))
"""


@pytest.mark.parametrize(
    ("one", "other", "are_near"),
    [
        ("user", "user", True),
        ("user", "CONSTANT", True),
        ("caller", "user", True),
        ("user", "helper", True),  # ``caller`` knows both
        ("user", "stranger", False),
        ("CONSTANT", "helper", False),
        ("of_alias", "original", True),
        ("method", "other", True),
        ("builds", "__init__", True),
        ("handler", "local", True),
        ("handler", "unrelated", False),
    ],
)
def test_which_scopes_are_near(one: str, other: str, *, are_near: bool) -> None:
    known = literals(NEAR)
    (first, *_), (second, *_) = (known.scopes_at("module0.py", name) for name in (one, other))
    assert known.near(first, second) is are_near
    assert known.near(second, first) is are_near


UNRELATED = """
class Orders:
    def sql(self): return "SELECT a FROM orders"
    def shown(self): return self.sql()
class Users:
    def sql(self): return "SELECT b FROM users"
    def get(self, q): return q.get("x")
class OfOrders(Orders):
    def more(self): return self.sql()
def reads(orders: Orders): return orders.sql()
def asks(request): return request.get("x")
def routes(app): app.add(asks); app.add("/x", reads); return [asks, reads, helper]
ROUTES = {"x": asks, "y": reads, "z": helper}
repository = Users()
def by_instance(): return repository.sql()
def helper(): return 1
def injected(h=Depends(helper)): return asks()
"""


@pytest.mark.parametrize(
    ("one", "other", "are_near"),
    [
        ("shown", "sql", True),
        ("more", "sql", True),
        ("reads", "sql", True),
        ("by_instance", "sql", False),  # the first ``sql`` is of another class
        ("asks", "get", False),
        ("asks", "reads", False),
        ("asks", "helper", True),  # ``injected`` uses both
        ("reads", "helper", False),
    ],
)
def test_a_list_of_handlers_and_a_common_name_make_nothing_near(
    one: str, other: str, *, are_near: bool
) -> None:
    known = literals(UNRELATED)
    (first, *_), (second, *_) = (known.scopes_at("module0.py", name) for name in (one, other))
    assert known.near(first, second) is are_near


def test_a_method_is_near_where_its_class_is_known() -> None:
    known = literals(UNRELATED)
    _, of_users = known.scopes_at("module0.py", "sql")
    for name, are_near in (("by_instance", True), ("reads", False), ("shown", False)):
        (scope,) = known.scopes_at("module0.py", name)
        assert known.near(scope, of_users) is are_near, name


@pytest.mark.parametrize(
    ("imports", "are_near"),
    [
        ("import module0", True),
        ("from module0 import products", True),
        ("from package import products", True),  # which the package passes on
        ("", False),
        ("import module0_of_others", False),
    ],
)
def test_scopes_of_two_modules_are_near_where_one_imports_the_other(
    imports: str, *, are_near: bool
) -> None:
    """A function anywhere that uses a handler's name says nothing about the handler."""
    known = literals("def products(sort): return sort", imports + USES_PRODUCTS)
    known.add(ast.parse("from module0 import products"), "package/__init__.py", "package")
    (one,), (other,) = known.scopes_at("module0.py", "products"), known.scopes_at("module1.py", "f")
    assert known.near(one, other) is are_near
    assert known.near(other, one) is are_near
    assert known.keeps("secret", [one]) is are_near


@pytest.mark.parametrize("module", [json, sys, pytest, sqlalchemy, ringfence])
def test_no_module_of_the_application(module: types.ModuleType) -> None:
    assert not is_application(module)


def test_a_module_of_the_application() -> None:
    assert is_application(sys.modules[__name__])


STATEMENT = "SELECT 'a literal of this module'"


def test_a_string_that_a_module_holds_is_taken_once_however_many_applications_start() -> None:
    known = Literals()
    known.snapshot()
    once = len(known.starting(STATEMENT, 0))
    known.snapshot()
    assert once > 0
    assert len(known.starting(STATEMENT, 0)) == once


def test_what_is_loaded_later_is_read_when_it_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {__name__, "late_module"}  # the other tests are read for a long time
    monkeypatch.setattr(modules, "is_application", lambda module: module.__name__ in own)
    known = Literals()
    assert known.load()
    assert STATEMENT in known.constants
    assert not known.load()
    folder = tmp_path_factory.mktemp("late")
    (folder / "late_module.py").write_text("LATE = 'SELECT 1 FROM late'")
    (folder / "late_without_sense.py").write_text("")
    monkeypatch.syspath_prepend(folder)
    importlib.import_module("late_module")

    assert known.load()
    assert "SELECT 1 FROM late" in known.constants
    monkeypatch.delitem(sys.modules, "late_module")
