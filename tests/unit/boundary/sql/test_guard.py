"""What the SQL guard costs, and what it remembers. Work is counted, not timed (CWE-407)."""

import json
from collections import deque
from contextlib import suppress

import pytest

from ringfence.boundary.request import inputs
from ringfence.boundary.request.body import Fields
from ringfence.boundary.request.strict_json import Json
from ringfence.boundary.sql.guard import MOST_SEARCHED, Sent
from ringfence.boundary.sql.lexer import Dialect, tokens
from ringfence.boundary.sql.literals import Literals
from ringfence.boundary.sql.places import MOST_STEPS, Places, TooMuchError
from ringfence.boundary.sql.rule import MOST_TOKENS, Deriver
from tests.growth import BEYOND_LINEAR, growth
from tests.unit.boundary.exchanges import exchange
from tests.unit.boundary.sql.source import Judge, literals

SOURCE = """
def number(x): return f"SELECT a FROM t WHERE b = {x} AND c = 1"
def inside(x): return f"SELECT a FROM t WHERE b IN ({x}) AND c = 1"
def order(x): return f"SELECT a FROM t ORDER BY {x}"
def quoted(x): return f"SELECT a FROM t WHERE b = '{x}' AND c = 1"
def build(parts):
    sql = "SELECT a FROM t WHERE " + " AND ".join(f"d = {x}" for x in parts)
    return sql + " LIMIT 5"
"""
LONG = {
    "numbers": "SELECT a FROM t WHERE b IN (" + ",".join("1" * MOST_TOKENS) + ") AND c = 1",
    "names": "SELECT a FROM t ORDER BY " + ",".join("a" * (MOST_TOKENS // 3)),
    "names that are not selected": "SELECT a FROM t ORDER BY " + ",".join("b" * 900),
    "parentheses": "SELECT a FROM t WHERE b = " + "(" * (MOST_TOKENS // 2),
    "signs": "SELECT a FROM t WHERE b = " + "- " * (MOST_TOKENS // 2),
    "conditions": "SELECT a FROM t WHERE " + " AND ".join(["d = 5"] * 900),
    "conditions and something else": "SELECT a FROM t WHERE " + " AND ".join(["d = 5"] * 900) + "x",
    "dots": "SELECT a FROM t ORDER BY " + "a." * (MOST_TOKENS // 3) + "a",
    "rows": "SELECT a FROM t WHERE b = " + "(?,?)," * 600,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("dialect", Dialect)
def test_the_work_for_one_statement_is_bounded(text: str, dialect: Dialect) -> None:
    """CWE-407: 770 KB of a form once kept the loop for 13 seconds."""
    found = tokens(text, dialect, MOST_TOKENS)
    if found is None:
        return
    deriver = Deriver(text, found, dialect, literals(SOURCE), lambda *_: False)
    try:
        deriver.derive()
    except TooMuchError:
        assert deriver.steps > MOST_STEPS
    assert deriver.steps <= MOST_STEPS + len(found)


def test_the_bound_is_where_it_says() -> None:
    places = Places([])
    places.spend(MOST_STEPS)
    with pytest.raises(TooMuchError):
        places.spend(1)


def test_a_statement_of_too_many_tokens_is_refused() -> None:
    judge = Judge(SOURCE)
    text = LONG["numbers"]
    assert not judge(text[:28] + ",".join("1" * 100) + ") AND c = 1")
    assert judge(text)


def test_a_long_text_in_quotes_is_one_token() -> None:
    judge = Judge(SOURCE)
    assert not judge("SELECT a FROM t WHERE b = '" + "x''" * 250_000 + "' AND c = 1")


def test_too_many_gaps_for_so_large_a_request_are_refused() -> None:
    judge = Judge(SOURCE)
    text = "SELECT a FROM t WHERE " + " AND ".join(f"d = {n}" for n in range(40)) + " LIMIT 5"
    assert not judge(text, "x" * 1_000)
    assert judge(text, "x" * 1_000_000) == "spanned"


def test_what_is_searched_for_one_request_is_bounded() -> None:
    """CWE-407: many statements and a large body. Each statement alone is within the bound."""
    sent = Sent(lambda: "x" * (MOST_SEARCHED // 4))
    assert [sent.holds(["a", "a"]) for _ in range(5)] == [False] * 4 + [True]
    assert Sent(lambda: "xa").holds(["a"])


def test_a_stretch_is_found_in_json_within_a_value() -> None:
    sent = Sent(lambda: '{"a": "x\\" or"}')
    assert sent.holds(['x" or'])
    assert not sent.holds(['y" or'])


def test_the_pieces_of_a_template_are_looked_for_in_counted_steps() -> None:
    """A statement that is long because of one string, and templates that begin alike."""
    alike = "\n".join(
        f"def f{n}(x): return f\"SELECT a FROM t WHERE b = '{{x}}' AND c{n} = 1\""
        for n in range(99)
    )
    text = "SELECT a FROM t WHERE b = '" + "x" * 1_000_000 + "' AND c7 = 1"
    found = tokens(text, Dialect.SQLITE, MOST_TOKENS)
    assert found is not None
    deriver = Deriver(text, found, Dialect.SQLITE, literals(alike), lambda *_: False)
    with suppress(TooMuchError):
        deriver.derive()
    assert deriver.steps <= MOST_STEPS + 1 + len(text) // 500, "one look more than there may be"


@pytest.mark.parametrize(
    "value", [{"a": 1}, {"a": "it's"}, "\n", "/"], ids=["objects", "quotes", "escapes", "slashes"]
)
def test_the_text_of_a_body_of_many_small_values_takes_linear_time(value: Json) -> None:
    """CWE-407: 80,000 small objects of JSON once took 50 ms for each look."""

    def look(size: int) -> str:
        made = exchange()
        made.state[inputs.BODY] = [value]
        made.state[inputs.JSON] = json.dumps([value] * size).encode()
        return inputs.text(made)

    assert growth(look, 5_000) < BEYOND_LINEAR


def test_the_text_of_many_fields_takes_linear_time() -> None:
    """CWE-407: a form, a query, headers and a message."""

    def look(size: int) -> str:
        made = exchange(query=b"a=%27&" * size, headers=[(b"x-a", b"'")] * size)
        made.state[inputs.BODY] = Fields(pairs=[("a", "'")] * size)
        made.state[inputs.MESSAGES] = deque(["'"] * size)
        return inputs.text(made)

    assert growth(look, 2_000) < BEYOND_LINEAR


@pytest.mark.parametrize("sent", ["a", "x' and d ", "x' and d = 'y' limix "])
def test_a_search_takes_linear_time(sent: str) -> None:
    def search(size: int) -> bool:
        return Sent(lambda: sent * size).holds(["x' and d = 'y' limit ", "aaaaab", "'x' and"])

    assert growth(search, 3_000) < BEYOND_LINEAR


def test_a_shape_is_known_by_its_strings_and_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge("def f(x): return f\"SELECT a FROM t WHERE b = '{x}' AND c = 1\"")
    assert not judge("SELECT a FROM t WHERE b = 'x' AND c = 1")
    # From here on, nothing can be derived.
    monkeypatch.setattr(Literals, "starting", lambda *_: [])
    for value in ("y", "it''s", "", "%"):
        assert not judge(f"SELECT a FROM t WHERE b = '{value}' AND c = 1")
    for value in ("'", "it's", "x' OR '1'='1", "\0", "x'--", "''' OR 1=1 --"):
        assert judge(f"SELECT a FROM t WHERE b = '{value}' AND c = 1")


def test_a_shape_knows_what_stands_between_a_value_and_its_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``LIKE '%…%'`` is the commonest statement that a search has: it was derived each time."""
    judge = Judge("def f(x): return f\"SELECT a FROM t WHERE b LIKE '%{x}%' AND c = 1\"")
    assert not judge("SELECT a FROM t WHERE b LIKE '%x%' AND c = 1")
    monkeypatch.setattr(Literals, "starting", lambda *_: [])
    for value in ("%y%", "%it''s%", "%%", "%100%%"):
        assert not judge(f"SELECT a FROM t WHERE b LIKE '{value}' AND c = 1")
    for value in ("%y", "y%", "%'%", "%it's%", "%x' OR '1'='1%", "%x%' OR b LIKE '%"):
        assert judge(f"SELECT a FROM t WHERE b LIKE '{value}' AND c = 1")


def test_the_shape_of_a_number_lets_no_comment_begin() -> None:
    judge = Judge("def f(x): return f'SELECT a FROM t WHERE b = {x} AND c = -{x} AND d = 1'")
    assert not judge("SELECT a FROM t WHERE b = 5 AND c = -6 AND d = 1")
    assert not judge("SELECT a FROM t WHERE b = -5 AND c = -7 AND d = 1")
    for wrong in (
        "b = 5 AND c = --6",
        "b = 5-- AND c = -6",
        "b = a AND c = -6",
        "b = 5a AND c = -6",
    ):
        assert judge(f"SELECT a FROM t WHERE {wrong} AND d = 1")


def test_a_list_of_numbers_has_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge("def f(x): return f'SELECT a FROM t WHERE b IN ({x}) AND c = 1'")
    statement = "SELECT a FROM t WHERE b IN ({}) AND c = 1"
    assert not judge(statement.format("1, 2"))
    monkeypatch.setattr(Literals, "starting", lambda *_: [])
    for listed in ("3", "4, -5,6.5", ", ".join(map(str, range(500)))):
        assert not judge(statement.format(listed))
    for listed in ("", "1,", ",1", "1, a", "1 2", "1) OR (1", "1--", "1,\n2", "1,(2)"):
        assert judge(statement.format(listed))


ONE_HANDLER = """
def one(k, q): return f"SELECT a FROM t WHERE k = '{k}' AND n = '{q}'"
"""
ANOTHER = """
def two(k, n): return f"SELECT a FROM t WHERE k = '{k}' UNION SELECT b FROM u WHERE b >= '{n}'"
"""


def test_a_shape_of_one_handler_says_nothing_about_another() -> None:
    """An honest statement of the second handler looks like an injection into the first."""
    honest = "SELECT a FROM t WHERE k = '1' UNION SELECT b FROM u WHERE b >= 'z'"
    value = "1' UNION SELECT b FROM u WHERE b >= ''"
    attack = f"SELECT a FROM t WHERE k = '{value}' AND n = " + "'" * 3  # the other one is a quote
    judge = Judge(ONE_HANDLER, ANOTHER)
    assert not judge(honest, "1", "z")
    assert judge(attack, value, "'") == "spanned"


def test_no_shape_is_tried_on_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """CWE-407: 64 shapes on 960 KB took four seconds."""
    judge = Judge("def f(x): return f\"SELECT a FROM t WHERE b = '{x}' AND c = 1\"")
    assert not judge("SELECT a FROM t WHERE b = 'x' AND c = 1")
    monkeypatch.setattr(Literals, "starting", lambda *_: [])
    assert judge("SELECT a FROM t WHERE b = '" + "y" * 5_000 + "' AND c = 1") == "underived"


def test_many_rows_of_placeholders_are_an_insert() -> None:
    judge = Judge(
        "def f(rows):\n"
        "    marks = ', '.join('(?, ?, ?)' for _ in rows)\n"
        "    return f'INSERT INTO t (a, b, c) VALUES {marks}'\n"
    )
    for count in (1, 48, 52, 300):
        assert not judge("INSERT INTO t (a, b, c) VALUES " + ", ".join(["(?, ?, ?)"] * count))


@pytest.mark.parametrize(
    ("dialect", "mark"),
    [(Dialect.SQLITE, "?"), (Dialect.SQLITE, ":n{}"), (Dialect.POSTGRESQL, "${}")],
)
def test_a_list_of_thousands_of_placeholders(dialect: Dialect, mark: str) -> None:
    marks = [mark.format(number) for number in range(1, 3_000)]
    rows = [f"({one}, {one})" for one in marks]
    judge = Judge(
        "def f(x): return f'SELECT a FROM t WHERE b IN ({x}) AND c = 1'\n"
        "def g(x): return f'INSERT INTO t (a, b) VALUES {x}'\n",
        dialect=dialect,
    )
    for statement, many in (
        ("SELECT a FROM t WHERE b IN ({}) AND c = 1", marks),
        ("INSERT INTO t (a, b) VALUES {}", rows),
    ):
        assert not judge(statement.format(", ".join(many)))
        for wrong in ("a", "1; x", "(SELECT 1)", "? a", "", "(?, a)"):
            for place in (1, 70, len(many)):
                hidden = [*many[:place], wrong, *many[place:]]
                assert judge(statement.format(", ".join(hidden))), (wrong, place)
