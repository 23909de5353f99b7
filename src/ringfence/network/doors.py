"""Row-level security on SQLite: a declared table is read through a door, and by no other way.

SQLite has no row-level security. For each declared table the connection gets two temporary views.
One has the table's own name, so that the name means the view in any SQL text. It reads the other
one, the door, whose name nobody can guess. The door reads the table, filtered by a function that
only this program defines. The authorizer is told through which view a column is read: a declared
table is read through a door, or not at all.

A view of the table's own name alone would not do: ``WITH orders AS (SELECT * FROM main.orders)``
reports the same name. Therefore the door has one of 128 random bits, and the catalogue, which would
tell it, is not readable (``sqlite``).

Writes in SQL text are refused. Those that SQLAlchemy makes pass: they are scoped as it makes them.

Source: sqlite.org, "Compile-Time Authorization Callbacks": the fifth argument.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: The function that tells a door for whom it opens.
SUBJECT: Final = "rf_subject"

_WRITES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


@dataclass(frozen=True, slots=True, eq=False)
class Doors:
    """The doors of one database.

    Args:
        selects: By table, in lower case, the SELECT of the rows that ``SUBJECT()`` may read. Each
            table in it is named with ``main.``.
        names: By table, the name of its door.
        tables: All tables that are declared, those without a door as well: everybody reads them.
    """

    selects: Mapping[str, str]
    names: Mapping[str, str]
    tables: frozenset[str]

    @property
    def opening(self) -> list[str]:
        """The statements that put the doors up."""
        return [
            statement
            for table, select in self.selects.items()
            for statement in (
                f'CREATE TEMP VIEW "{self.names[table]}" AS {select}',
                f'CREATE TEMP VIEW "{table}" AS SELECT * FROM temp."{self.names[table]}"',  # noqa: S608  # no input
            )
        ]

    @property
    def closing(self) -> list[str]:
        """The statements that take them away."""
        return [
            f'DROP VIEW IF EXISTS temp."{view}"'
            for table in self.selects
            for view in (table, self.names[table])
        ]

    def denies(
        self, action: int, table: str | None, database: str | None, view: str | None
    ) -> bool:
        """Whether SQL text may not do this; the arguments are SQLite's own.

        Args:
            action: What the statement wants to do.
            table: To which table.
            database: ``main`` is the application's.
            view: Through which view, or in which trigger or CTE.
        """
        if database != "main" or table is None:
            return False
        table = table.lower()  # as the file has it, which need not be as the model has it
        if action == sqlite3.SQLITE_READ:
            return table in self.selects and view not in self.names.values()
        return action in _WRITES and table in self.tables
