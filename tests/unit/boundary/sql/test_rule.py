"""The rule: what may stand between the literals of an application, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.sql.lexer import Dialect
from tests.unit.boundary.sql.source import Judge


def judged(expression: str, text: str, *, dialect: Dialect = Dialect.SQLITE, more: str = "") -> str:
    """What is suspicious about ``text``, in an application that writes ``expression``."""
    return Judge(f"{more}\ndef f(): return f{expression!r}", dialect=dialect)(text)


A_NUMBER = "SELECT a FROM t WHERE b = {x} AND c = 1"


@pytest.mark.parametrize("number", ["5", "-5", "+5", "- 5", "1.5", "1e3", "0x1F", "-.5"])
def test_a_number(number: str) -> None:
    assert not judged(A_NUMBER, A_NUMBER.replace("{x}", number))


@pytest.mark.parametrize(
    "gap",
    [
        *("b", "a.b", "5 OR 1=1", "5 --", "5 /**/", "(5)", "(SELECT 1)", "5, 6", "'x'", "NULL"),
        *("TRUE", "5 + 1", "--5", "5; DROP TABLE t", "5 AND c = 1 OR b = 5", "abs(5)", "DESC"),
        *("5 UNION SELECT a FROM t", "CURRENT_USER", "x'00'", "1b", "a", "rowid", "5 5", "'"),
    ],
)
def test_what_is_no_number_where_one_is_due(gap: str) -> None:
    assert judged(A_NUMBER, A_NUMBER.replace("{x}", gap))


@pytest.mark.parametrize(
    "expression",
    [
        "SELECT a FROM t WHERE {x} = :y",
        "SELECT a FROM t WHERE a = 1 AND {x}",
        "SELECT a FROM t WHERE a = 1 OR ({x} = :y)",
        "SELECT a FROM t WHERE NOT {x}",
        "SELECT a FROM t JOIN u ON {x} = :y",
        "SELECT a FROM t GROUP BY a HAVING {x}",
        "SELECT CASE WHEN {x} THEN 1 END",
        "SELECT a FROM t WHERE a = 1 {x}",
        "SELECT a FROM t WHERE (a = 1) {x}",
        "UPDATE t SET {x} = 1",
        "SELECT a FROM {x}",
    ],
)
def test_a_number_where_it_would_be_a_condition_or_a_part_of_one(expression: str) -> None:
    """``WHERE 1 = '1'`` is every row."""
    for number in ("1", "-1"):
        assert judged(expression, expression.replace("{x}", number))


@pytest.mark.parametrize(
    "expression",
    [
        "SELECT a FROM t LIMIT {x} OFFSET {x}",
        "SELECT a FROM t WHERE a BETWEEN {x} AND {x}",
        "SELECT a FROM t WHERE (a > {x} OR a < {x})",
        "SELECT coalesce(a, {x}), round({x}) FROM t",
        "INSERT INTO t (a, b) VALUES ({x}, {x})",
        "UPDATE t SET a = {x}, b = b + {x} WHERE c = {x}",
        "SELECT CASE WHEN a > {x} THEN {x} ELSE {x} END FROM t",
        "SELECT a FROM t ORDER BY {x}",
    ],
)
def test_a_number_where_a_value_is_due(expression: str) -> None:
    assert not judged(expression, expression.replace("{x}", "7"))


def test_a_list_of_numbers_stands_within_in_alone() -> None:
    inside = "SELECT a FROM t WHERE a IN ({x})"
    for gap in ("1", "1,2", "1, -2 , 3.5"):
        assert not judged(inside, inside.replace("{x}", gap))
    for gap in ("1,", ",1", "1,a", "1)(2", "SELECT 1", "1 2"):
        assert judged(inside, inside.replace("{x}", gap))
    for outside in ("SELECT a FROM t LIMIT {x}", "SELECT f({x})", "SELECT a FROM t WHERE a = {x}"):
        assert judged(outside, outside.replace("{x}", "1, 2"))


@pytest.mark.parametrize(
    ("dialect", "marks"),
    [
        (Dialect.SQLITE, "?, ?"),
        (Dialect.SQLITE, ":a,:b"),
        (Dialect.SQLITE, "(?, ?), (?, ?)"),
        (Dialect.POSTGRESQL, "$1, $2"),
        (Dialect.POSTGRESQL, "%s, %s"),
    ],
)
def test_placeholders(dialect: Dialect, marks: str) -> None:
    for expression in ("SELECT a FROM t WHERE a IN ({x})", "INSERT INTO t VALUES {x}"):
        assert not judged(expression, expression.replace("{x}", marks), dialect=dialect)
        for broken in (f"{marks},", f"{marks} a", f"({marks}", f"{marks}; x"):
            assert judged(expression, expression.replace("{x}", broken), dialect=dialect)


A_STRING = "SELECT a FROM t WHERE b = '{x}' AND c LIKE '%{y}%'"


@pytest.mark.parametrize("dialect", Dialect)
@given(st.text(alphabet=st.characters(exclude_characters="'\\\0\ue000")))
def test_whatever_stays_in_a_string(dialect: Dialect, value: str) -> None:
    text = A_STRING.replace("{x}", value).replace("{y}", "z")
    assert not judged(A_STRING, text, dialect=dialect)


@pytest.mark.parametrize(
    ("dialect", "value", "passes"),
    [
        (Dialect.SQLITE, "O''Brien", True),
        (Dialect.POSTGRESQL, "O''Brien", True),
        (Dialect.OTHER, "O''Brien", False),
        (Dialect.SQLITE, "O'Brien", False),
        (Dialect.SQLITE, "a\\", True),
        (Dialect.POSTGRESQL, "a\\", True),
        (Dialect.OTHER, "a\\", False),
        (Dialect.SQLITE, "x' OR '1'='1", False),
        (Dialect.SQLITE, "x' AND c LIKE '%", False),
        (Dialect.SQLITE, "x\0", False),
        (Dialect.SQLITE, "'", False),
        (Dialect.SQLITE, "''", True),
        (Dialect.SQLITE, "x' --", False),
    ],
)
def test_a_quote_in_a_string(dialect: Dialect, value: str, *, passes: bool) -> None:
    text = A_STRING.replace("{x}", value).replace("{y}", "z")
    assert bool(judged(A_STRING, text, dialect=dialect)) is not passes


@pytest.mark.parametrize(
    ("expression", "value", "passes"),
    [
        ("SELECT E'{x}', 'a'", "\\'", True),
        ("SELECT E'{x}', 'a'", "\\", False),
        ("SELECT $${x}$$, 'a'", "it's", True),
        ("SELECT $${x}$$, 'a'", "$$ || $$", False),
        ("SELECT $a${x}$a$, 'a'", "$$", True),
    ],
)
def test_postgresqls_strings(expression: str, value: str, *, passes: bool) -> None:
    text = expression.replace("{x}", value)
    assert bool(judged(expression, text, dialect=Dialect.POSTGRESQL)) is not passes


def test_a_value_in_a_comment_or_in_a_name_is_none_of_these() -> None:
    for expression in ("SELECT 1 /* {x} */", "SELECT 1 -- {x}\n", "SELECT a_{x} FROM t"):
        assert judged(expression, expression.replace("{x}", "5"))


# ------------------------------------------------------------------------------------- names

SORTED = "SELECT a, t.b, c AS d, lower(e) FROM t ORDER BY {x}"


@pytest.mark.parametrize("gap", ["a", "b", "t.b", "d", "A DESC", '"a"', "a asc", "a, b DESC", "2"])
def test_to_sort_by_what_is_selected(gap: str) -> None:
    assert not judged(SORTED, SORTED.replace("{x}", gap))


@pytest.mark.parametrize(
    "gap",
    [
        *("e", "c", "z", "t.z", "a, z", "-a", "a + 1", "a b", "lower(a)", "(a)", "a DESC DESC"),
        *(
            "a LIMIT 1",
            "DESC",
            "a COLLATE NOCASE",
            "NULL",
            "CASE a WHEN 1 THEN 1 END",
            "a;",
            "a --",
        ),
    ],
)
def test_to_sort_by_anything_else(gap: str) -> None:
    """ATTACKS I01."""
    assert judged(SORTED, SORTED.replace("{x}", gap))


@pytest.mark.parametrize(
    ("expression", "gap", "passes"),
    [
        ("SELECT * FROM t ORDER BY {x}", "z", True),
        ("SELECT t.* FROM t JOIN u ON t.a = u.a ORDER BY {x}", "t.z", True),
        ("SELECT t.* FROM t JOIN u ON t.a = u.a ORDER BY {x}", "u.z", False),
        ("SELECT t.* FROM t JOIN u ON t.a = u.a ORDER BY {x}", "z", False),
        ("SELECT * FROM t, u ORDER BY {x}", "z", False),
        ("SELECT p.a FROM p JOIN q ON 1 = 1 ORDER BY q.{x}", "a", False),
        ("SELECT p.a FROM p JOIN q ON 1 = 1 ORDER BY p.{x}", "a", True),
        ("SELECT (SELECT b FROM u) FROM t ORDER BY {x}", "b", False),
        ("SELECT 2 * b FROM t ORDER BY {x}", "z", False),
        ("SELECT a FROM t GROUP BY {x}", "a", True),
        ("SELECT a FROM t GROUP BY {x}", "z", False),
        ("SELECT a FROM t ORDER BY {x} LIMIT 1", "a", True),
        ("SELECT a, row_number() OVER (ORDER BY {x}) FROM t", "z", False),
        ("DELETE FROM t ORDER BY {x}", "z", False),
        ("SELECT a FROM t PARTITION BY {x}", "a", False),
        ("SELECT a FROM t WHERE {x} = :v", "a", True),
        ("SELECT a FROM t WHERE ({x} LIKE :v)", "a", True),
        ("SELECT a FROM t WHERE {x} IN (:v)", "a", True),
        ("SELECT a FROM t WHERE {x} NOT IN (:v)", "a", True),
        ("SELECT a FROM t WHERE {x} BETWEEN :v AND :w", "a", True),
        ("SELECT a FROM t WHERE {x} = :v", "z", False),
        ("SELECT a FROM t WHERE {x} = b", "a", False),
        ("SELECT a FROM t WHERE {x}", "a", False),
        ("SELECT a FROM t WHERE b = {x}", "a", False),
        ("SELECT a FROM t WHERE b BETWEEN :v AND {x}", "a", False),
        ("SELECT a, {x} FROM t", "a", False),
        ("SELECT a FROM {x}", "a", False),
        ("UPDATE t SET {x} = :v", "a", False),
        ("INSERT INTO t ({x}) VALUES (:v)", "a", False),
        ("SELECT a FROM t LIMIT {x}", "a", False),
        ("SELECT a FROM t {x}", "a", False),
    ],
)
def test_where_a_selected_name_may_stand(expression: str, gap: str, *, passes: bool) -> None:
    assert bool(judged(expression, expression.replace("{x}", gap))) is not passes


ALLOWED = "A = {'z': 'u.z', 'new': 'y DESC'}\ndef g(): return f(), A\n"


@pytest.mark.parametrize(
    ("expression", "gap", "passes"),
    [
        ("SELECT a FROM t ORDER BY {x}", "z", True),
        ("SELECT a FROM t ORDER BY {x}", "u.z", True),
        ("SELECT a FROM t ORDER BY {x}", "y DESC", True),
        ("SELECT a FROM t ORDER BY {x}", "y", False),
        ("SELECT a FROM t ORDER BY {x} {y}", "z DESC", True),
        ("SELECT a FROM t ORDER BY {x} {y}", "z SIDEWAYS", False),
        ('SELECT a FROM t ORDER BY "{x}"', '"z"', True),
        ('SELECT a FROM t ORDER BY "{x}"', '"y"', False),
        ("SELECT a FROM t GROUP BY {x}", "z", True),
        ("SELECT a FROM t WHERE {x} = :v", "z", True),
        ("SELECT a FROM t WHERE {x} = b", "z", False),
        ("SELECT {x} FROM t", "z", False),
        ('SELECT "{x}" FROM t', '"z"', False),
        ("UPDATE t SET {x} = :v", "z", False),
    ],
)
def test_where_a_constant_of_a_container_may_stand(
    expression: str, gap: str, *, passes: bool
) -> None:
    text = expression.replace('"{x}"', gap).replace("{x} {y}", gap).replace("{x}", gap)
    assert bool(judged(expression, text, more=ALLOWED)) is not passes


def test_a_container_that_the_code_does_not_know_vouches_for_nothing() -> None:
    sorted_by = "SELECT a FROM t ORDER BY {x}"
    assert judged(sorted_by, sorted_by.replace("{x}", "z"), more="A = ['z']\ndef g(): return A")
    assert not judged(sorted_by, sorted_by.replace("{x}", "z"), more=ALLOWED)


def test_what_identifier_vouches_for() -> None:
    judge = Judge("def f(x): return f'SELECT a FROM t ORDER BY {x}'")
    text = "SELECT a FROM t ORDER BY z"
    assert judge(text)
    assert not judge(text, named=frozenset({"z"}))
    assert judge(text), "it was remembered for other requests"
    other = Judge("def f(x): return f'SELECT {x} FROM t'")
    assert other("SELECT z FROM t", named=frozenset({"z"}))


# ----------------------------------------------------------------------------------- builders

BUILDER = """
def build(x, conditions):
    conditions = []
    if a: conditions.append("b = :b")
    if c: conditions.append(f"d = '{x}'")
    sql = "SELECT a FROM t"
    if conditions:
        sql += " WHERE " + " AND ".join(conditions)
    if e: sql += f" LIMIT {x}"
    return sql + helper()
def helper(): return " OFFSET 5"
def stranger(): return " UNION SELECT secret FROM t"
"""


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t",
        "SELECT a FROM t WHERE b = :b",
        "SELECT a FROM t WHERE b = :b AND d = 'x'",
        "SELECT a FROM t WHERE d = 'x' AND b = :b AND b = :b LIMIT 5 OFFSET 5",
        "SELECT a FROM t OFFSET 5",
    ],
)
def test_what_is_joined_from_literals_of_code_that_is_near(text: str) -> None:
    assert not Judge(BUILDER)(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t UNION SELECT secret FROM t",
        "SELECT a FROM t WHERE b = :b UNION SELECT secret FROM t",
        "SELECT a FROM t WHERE b = :b OR 1 = 1",
        "SELECT a FROM t WHERE d = 'x' OR '1' = '1'",
        "SELECT a FROM t LIMIT 5 --",
        "SELECT a FROM t WHERE 1",
    ],
)
def test_what_is_not(text: str) -> None:
    assert Judge(BUILDER)(text)


def test_literals_that_a_client_sent_are_no_literals() -> None:
    """The trap in the rule: an injection that looks like short gaps between literals."""
    judge = Judge(BUILDER)
    text = "SELECT a FROM t WHERE d = 'x' AND d = 'y' LIMIT 5"
    assert not judge(text, "x", "y", "5")
    assert judge(text, "x' AND d = 'y") == "spanned"
    assert judge(text, "X' and D = 'y") == "spanned"
    assert judge(text, '{"q": "x\' AND d = \'y"}') == "spanned"
    assert judge(text, "y' LIMIT 5") == "spanned"
    assert judge(text, "5", "b = :b", "d = 'y' and more") == "spanned"


def test_a_statement_that_only_one_template_can_have_made_needs_no_look_at_the_request() -> None:
    judge = Judge("def f(x): return f\"SELECT a FROM t WHERE b = '{x}' AND c = {y}\"")
    text = "SELECT a FROM t WHERE b = 'x' AND c = 5"
    assert not judge(text, "b = 'x' and c = 5")


# ------------------------------------------------------------------------- code that is not near

ORDERS = """
class Orders:
    def sql(self, q): return f"SELECT a FROM orders WHERE note = '{q}'"
"""
USERS = """
class Users:
    def sql(self, q): return f" UNION SELECT secret FROM users WHERE name = '{q}'"
"""
ROUTES = """
def routes(app):
    app.add("/orders", Orders().sql)
    app.add("/users", Users().sql)
    return {"/orders": Orders.sql, "/users": Users.sql}
"""
BOTH = """
def both(q): return Orders().sql(q) + Users().sql(q)
"""


def test_literals_of_unrelated_code_do_not_fit_into_a_hole() -> None:
    """A client that knows the source sends them encoded: the request shows nothing of it."""
    text = "SELECT a FROM orders WHERE note = 'x' UNION SELECT secret FROM users WHERE name = 'y'"
    assert Judge(ORDERS + USERS + ROUTES)(text)
    assert Judge(ORDERS, USERS, "import module0, module1" + ROUTES)(text)
    assert not Judge(ORDERS + USERS + BOTH)(text)


# ---------------------------------------------------------------------------------- a cursor

CURSOR = """
def page(cursor):
    {check}
    key, value = cursor
    return f"SELECT id FROM t WHERE {{key}} > :v ORDER BY rank, id"
"""


def test_a_cursor_may_name_what_is_shown_or_what_the_code_has_checked() -> None:
    """A client's cursor that names a column by which the statement sorts, and does not show.

    That it sorts by it is no reason: what may be compared is read bit by bit. The code says which
    names may come.
    """
    by_rank = "SELECT id FROM t WHERE rank > :v ORDER BY rank, id"
    plain = Judge(CURSOR.format(check="pass"))
    assert plain(by_rank, '{"rank": 5}')
    assert not plain(by_rank.replace("rank >", "id >"), '{"id": 5}')
    checked = Judge(CURSOR.format(check="if key not in ('rank', 'id'): raise ValueError"))
    assert not checked(by_rank, '{"rank": 5}')
    assert checked(by_rank.replace("rank >", "secret >"), '{"secret": 5}')
