"""An application that joins its SQL with care, in the ways that real ones have.

Every handler here is meant to work under the SQL guard. The careless ones beside them, whose names
begin with ``careless``, are meant to work only while they are sent something harmless.
"""

import base64
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import quoted_name

from ringfence import allow, identifier, public
from tests.attack.boundary.catalogue_queries import COLUMNS, CONDITIONS, LISTED, where

ALLOWED = {"price": "price", "new": "p.created DESC", "name": "name", "secret-less": "rank"}
WAYS = {"up": "ASC", "down": "DESC"}
GROUPS = ("category", "rank")
SHOWN = ("id", "name")
QUERIES = Path(__file__).parent / "queries"

PRODUCTS = sa.table("products", sa.column("name"))

DEAR = (QUERIES / "read_at_import.txt").read_text()


class Field(StrEnum):
    """What may be searched."""

    NAME = "name"
    CATEGORY = "category"


Sort = Literal["rank", "price"]


def where_of_category() -> str:
    return "WHERE category = :category"


class Catalogue:
    """The handlers, on one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.execute(sa.text(statement), values)]

    async def raw(self, statement: str) -> list[Any]:
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.exec_driver_sql(statement)]

    # ------------------------------------------------------------------- sorted and grouped

    @allow(public)
    async def selected(self, sort: str = "name") -> list[Any]:
        return await self.raw(f"SELECT id, name, price FROM products ORDER BY {sort}")

    @allow(public)
    async def unselected(self, sort: str = "price", way: str = "up") -> list[Any]:
        return await self.rows(
            f"SELECT p.id, p.name FROM products p ORDER BY {ALLOWED[sort]} {WAYS[way]}"
            if sort != "new"
            else f"SELECT p.id, p.name FROM products p ORDER BY {ALLOWED[sort]}"
        )

    @allow(public)
    async def grouped(self, by: int = 0) -> list[Any]:
        return await self.rows(f"SELECT count(*) FROM products GROUP BY {GROUPS[by]}")

    @allow(public)
    async def checked(self, sort: str = "rank") -> list[Any]:
        if sort not in ("rank", "price"):
            sort = "name"
        return await self.rows(f"SELECT id FROM products ORDER BY {sort} DESC LIMIT 5")

    @allow(public)
    async def literal(self, sort: Sort = "rank") -> list[Any]:
        return await self.rows(f"SELECT id FROM products ORDER BY {sort}")

    @allow(public)
    async def quoted(self, sort: Sort = "rank") -> list[Any]:
        return await self.rows(f'SELECT id FROM products ORDER BY "{sort}"')

    @allow(public)
    async def identified(self, sort: str = "rank") -> list[Any]:
        known = self.known_columns()
        column = identifier(sort, among=known)
        return await self.rows("SELECT id FROM products ORDER BY " + column)

    def known_columns(self) -> set[str]:
        return {"ra" + "nk", "pri" + "ce"}  # no whole constant: as if read from the schema

    @allow(public)
    async def several(self, sort: str = "rank,name") -> list[Any]:
        terms = [f"{ALLOWED_TERMS[term]} {WAYS['up']}" for term in sort.split(",")]
        return await self.rows(f"SELECT id FROM products ORDER BY {', '.join(terms)}")

    @allow(public)
    async def core(self, sort: str = "price", way: str = "up") -> list[Any]:
        column: sa.ColumnElement[Any] = sa.column(ALLOWED[sort])
        order = column.desc() if way == "down" else column.asc()
        statement = sa.select(sa.column("id")).select_from(sa.table("products")).order_by(order)
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.execute(statement)]

    @allow(public)
    async def core_text(self, sort: str = "price") -> list[Any]:
        statement = sa.select(sa.column("id")).select_from(sa.table("products"))
        async with self.engine.connect() as connection:
            found = await connection.execute(statement.order_by(sa.text(ALLOWED[sort])))
            return [list(row) for row in found]

    # ---------------------------------------------------------------------------- compared

    @allow(public)
    async def searched(self, q: str, field: Field = Field.NAME) -> list[Any]:
        return await self.rows(
            f"SELECT id FROM products WHERE {field.value} LIKE :v ORDER BY id", v=f"%{q}%"
        )

    @allow(public)
    async def looked_up(self, q: str, field: str = "name") -> list[Any]:
        return await self.rows(f"SELECT id FROM products WHERE {ALLOWED[field]} = :v", v=q)

    @allow(public)
    async def bound(self, q: str) -> list[Any]:
        return await self.rows("SELECT id FROM products WHERE name = :q OR category = :q", q=q)

    @allow(public)
    async def in_a_string(self, q: str) -> list[Any]:
        escaped = q.replace("'", "''").replace("\0", "")
        return await self.raw(f"SELECT id FROM products WHERE name LIKE '%{escaped}%'")

    @allow(public)
    async def in_a_path(self, q: str) -> list[Any]:
        return await self.rows("SELECT id FROM products WHERE name LIKE :q", q=f"%{q}%")

    # ----------------------------------------------------------------------------- numbers

    @allow(public)
    async def above(self, least: float = 0, limit: int = 10) -> list[Any]:
        return await self.raw(
            f"SELECT id FROM products WHERE price > {least} ORDER BY id LIMIT {limit}"
        )

    @allow(public)
    async def between(self, low: int = 0, high: int = 99) -> list[Any]:
        return await self.raw(
            "SELECT id FROM products WHERE price BETWEEN %d AND %d ORDER BY id"  # noqa: UP031  # as found
            % (low, high)
        )

    @allow(public)
    async def listed(self, ids: str = "1,2,3") -> list[Any]:
        numbers = [int(each) for each in ids.split(",")]
        joined = ",".join(map(str, numbers))
        return await self.raw(f"SELECT id FROM products WHERE id IN ({joined}) ORDER BY id")

    @allow(public)
    async def with_placeholders(self, ids: str = "1,2,3") -> list[Any]:
        numbers = tuple(int(each) for each in ids.split(","))
        marks = ", ".join("?" * len(numbers))
        async with self.engine.connect() as connection:
            found = await connection.exec_driver_sql(
                f"SELECT id FROM products WHERE id IN ({marks}) ORDER BY id", numbers
            )
            return [list(row) for row in found]

    # ------------------------------------------------------------------------------- built

    @allow(public)
    async def conditions(self, q: str = "", least: int | None = None) -> list[Any]:
        conditions: list[str] = []
        values: dict[str, Any] = {}
        if q:
            conditions.append("name LIKE :q")
            values["q"] = f"%{q}%"
        if least is not None:
            conditions.append("price >= :least")
            values["least"] = least
        sql = "SELECT id FROM products"
        if conditions:
            sql += " WHERE " + " AND ".join(conditions)
        sql += " ORDER BY id"
        return await self.rows(sql, **values)

    @allow(public)
    async def conditions_named(self, name: str = "", least: int = 0) -> list[Any]:
        where_, values = [], {}
        if name:
            where_.append("name LIKE :name")
            values["name"] = f"%{name}%"
        if least:
            where_.append("price >= :least")
            values["least"] = least
        sql = "SELECT id, name FROM products"
        if where_:
            sql += " WHERE " + " AND ".join(where_)
        return await self.rows(sql + " ORDER BY id", **values)

    @allow(public)
    async def columns(self, limit: int = 3) -> list[Any]:
        return await self.rows("SELECT %s FROM products LIMIT %d" % (", ".join(SHOWN), limit))  # noqa: UP031  # as found

    @allow(public)
    async def read_at_import(self, least: int = 0) -> list[Any]:
        return await self.rows(DEAR, least=least)

    @allow(public)
    async def counted(self, name: str = "", category: str = "") -> list[Any]:
        given = {"name": name, "category": category}
        parts = [f"{key} = :{key}" for key, value in given.items() if value]
        sql = f"SELECT id FROM products WHERE {' AND '.join(parts) or '1 = 1'} ORDER BY id"
        return await self.rows(sql, **given)

    @allow(public)
    async def helped(self, q: str = "", sort: str = "name") -> list[Any]:
        clause, values = where(q)
        return await self.rows(f"{LISTED} {clause} ORDER BY {COLUMNS[sort]}", **values)

    @allow(public)
    async def imported(self, kind: str = "dear") -> list[Any]:
        return await self.rows(f"SELECT id FROM products WHERE {CONDITIONS[kind]} ORDER BY id")

    @allow(public)
    async def depending(self, clause: Annotated[str, Depends(where_of_category)] = "") -> list[Any]:
        return await self.rows(f"SELECT id FROM products {clause} ORDER BY id", category="tea")

    @allow(public)
    async def formatted(self, sort: str = "price") -> list[Any]:
        template = "SELECT id FROM products ORDER BY {} {way}"
        return await self.rows(template.format(ALLOWED[sort], way="DESC"))

    @allow(public)
    async def implicit(self, sort: str = "price", limit: int = 3) -> list[Any]:
        return await self.rows(
            f"SELECT id, name FROM products WHERE rank > 0 ORDER BY {ALLOWED[sort]} LIMIT {limit}"
        )

    @allow(public)
    async def nested(self, category: str = "tea") -> list[Any]:
        inner = "SELECT id FROM products WHERE category = :c"
        return await self.rows(f"SELECT name FROM products WHERE id IN ({inner})", c=category)

    @allow(public)
    async def from_a_file(self, least: int = 0) -> list[Any]:
        statement = (QUERIES / "products.sql").read_text().split(";")[0]
        return await self.rows(statement, least=least)

    @allow(public)
    async def sorted_from_a_file(self, sort: str = "price") -> list[Any]:
        statement = (QUERIES / "products.sql").read_text().split("-- name: sorted\n")[1]
        return await self.rows(statement.strip().format(order=ALLOWED[sort]))

    # ---------------------------------------------------------------------------- careless

    @allow(public)
    async def careless_id(self, v: str) -> list[Any]:
        return await self.raw(f"SELECT id, name FROM products WHERE user_id = {v}")

    @allow(public)
    async def careless_sort(self, sort: str) -> list[Any]:
        return await self.raw(f"SELECT name, id FROM products ORDER BY {sort}")

    @allow(public)
    async def careless_field(self, field: str) -> list[Any]:
        return await self.raw(f"SELECT {field}, 1 AS one FROM products")

    @allow(public)
    async def careless_quoted(self, col: str) -> list[Any]:
        return await self.raw(f'SELECT "{col}" FROM products')

    @allow(public)
    async def careless_column(self, col: str) -> list[Any]:
        statement = sa.select(sa.column("id")).select_from(sa.table("products"))
        async with self.engine.connect() as connection:
            found = await connection.execute(statement.order_by(sa.column(col)))
            return [list(row) for row in found]

    @allow(public)
    async def careless_where(self, field: str, v: str) -> list[Any]:
        return await self.rows(f"SELECT id FROM products WHERE {field} = :v", v=v)

    @allow(public)
    async def careless_stripped(self, sort: str) -> list[Any]:
        return await self.raw(f"SELECT id, name FROM products ORDER BY {sort.lstrip('-')} DESC")

    @allow(public)
    async def careless_ids(self, ids: str) -> list[Any]:
        joined = ",".join(ids.split(","))
        return await self.raw(f"SELECT id FROM products WHERE id IN ({joined})")

    @allow(public)
    async def careless_changed(self, q: str, how: str = "plain") -> list[Any]:
        return await self.raw(f"SELECT id FROM products WHERE name = '{CHANGES[how](q)}'")

    @allow(public)
    async def careless_number(self, q: str, how: str = "plain") -> list[Any]:
        return await self.raw(f"SELECT id FROM products WHERE price = {CHANGES[how](q)}")

    @allow(public)
    async def careless_names(self, request: Request) -> list[Any]:
        changes = ", ".join(f"{key} = 'x'" for key in await request.json())
        async with self.engine.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE products SET {changes} WHERE id = 1")
        return []

    @allow(public)
    async def careless_parameters(self, request: Request) -> list[Any]:
        conditions = " AND ".join(f"{key} = 1" for key in request.query_params)
        return await self.raw(f"SELECT id FROM products WHERE {conditions}")

    @allow(public)
    async def careless_precision(self, n: str) -> list[Any]:
        precision: Any = n
        exact = sa.cast(PRODUCTS.c.name, sa.Numeric(precision, asdecimal=False))
        return await self.found(sa.select(sa.type_coerce(exact, sa.String)))

    @allow(public)
    async def careless_function(self, f: str) -> list[Any]:
        return await self.found(sa.select(getattr(sa.func, f)(PRODUCTS.c.name)))

    @allow(public)
    async def careless_label(self, name: str) -> list[Any]:
        return await self.found(sa.select(PRODUCTS.c.name.label(quoted_name(name, quote=False))))

    @allow(public)
    async def careless_beside_identifier(self, sort: str, v: str) -> list[Any]:
        column = identifier(sort, among=("rank", "user_id"))
        return await self.raw(f"SELECT id FROM products WHERE user_id = {v} ORDER BY {column}")

    async def found(self, statement: sa.Select[Any]) -> list[Any]:
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.execute(statement)]

    def app(self) -> FastAPI:
        made = FastAPI(openapi_url=None)
        for name in dir(type(self)):
            handler: Callable[..., Any] = getattr(self, name)
            if name.startswith("_") or name in ("app", "found", "rows", "raw", "known_columns"):
                continue
            methods = ["POST"] if name == "careless_names" else ["GET"]
            path = f"/{name}/{{q}}" if name == "in_a_path" else f"/{name}"
            made.add_api_route(path, handler, methods=methods)
        return made


ALLOWED_TERMS = {"rank": "rank", "name": "name"}

CHANGES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64decode(text).decode(),
    "reversed": lambda text: text[::-1],
    "replaced": lambda text: text.replace("_", " ").replace("!", "'"),
    "cut": lambda text: text[:100],
    "split": lambda text: " ".join(text.split()),
    "first": lambda text: text.split("|")[0],
    "upper": str.upper,
    "hexadecimal": lambda text: bytes.fromhex(text).decode(),
    "every second": lambda text: text[::2],
}


def unused(parts: Iterable[str]) -> str:
    """Names a column that no query shows, and no query uses."""
    return ", ".join([*parts, "secret"])
