"""The SQL guard against what SQLite does with generated injections.

A careless statement is run with a harmless value, and with one of a grammar of payloads, as the
application has changed it. If SQLite then reads another column or table, or answers something else
than to every harmless value, the guard must refuse; and if it refuses ordinary values, it is of no
use. The judgement about the statement is the database's, never that of the guard's own code.
"""

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.unit.boundary.sql.ordinary import ordinary
from tests.unit.boundary.sql.placements import CHANGES, PLACEMENTS, Placement, attacks
from tests.unit.boundary.sql.source import Judge

SCHEMA: Final = """
    CREATE TABLE products (
        id INTEGER PRIMARY KEY, name TEXT, price INT, secret TEXT,
        owner INT, user_id INT, active INT
    );
    INSERT INTO products VALUES (1, 'mug', 9, 'c', 1, 7, 1), (2, 'jar', 3, 'a', 1, 2, 0),
        (3, 'zq', 7, 'b', 2, 9, 1), (4, 'pot', 1, 'd', 7, 7, 0), (7, 'cup', 2, 'e', 1, 1, 1);
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, secret TEXT);
    INSERT INTO users VALUES (1, 'bob', 'canary');
"""
#: An application with these statements, and nothing else.
SOURCE: Final = "\n".join(f"def f{n}(x): return f{p.text!r}" for n, p in enumerate(PLACEMENTS))
JUDGE: Final = Judge(SOURCE)
#: Values that are no attack in a place of this kind, whatever the database answers.
_HARMLESS: Final = {
    "number": re.compile(r"[-+]?[0-9.]+"),
    "list": re.compile(r"[-+]?[0-9.]+(,[-+]?[0-9.]+)*"),
    "field": re.compile(r"[-+]?[0-9.]+"),
    "column": re.compile(r"(id|name)( (asc|desc))?|[0-9]+", re.IGNORECASE),
}


class Database:
    """SQLite, which tells what a statement reads."""

    def __init__(self) -> None:
        self._connection: Final = sqlite3.connect(":memory:", cached_statements=0)
        self._connection.executescript(SCHEMA)
        self._read: set[tuple[str | None, str | None]] = set()
        self._connection.set_authorizer(self._authorize)

    def _authorize(self, action: int, table: str | None, column: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            self._read.add((table, column))
        return sqlite3.SQLITE_OK

    def behaviour(self, statement: str) -> tuple[object, ...] | None:
        """The program that the statement is, what it reads, and no constants; None if it fails."""
        self._read = set()
        try:
            self._connection.execute(statement).fetchall()
            program = self._connection.execute(f"EXPLAIN {statement}").fetchall()
        except (sqlite3.Error, sqlite3.Warning):
            return None
        constants = {
            *("Integer", "Int64", "Real", "String", "String8", "Once", "Init", "MustBeInt"),
            *("Explain", "Affinity", "RealAffinity", "Multiply"),
        }
        kinds = tuple(row[1] for row in program if row[1] not in constants)
        return (frozenset(self._read), kinds)


DATABASE: Final = Database()


def is_attack(placement: Placement, value: str) -> bool:
    """Whether SQLite does something else with ``value`` than with a harmless one."""
    harmless = _HARMLESS.get(placement.kind)
    if harmless is not None and harmless.fullmatch(value.strip()):
        return False
    found = DATABASE.behaviour(placement.text.replace("{x}", value))
    plain = DATABASE.behaviour(placement.text.replace("{x}", placement.harmless))
    assert plain is not None
    return found is not None and found != plain


@contextmanager
def counting(least: float) -> Generator[list[bool]]:
    """Fails where too few examples came to what the test is about."""
    reached: list[bool] = []
    yield reached
    assert sum(reached) >= least * len(reached), f"{sum(reached)} of {len(reached)}"


def test_what_changes_a_statement_is_refused() -> None:
    """ATTACKS I01, I02."""
    with counting(0.6) as reached:

        @settings(max_examples=500)
        @given(st.data(), st.sampled_from(PLACEMENTS), st.sampled_from(sorted(CHANGES)))
        def prove(data: st.DataObject, placement: Placement, change: str) -> None:
            encode, decode = CHANGES[change]
            sent = encode(data.draw(attacks(placement.kind)))
            value = decode(sent)
            reached.append(is_attack(placement, value))
            event(placement.kind if reached[-1] else f"no attack on a {placement.kind}")
            if reached[-1]:
                statement = placement.text.replace("{x}", value)
                assert JUDGE(statement, sent)
                assert JUDGE(statement), "only because of what was sent"

        prove()


def test_the_oracle_knows_an_attack() -> None:
    string, number, column = PLACEMENTS[0], PLACEMENTS[3], PLACEMENTS[7]
    assert is_attack(string, "x' OR 1=1 --")
    assert is_attack(number, "7 OR 1=1")
    assert is_attack(column, "secret")
    assert not is_attack(string, "mug")
    assert not is_attack(number, "8")
    assert not is_attack(column, "id desc")


# -------------------------------------------------------------------------- ordinary values

#: Each of some 20,000 names, prices, addresses, sentences and words of SQL once.
ORDINARY: Final = list(dict.fromkeys(ordinary()))
QUOTED: Final = [placement.text for placement in PLACEMENTS if placement.kind == "string"]
_BOUND: Final = "SELECT id FROM products WHERE name = :q"
#: An application that binds and quotes, and nothing else: it knows the shapes of its statements.
PLAIN: Final = Judge(
    "\n".join(f"def f{n}(x): return f{text!r}" for n, text in enumerate(QUOTED))
    + f"\nA = {_BOUND!r}"
)


def test_no_ordinary_value_is_refused_where_it_is_quoted_or_bound() -> None:
    assert len(ORDINARY) > 20_000
    refused: list[str] = []
    for number, value in enumerate(ORDINARY):
        # Where others begin alike, a statement is derived each time, and what was sent is searched.
        judge = PLAIN if number % 8 else JUDGE
        text = QUOTED[number % len(QUOTED)].replace("{x}", value.replace("'", "''"))
        # Bound, it is no part of the text, and that it was sent makes no difference.
        if judge(text, value) or PLAIN(_BOUND, value):
            refused.append(value)
    assert not refused


@settings(max_examples=100)
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Co"]), max_size=60)
)
def test_any_text_passes_where_it_is_quoted(value: str) -> None:
    for text in QUOTED:
        assert not JUDGE(text.replace("{x}", value.replace("'", "''")), value)


@pytest.mark.parametrize("kind", ["number", "list", "column"])
@given(st.data())
def test_a_number_or_a_selected_column_passes_where_one_is_due(
    kind: str, data: st.DataObject
) -> None:
    numbers = st.integers(-(10**12), 10**12).map(str) | st.decimals(
        -1000, 1000, places=2, allow_nan=False
    ).map(str)
    values = {
        "number": numbers,
        "list": st.lists(numbers, min_size=1, max_size=20).map(",".join),
        "column": st.sampled_from(["id", "name", "name DESC", "products.id", "NAME asc"]),
    }
    for placement in PLACEMENTS:
        if placement.kind == kind and not (kind == "column" and "DESC" in placement.text):
            value = data.draw(values[kind])
            assert not JUDGE(placement.text.replace("{x}", value), value)
