"""Statements as texts: constants, pieces put together, helpers, builders and files."""

import enum
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ringfence import identifier
from tests.attack.boundary.styles.conditions import BY_STATE, Filters, bounded, paging, where
from tests.attack.boundary.styles.tables import Rows, products, raw, rows, style

Q = dict[str, str]
HERE: Final = Path(__file__).parent
REPORT: Final = (HERE / "queries" / "report.sql").read_text()
COLUMNS = "id, name, price"
ORDER = {"price": "price", "new": "created DESC", "best": "rank ASC, price DESC"}
DIRECTION = {"asc": "ASC", "desc": "DESC"}
SORTABLE = ["price", "rank", "created"]
TABLES = {"goods": "products", "sales": "orders"}
Column = Literal["name", "price", "rank"]


class Sort(enum.Enum):
    """What may be sorted by."""

    PRICE = "price"
    RANK = "rank"


BASE = f"""
    SELECT {COLUMNS}
    FROM products
"""


def mark(db: AsyncConnection, number: int) -> str:
    """The driver's way to write a placeholder."""
    return f"${number}" if db.dialect.name == "postgresql" else "?"


def T(text: str, **values: Any) -> Any:  # noqa: N802  # short, as people have it
    return sa.text(text).bindparams(**values)


@style("id=1")
async def text_bound(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.text("SELECT name FROM products WHERE id = :id"), {"id": int(q["id"])})


@style("q=order by", "q=') OR 1=1 --")
async def text_like(db: AsyncConnection, q: Q) -> Rows:
    text = "SELECT id FROM products WHERE lower(name) LIKE lower(:q) OR category = :c ORDER BY id"
    return await rows(db, T(text, q=f"%{q['q']}%", c=q["q"]))


@style("id=1&name=x")
async def driver_placeholders(db: AsyncConnection, q: Q) -> Rows:
    sql = f"UPDATE products SET name = {mark(db, 1)} WHERE id = {mark(db, 2)}"
    return await raw(db, sql, (q["name"], int(q["id"])))


@style("sort=price&way=asc", "sort=best", "sort=new")
async def mapped_order(db: AsyncConnection, q: Q) -> Rows:
    way = DIRECTION[q.get("way", "asc")] if q["sort"] == "price" else ""
    return await rows(db, sa.text(f"SELECT id FROM products ORDER BY {ORDER[q['sort']]} {way}"))


@style("sort=price", "sort=rank")
async def checked_order(db: AsyncConnection, q: Q) -> Rows:
    sort = q["sort"] if q["sort"] in SORTABLE else "id"
    return await rows(db, sa.text("SELECT id FROM products ORDER BY " + sort + " DESC"))


@style("sort=price", "sort=-rank", "sort=nonsense")
async def signed_order(db: AsyncConnection, q: Q) -> Rows:
    sort, way = q["sort"].removeprefix("-"), "DESC" if q["sort"].startswith("-") else "ASC"
    if sort not in SORTABLE:
        sort = "created"
    return await rows(db, sa.text(f"{BASE} ORDER BY {sort} {way} LIMIT 10"))


@style("sort=rank&way=DESC", "sort=price&way=asc")
async def upper_order(db: AsyncConnection, q: Q) -> Rows:
    way = "DESC" if q["way"].lower() == "desc" else "ASC"
    text = "SELECT id FROM products ORDER BY %s %s" % (Sort(q["sort"]).value, way)  # noqa: UP031  # as found
    return await rows(db, sa.text(text))


@style("sort=rank,price", "sort=price")
async def many_orders(db: AsyncConnection, q: Q) -> Rows:
    terms = [each for each in q["sort"].split(",") if each in SORTABLE]
    ordered = ", ".join(f"{each} DESC NULLS LAST" for each in terms)
    return await rows(db, sa.text(f"SELECT id FROM products ORDER BY {ordered}"))


@style("sort=rank", "sort=price")
async def identified_order(db: AsyncConnection, q: Q) -> Rows:
    column = identifier(q["sort"], among=products.c.keys())
    return await rows(db, sa.text(f'SELECT id FROM products p ORDER BY p."{column}", id'))


@style("field=name&value=x", "field=price&value=9")
async def identified_set(db: AsyncConnection, q: Q) -> Rows:
    column = identifier(q["field"], among=products.c.keys())
    text = f"UPDATE products SET {column} = :v WHERE id = :id"
    value: Any = int(q["value"]) if q["value"].isdigit() else q["value"]
    return await rows(db, sa.text(text), {"v": value, "id": 1})


@style("name=x&category=y", "category=z")
async def set_of_several(db: AsyncConnection, q: Q) -> Rows:
    known = {"name", "category"}
    sets = ", ".join(f"{identifier(each, among=known)} = :{each}" for each in q)
    return await rows(db, sa.text(f"UPDATE products SET {sets} WHERE id = :key"), q | {"key": 1})


@style("name=x&category=y", "rank=1")
async def set_of_constants(db: AsyncConnection, q: Q) -> Rows:
    sets = [f"{each} = :{each}" for each in ("name", "category", "rank") if each in q]
    values = {k: int(v) if v.isdigit() else v for k, v in q.items()}
    text = "UPDATE products SET " + ", ".join(sets) + " WHERE id = :id"
    return await rows(db, sa.text(text), values | {"id": 1})


@style("field=name", "field=price")
async def identified_in_the_list(db: AsyncConnection, q: Q) -> Rows:
    column = identifier(q["field"], among=("name", "price"))
    return await rows(db, sa.text(f"SELECT id, {column} FROM products ORDER BY id"))


@style("fields=name,price", "fields=id")
async def identified_fields(db: AsyncConnection, q: Q) -> Rows:
    known = products.c.keys()
    fields = ", ".join(identifier(each, among=known) for each in q["fields"].split(","))
    return await rows(db, sa.text(f"SELECT {fields} FROM products ORDER BY id"))


@style("of=price", "of=rank")
async def identified_aggregate(db: AsyncConnection, q: Q) -> Rows:
    column = identifier(q["of"], among=("price", "rank"))
    return await rows(db, sa.text(f"SELECT max({column}) FROM products"))


@style("by=category", "by=rank")
async def identified_group(db: AsyncConnection, q: Q) -> Rows:
    column = identifier(q["by"], among=("category", "rank"))
    text = f"SELECT {column}, count(*) AS n FROM products GROUP BY {column} ORDER BY {column}"
    return await rows(db, sa.text(text))


@style("table=goods", "table=sales")
async def counted_table(db: AsyncConnection, q: Q) -> Rows:
    table = identifier(TABLES[q["table"]], among=TABLES.values())
    return await rows(db, sa.text(f"SELECT count(*) FROM {table}"))


@style("least=10", "least=0")
async def from_file(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.text(REPORT), {"least": int(q["least"])})


@style("which=cheap", "which=dear")
async def named_in_a_file(db: AsyncConnection, q: Q) -> Rows:
    parts = (HERE / "queries" / "listed.sql").read_text().split("-- name: ")[1:]
    named = dict(part.split("\n", 1) for part in parts)
    return await rows(db, sa.text(named[q["which"]].strip()), {"most": 15})


@style("q=mug", "q=&least=5", "q=a&least=5")
async def conditions_appended(db: AsyncConnection, q: Q) -> Rows:
    sql = "SELECT id FROM products WHERE 1=1"
    values: dict[str, Any] = {}
    if q.get("q"):
        sql += " AND name LIKE :q"
        values["q"] = f"%{q['q']}%"
    if q.get("least"):
        sql += " AND price >= :least"
        values["least"] = int(q["least"])
    sql += " ORDER BY id"
    return await rows(db, sa.text(sql), values)


@style("q=mug&category=tea", "q=mug", "")
async def conditions_of_a_helper(db: AsyncConnection, q: Q) -> Rows:
    clause, values = where(q)
    return await rows(db, sa.text(f"SELECT id FROM products{clause} ORDER BY id"), values)


@style("category=tea&least=1", "category=tea")
async def conditions_of_an_object(db: AsyncConnection, q: Q) -> Rows:
    chosen = Filters(q.get("category"), int(q.get("least", 0)))
    return await rows(db, sa.text(f"SELECT id FROM products {chosen.sql()}"), chosen.values())


@style("state=cheap", "state=dear", "state=all")
async def condition_by_state(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.text(f"SELECT id FROM products WHERE {BY_STATE[q['state']]}"))


@style("page=2&size=1", "page=1&size=50")
async def paged_by_a_helper(db: AsyncConnection, q: Q) -> Rows:
    sql = "SELECT id FROM products ORDER BY id " + paging(int(q["page"]), int(q["size"]))
    return await rows(db, sa.text(sql))


@style("low=5&high=25", "low=25")
async def bounded_by_a_helper(db: AsyncConnection, q: Q) -> Rows:
    clause, values = bounded("price", q.get("low"), q.get("high"))
    return await rows(db, sa.text(f"SELECT id FROM products WHERE {clause}"), values)


@style("q=mug", "q=")
async def conditional_expression(db: AsyncConnection, q: Q) -> Rows:
    text = f"SELECT id FROM products {'WHERE name LIKE :q' if q['q'] else ''} ORDER BY id"
    return await rows(db, sa.text(text), {"q": f"%{q['q']}%"} if q["q"] else {})


@style("deep=1", "")
async def joined_if_wanted(db: AsyncConnection, q: Q) -> Rows:
    join = "LEFT JOIN orders o ON o.product_id = p.id" if q.get("deep") else ""
    column = ", o.note" if q.get("deep") else ""
    text = f"""
        SELECT p.id{column}
        FROM products p
        {join}
        ORDER BY p.id
    """
    return await rows(db, sa.text(textwrap.dedent(text)))


@style("ids=1,2,3", "ids=-1")
async def list_of_numbers(db: AsyncConnection, q: Q) -> Rows:
    ids = ", ".join(str(int(each)) for each in q["ids"].split(","))
    return await rows(db, sa.text(f"SELECT id FROM products WHERE id IN ({ids}) ORDER BY id"))


@style("ids=1,2,3")
async def tuple_of_numbers(db: AsyncConnection, q: Q) -> Rows:
    ids = tuple(int(each) for each in q["ids"].split(","))
    return await rows(db, sa.text(f"SELECT id FROM products WHERE id IN {ids} ORDER BY id"))


@style("n=2", "n=3000")
async def list_of_placeholders(db: AsyncConnection, q: Q) -> Rows:
    numbers = list(range(int(q["n"])))
    marks = ",".join(mark(db, i) for i in range(1, len(numbers) + 1))
    sql = f"SELECT id FROM products WHERE id IN ({marks}) ORDER BY id"
    return await raw(db, sql, tuple(numbers))


@style("n=2", "n=3000")
async def list_of_names(db: AsyncConnection, q: Q) -> Rows:
    values = {f"id{i}": i for i in range(int(q["n"]))}
    marks = ", ".join(":" + name for name in values)
    return await rows(db, sa.text(f"SELECT id FROM products WHERE id IN ({marks})"), values)


@style("n=2", "n=3000")
async def rows_of_placeholders(db: AsyncConnection, q: Q) -> Rows:
    many = range(100, 100 + int(q["n"]))
    places = [f"({mark(db, 2 * i + 1)}, {mark(db, 2 * i + 2)})" for i in range(len(many))]
    values = [each for i in many for each in (i, "x")]
    sql = "INSERT INTO orders (id, owner) VALUES " + ", ".join(places)
    return await raw(db, sql, tuple(values))


@style("ids=1,2")
async def expanding(db: AsyncConnection, q: Q) -> Rows:
    text = sa.text("SELECT id FROM products WHERE id IN :ids ORDER BY id")
    ids = [int(each) for each in q["ids"].split(",")]
    return await rows(db, text.bindparams(sa.bindparam("ids", expanding=True)), {"ids": ids})


@style("n=3000")
async def expanding_long(db: AsyncConnection, q: Q) -> Rows:
    text = sa.text("SELECT id FROM products WHERE id IN :ids ORDER BY id")
    text = text.bindparams(sa.bindparam("ids", expanding=True))
    return await rows(db, text, {"ids": list(range(int(q["n"])))})


@style("id=1")
async def text_columns(db: AsyncConnection, q: Q) -> Rows:
    text = sa.text("SELECT id, name FROM products WHERE id = :id").bindparams(id=int(q["id"]))
    inner = text.columns(sa.column("id"), sa.column("name")).subquery("t")
    return await rows(db, sa.select(inner.c.name))


@style("q=mug")
async def where_text(db: AsyncConnection, q: Q) -> Rows:
    found = sa.select(products.c.id).where(sa.text("name LIKE :q AND price > 3"))
    return await rows(db, found.params(q=f"%{q['q']}%"))


@style("way=DESC")
async def templated(db: AsyncConnection, q: Q) -> Rows:
    text = Template("SELECT id FROM $table ORDER BY $column $way")
    made = text.substitute(table="products", column="price", way=DIRECTION[q["way"].lower()])
    return await rows(db, sa.text(made))


@style("sort=price")
async def formatted_by_name(db: AsyncConnection, q: Q) -> Rows:
    text = "SELECT {columns} FROM {table} ORDER BY {sort}"
    made = text.format(columns=COLUMNS, table="products", sort=ORDER[q["sort"]])
    return await rows(db, sa.text(made))


@style("days=7", "days=30")
async def interval(db: AsyncConnection, q: Q) -> Rows:
    days = int(q["days"])
    if db.dialect.name == "postgresql":
        return await rows(
            db, sa.text(f"SELECT id FROM products WHERE now() > now() - interval '{days} days'")
        )  # as found
    return await rows(
        db, sa.text(f"SELECT id FROM products WHERE 1 > date('now', '-{days} days') OR 1=1")
    )  # as found


@dataclass
class Select:
    """A builder, as small applications have one."""

    table: str
    columns: Sequence[str] = ("*",)
    conditions: list[str] = field(default_factory=list[str])
    order: str = ""

    def where(self, *conditions: str) -> "Select":
        self.conditions += conditions
        return self

    def sql(self) -> str:
        parts = [f"SELECT {', '.join(self.columns)} FROM {self.table}"]
        if self.conditions:
            parts.append("WHERE " + " AND ".join(self.conditions))
        if self.order:
            parts.append(f"ORDER BY {self.order}")
        return "\n".join(parts)


@style("q=mug", "q=")
async def built(db: AsyncConnection, q: Q) -> Rows:
    query = Select("products", ["id", "name"], order="id")
    if q["q"]:
        query.where("name LIKE :q")
    return await rows(db, sa.text(query.sql()), {"q": f"%{q['q']}%"} if q["q"] else {})


def insert_sql(table: str, names: Iterable[str]) -> str:
    columns = list(names)
    marks = ", ".join(f":{c}" for c in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


@style("owner=x&note=y")
async def built_insert(db: AsyncConnection, q: Q) -> Rows:
    row = {"id": 9, "owner": q["owner"], "note": q["note"], "amount": 1}
    return await rows(db, sa.text(insert_sql("orders", row)), row)


class Repository:
    """Constants of a class, and methods that use each other."""

    table = "orders"
    fields = ("id", "owner", "note")
    SELECT = "SELECT id, owner, note FROM orders"

    def __init__(self, db: AsyncConnection) -> None:
        self.db = db

    def by(self, column: str) -> str:
        return f"{self.SELECT} WHERE {column} = :value ORDER BY id"

    async def find(self, owner: str) -> Rows:
        return await rows(self.db, sa.text(self.by("owner")), {"value": owner})

    async def all(self) -> Rows:
        sql = f"SELECT {', '.join(self.fields)} FROM {self.table} ORDER BY id"
        return await rows(self.db, sa.text(sql))


@style("owner=alice", "owner=owner")
async def repository(db: AsyncConnection, q: Q) -> Rows:
    return await Repository(db).find(q["owner"]) + await Repository(db).all()


@style("column=name", "column=rank")
async def literal_type(db: AsyncConnection, q: Q) -> Rows:
    column: Column = q["column"]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # FastAPI checks it
    return await rows(db, sa.text(f"SELECT id FROM products ORDER BY {column}"))


@style("asc=1", "asc=0")
async def boolean_order(db: AsyncConnection, q: Q) -> Rows:
    way = ["DESC", "ASC"][int(q["asc"])]
    return await rows(db, sa.text(f"SELECT id, price FROM products ORDER BY price {way}, id"))


@style("least=15&most=25")
async def numbers_in_text(db: AsyncConnection, q: Q) -> Rows:
    low, high = int(q["least"]), float(q["most"])
    text = f"SELECT id FROM products WHERE price >= {low} AND price <= {high}"
    return await rows(db, sa.text(text))


@style("q=mug", "q=tea")
async def common_table_text(db: AsyncConnection, q: Q) -> Rows:
    text = """
        WITH ranked AS (
            SELECT id, name, category, row_number() OVER (PARTITION BY category ORDER BY rank) AS n
            FROM products
        )
        SELECT id /* the best of each */ FROM ranked WHERE n = 1 AND (name = :q OR category = :q)
    """
    return await rows(db, sa.text(text), {"q": q["q"]})
