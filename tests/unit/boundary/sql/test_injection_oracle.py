"""The SQL guard against what SQLite itself does.

Careless statements are filled with generated inputs. SQLite compiles each one, and tells by its
authorizer what the program would touch and by EXPLAIN what it would do. If that differs from the
same statement with harmless inputs, they were more than data, and the guard must have refused.
"""

import re
import sqlite3
import unicodedata
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote

from hypothesis import assume, example, given
from hypothesis import strategies as st

from ringfence.boundary.sql.injection import suspicion
from ringfence.boundary.sql.readings import prepare
from ringfence.boundary.sql.scan import Dialect

Behaviour: TypeAlias = tuple[tuple[tuple[object, ...], ...], tuple[str, ...]]

SCHEMA: Final = """
    CREATE TABLE products (
        id INTEGER PRIMARY KEY, name TEXT, price INT, secret TEXT,
        owner INT, user_id INT, active INT
    );
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, secret TEXT);
"""
TEXT, NUMBER, COLUMN = "zq", "7", "name"  # harmless, and what stands for each kind of place

JOINED: Final = "SELECT p.id, p.name FROM products p JOIN users u ON u.id = p.user_id "
TEMPLATES: Final = [
    ("SELECT id, name, price FROM products WHERE name LIKE '%{}%' ORDER BY {}", (TEXT, COLUMN)),
    ("SELECT id FROM products WHERE (name = '{}' OR name = '{}') AND owner = 1", (TEXT, TEXT)),
    ("SELECT id FROM products WHERE name <> '{}' AND secret = '{}' AND owner = 1", (TEXT, TEXT)),
    ("SELECT id FROM products WHERE owner = {} AND user_id = {}", (NUMBER, NUMBER)),
    ("SELECT * FROM products WHERE id = {} AND owner = 2 ORDER BY {}", (NUMBER, COLUMN)),
    ("SELECT price - {} FROM products WHERE owner = 3", (NUMBER,)),
    ("SELECT price-{} FROM products WHERE owner = 3", (NUMBER,)),
    ("SELECT id, name FROM products WHERE name = '{}' OR id = {} LIMIT 5", (TEXT, NUMBER)),
    ("select id, name from products where active and name like '{}' order by name", (TEXT,)),
    (JOINED + "WHERE u.name = '{}' ORDER BY p.{}", (TEXT, COLUMN)),
    ("UPDATE products SET name = '{}', price = {} WHERE id = 1 AND owner = 1", (TEXT, NUMBER)),
    ("INSERT INTO products (name, price, owner) VALUES ('{}', {}, 7)", (TEXT, NUMBER)),
    ("DELETE FROM products WHERE id IN ({}) AND owner = 1", (NUMBER,)),
    ("SELECT id FROM products WHERE name = '{}' -- of the application\n AND owner = 1", (TEXT,)),
    ("SELECT id FROM products /* {} */ WHERE owner = 1 /* x */", (TEXT,)),
]

PIECES: Final = [
    *("'", "'", "''", '"', "`", "[", "]", "(", ")", ",", ".", "=", ">", "<>", "%", "\\", ";", "#"),
    *(
        "+",
        "-",
        "--",
        "/*",
        "*/",
        "||",
        "'||'",
        "1",
        "0",
        "1=1",
        "' or '1'='1",
        "E'",
        "$$",
        "x'61'",
    ),
    *("%27", "&#39;", "＇", "ſelect", "\u00a0", " ", "\t", "\n", " or ", " and ", " from ", "not "),
    *(
        "id",
        "name",
        "secret",
        "user_id",
        "owner",
        "price",
        "users",
        "select",
        "union",
        "null",
        "true",
    ),
    *("like", "desc", "mug", "random()", "(select secret from users)", "case when 1 then id end"),
]

#: What careless applications do to an input before they join it on.
CHANGES: Final[list[Callable[[str], str]]] = [
    lambda text: text,
    str.upper,
    str.lower,
    str.strip,
    lambda text: text.lstrip("-'"),
    lambda text: text[:12],
    lambda text: text.split(",")[0],
    lambda text: text.split(":")[-1],
    lambda text: " ".join(text.split()),
    lambda text: unicodedata.normalize("NFKC", text),
    unquote,
    lambda text: text.replace("\\", ""),
]

#: Instructions that load a constant, or make it fit: a number is a number, whichever it is.
_CONSTANTS: Final = {
    *("Blob", "Int64", "Integer", "Null", "Real", "String", "String8"),
    *("Affinity", "Explain", "Init", "MustBeInt", "Once", "RealAffinity"),
}
_SORTABLE: Final = re.compile(
    r"((products|p)\.)?(id|name|price)( (asc|desc))?|[-+]?[0-9.]+", re.IGNORECASE
)
_CONSTANT: Final = re.compile(r"|null|true|false", re.IGNORECASE)

_touched: list[tuple[object, ...]] = []


def _connect() -> sqlite3.Connection:
    # Without its statement cache, every statement is compiled, and the authorizer asked.
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
    connection.executescript(SCHEMA)

    def authorize(*asked: object) -> int:
        if asked[0] != sqlite3.SQLITE_PRAGMA:
            _touched.append(asked[:3])
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)
    return connection


DATABASE: Final = _connect()


def behaviour(statement: str) -> Behaviour:
    """What the statement would touch, and the program it would be."""
    _touched.clear()
    program = DATABASE.execute(f"EXPLAIN {statement}").fetchall()
    return tuple(_touched), tuple(row[1] for row in program if row[1] not in _CONSTANTS)


INPUT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


@given(
    st.sampled_from(TEMPLATES),
    st.lists(INPUT | st.none(), min_size=3, max_size=3),
    st.lists(st.sampled_from(CHANGES), min_size=3, max_size=3),
)
@example(TEMPLATES[0], ["zz' or 1=1/*", None, None], [str.lower] * 3)  # Ledger 40
@example(TEMPLATES[0], [None, "(case when 1 then id end)", None], [str.upper] * 3)
@example(TEMPLATES[2], ["'", "'", None], [str.lower] * 3)
@example(TEMPLATES[3], ["-user_id", None, None], [CHANGES[4]] * 3)
@example(TEMPLATES[4], ["1=1,||", None, None], [CHANGES[6]] * 3)
@example(TEMPLATES[5], ["  not ' or '1'='1", None, None], [CHANGES[5]] * 3)
@example(TEMPLATES[0], ["'' ", "'+%27", None], [CHANGES[0], unquote, CHANGES[0]])
@example(TEMPLATES[6], ["-1", None, None], [str.lower] * 3)
def test_what_changes_a_statement_is_refused(
    template: tuple[str, tuple[str, ...]],
    inputs: list[str | None],
    changes: list[Callable[[str], str]],
) -> None:
    text, places = template
    sent = [given or harmless for given, harmless in zip(inputs, places, strict=False)]
    joined = [change(value) for change, value in zip(changes, sent, strict=False)]
    # A constant is worth no more than a number, but SQLite plans around it.
    assume(
        not any(
            p != TEXT and _CONSTANT.fullmatch(j.strip())
            for p, j in zip(places, joined, strict=True)
        )
    )
    statement = text.format(*joined)
    try:
        actual = behaviour(statement)
    except (sqlite3.Error, sqlite3.Warning, ValueError):
        return  # the database refuses it itself
    harmless = [
        value if place == COLUMN and _SORTABLE.fullmatch(value.strip()) else place
        for place, value in zip(places, joined, strict=True)
    ]
    if actual != behaviour(text.format(*harmless)):
        assert suspicion(statement, Dialect.SQLITE, prepare(sent), tuple)


@given(
    st.text(
        st.characters(whitelist_categories=["L", "N"], whitelist_characters=" -,.!?%()"), min_size=1
    )
)
@example("order by name")
@example("select")
@example("id, name")
def test_text_without_quotes_may_be_searched_for(q: str) -> None:
    statement = TEMPLATES[0][0].format(q, "price")
    assert not suspicion(statement, Dialect.SQLITE, prepare([q, "price"]), tuple)
