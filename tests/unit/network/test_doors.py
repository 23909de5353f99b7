"""What SQL text may do to declared tables, as SQLite asks for it (``Doors.denies``)."""

import sqlite3

import pytest

from ringfence.network.doors import Doors

DOOR = "rf_0123"
#: Everybody reads posts, so they have no door; nobody has declared products.
DOORS = Doors(
    selects={"orders": "SELECT * FROM main.orders WHERE user_id = rf_subject()"},
    names={"orders": DOOR},
    tables=frozenset({"orders", "posts"}),
)
WRITES = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)


@pytest.mark.parametrize("table", ["orders", "ORDERS"])
@pytest.mark.parametrize("view", [None, "orders", "rf_4567"])
def test_a_table_with_a_door_is_read_through_it_alone(table: str, view: str | None) -> None:
    """``orders`` is what a CTE of that name reports, too."""
    assert DOORS.denies(sqlite3.SQLITE_READ, table, "main", view)
    assert not DOORS.denies(sqlite3.SQLITE_READ, table, "main", DOOR)


@pytest.mark.parametrize("table", ["posts", "products"])
def test_a_table_without_a_door_is_read_as_it_is(table: str) -> None:
    assert not DOORS.denies(sqlite3.SQLITE_READ, table, "main", None)


@pytest.mark.parametrize("action", WRITES)
def test_declared_tables_are_not_written_in_text_and_others_are(action: int) -> None:
    for table in ("orders", "posts", "Posts"):
        assert DOORS.denies(action, table, "main", None)
        assert DOORS.denies(action, table, "main", DOOR)
    assert not DOORS.denies(action, "products", "main", None)


@pytest.mark.parametrize("action", [sqlite3.SQLITE_READ, *WRITES])
def test_another_schema_is_none_of_its_affairs(action: int) -> None:
    for database in (None, "temp"):
        assert not DOORS.denies(action, "orders", database, None)
    assert not DOORS.denies(action, None, "main", None)


def test_what_neither_reads_nor_writes_is_left_to_the_other_judge() -> None:
    assert not DOORS.denies(sqlite3.SQLITE_ALTER_TABLE, "orders", "main", None)
