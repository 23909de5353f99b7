"""What the source itself puts into a hole may stand there, and nothing else that it says."""

import sys
from types import ModuleType

import pytest
import sqlalchemy as sa

from tests.unit.boundary.sql.source import Judge

HEAD = "from ringfence import identifier\n"
FLOWS = {
    "a constant": "x = 'z'\n    return f'SELECT {x} FROM t'",
    "a choice": "x = 'z' if q else 'y'\n    return f'SELECT {x} FROM t'",
    "a default": "x = q or 'z'\n    return f'SELECT {x} FROM t'",
    "a value of a dictionary": "A = {'a': 'z'}\n    return f'SELECT {A[q]} FROM t'",
    "a value that is got": "A = {'a': 'z'}\n    return f'SELECT {A.get(q, q)} FROM t'",
    "a checked name": "if q not in ('z', 'y'): raise E\n    return f'SELECT {q} FROM t'",
    "an equal name": "if q != 'z': raise E\n    return f'SELECT {q} FROM t'",
    "a loop": "return ', '.join([f'SELECT {x} FROM t' for x in ('z', 'y')])",
    "a loop over keys": "return [f'SELECT {k} FROM t' for k, v in {'z': 1}.items()]",
    "a list that is joined": "x = ['z', 'y']\n    return f'SELECT {\", \".join(x)} FROM t'",
    "a set that is sorted": "x = {'z', 'y'}\n    return f'SELECT {\", \".join(sorted(x))} FROM t'",
    "a sum": "x = 'z'\n    return 'SELECT ' + x + ' FROM t'",
    "a format": "return 'SELECT {x} FROM t'.format(x='z')",
    "a percent": "return 'SELECT %s FROM t' % 'z'",
    "several percents": "return 'SELECT %s FROM %s' % ('z', 't')",
    "a named percent": "return 'SELECT %(x)s FROM t' % {'x': 'z'}",
    "one of two formats": (
        "x, y = 'SELECT {} FROM t'.format('z'), 'SELECT {} FROM u'.format('y')\n    return x, y"
    ),
    "a checked element": (
        "if q['x'] not in ('z', 'y'): raise E\n    return f'SELECT {q[\"x\"]} FROM t'"
    ),
    "a checked attribute": "if q.x not in ('z', 'y'): raise E\n    return f'SELECT {q.x} FROM t'",
    "an argument": "return g('z')\ndef g(x):\n    return f'SELECT {x} FROM t'",
    "a named argument": "return g(x='z')\ndef g(*, x=1):\n    return f'SELECT {x} FROM t'",
    "a default argument": "return g()\ndef g(x='z'):\n    return f'SELECT {x} FROM t'",
    "an attribute": (
        "return C()\nclass C:\n    x = 'z'\n    def g(self): return f'SELECT {self.x} FROM t'"
    ),
    "a field": (
        "return C('z')\nclass C:\n    x: str\n    def g(self): return f'SELECT {self.x} FROM t'"
    ),
    "an attribute that is set": (
        "return C('z')\nclass C:\n    def __init__(self, a): self.x = a\n"
        "    def g(self): return f'SELECT {self.x} FROM t'"
    ),
    "an enumeration": "return f'SELECT {E(q).value} FROM t'\nclass E:\n    A = 'z'",
    "an annotation": "return 1\ndef g(x: Literal['z', 'y']): return f'SELECT {x} FROM t'",
}
NAMED = {
    "identifier": "x = identifier(q, among=A)\n    return f'SELECT {x} FROM t'",
    "identifier in the hole": "return f'SELECT {identifier(q, among=A)} FROM t'",
    "several": (
        "x = [identifier(e, among=A) for e in q]\n    return f'SELECT {\",\".join(x)} FROM t'"
    ),
    "of a caller": ("return g(identifier(q, among=A))\ndef g(x):\n    return f'SELECT {x} FROM t'"),
    "quoted": "x = identifier(q, among=A)\n    return f'SELECT \"{x}\" FROM t'",
}


@pytest.mark.parametrize("code", FLOWS.values(), ids=FLOWS)
def test_a_constant_that_flows_into_a_hole(code: str) -> None:
    judge = Judge(f"def f(q):\n    {code}\nHIDDEN = ['secret']\ndef h(q): return f(q), HIDDEN")
    assert not judge("SELECT z FROM t", "z")
    for other in ("secret", "z, secret", "z z", "z FROM u --", "(z)", "q", "x", "zz"):
        assert judge(f"SELECT {other} FROM t"), other


@pytest.mark.parametrize("code", NAMED.values(), ids=NAMED)
def test_what_identifier_gives_may_stand_wherever_the_source_puts_it(code: str) -> None:
    """``identifier(name, among=…)`` is the application's own list, for this very place."""
    judge = Judge(f"{HEAD}def f(q):\n    {code}\n")
    written = 'SELECT "z" FROM t' if '"{x}"' in code else "SELECT z FROM t"
    assert judge(written)
    assert not judge(written, named=frozenset({"z"}))
    assert judge(written), "it was remembered for other requests"
    for other in ("secret", "z, secret", "z FROM u --"):
        assert judge(written.replace("z", other), named=frozenset({"z"}))


CARELESS = """
from ringfence import identifier
def f(q, v):
    sort = identifier(q, among=A)
    return f"UPDATE t SET {sort} = :v WHERE owner = {v} AND {sort} > :w"
"""


def test_what_identifier_gives_may_not_stand_in_another_hole() -> None:
    """``WHERE owner = owner`` is every row: what is named for one hole is named for that one."""
    judge = Judge(CARELESS)
    named = frozenset({"owner"})
    assert not judge("UPDATE t SET owner = :v WHERE owner = 5 AND owner > :w", named=named)
    assert judge("UPDATE t SET owner = :v WHERE owner = owner AND owner > :w", named=named)


@pytest.mark.parametrize(
    "annotation", ["'secret'", "Annotated[str, 'secret']", "Annotated[str, Query('secret')]"]
)
def test_a_text_in_an_annotation_flows_nowhere(annotation: str) -> None:
    assert Judge(f"def f(x: {annotation}): return f'SELECT {{x}} FROM t'")("SELECT secret FROM t")


@pytest.mark.parametrize("taken", ["q['field']", "q.get('field')", "q.get('field', 'y')"])
def test_of_a_dictionary_one_key_alone_flows(taken: str) -> None:
    code = f"def f(q):\n    x = {taken}\n    return f'SELECT {{x}} FROM t'\n"
    judge = Judge(code + "def g(): return f({'field': 'z', 'note': 'secret'})")
    assert not judge("SELECT z FROM t")
    assert judge("SELECT secret FROM t")


def test_names_of_unrelated_modules_do_not_flow() -> None:
    one = "def f(obj): return f'SELECT {obj.field} FROM t'"
    assert Judge(one, "class A:\n    field = 'secret'")("SELECT secret FROM t")
    assert not Judge(one + "\nclass A:\n    field = 'z'")("SELECT z FROM t")


def test_a_circle_ends() -> None:
    code = "def f(q):\n    x = y\n    y = x or f(x)\n    return f'SELECT {x} FROM t'"
    assert Judge(code)("SELECT z FROM t")


TABLES = """
def all(): return f"SELECT {', '.join(products.c.keys())} FROM products"
def some(q):
    fields = [each for each in q if each in products.columns.keys()]
    return f"SELECT {', '.join(fields)} FROM products LIMIT 1"
def other(orders, q):
    if q not in orders.c.keys(): raise E
    return f"SELECT {q} FROM orders"
"""


@pytest.fixture
def module_of_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("module0")
    for name, columns in (("products", ("id", "z")), ("orders", ("id", "secret"))):
        table = sa.Table(name, sa.MetaData(), *(sa.Column(each, sa.Integer) for each in columns))
        setattr(module, name, table)
    monkeypatch.setitem(sys.modules, "module0", module)


@pytest.mark.usefixtures("module_of_tables")
def test_the_columns_of_a_table_of_the_module_flow() -> None:
    """An allow-list from the application's own metadata is in no source."""
    judge = Judge(TABLES)
    assert not judge("SELECT id, z FROM products")
    assert not judge("SELECT z FROM products LIMIT 1")
    for wrong in ("secret", "id, secret", "id z", "q", "id FROM orders --"):
        assert judge(f"SELECT {wrong} FROM products"), wrong
    assert judge("SELECT secret FROM orders"), "an argument is no table of the module"
