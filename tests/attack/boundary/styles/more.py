"""More texts, as another hand writes them: written after the guard, and not for it."""

import inspect
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.attack.boundary.styles.tables import Rows, products, rows, style

COLUMNS = ["id", "name"]
FIELDS = ", ".join(COLUMNS)
SELECT = f"SELECT {FIELDS} FROM products"
ALLOWED = {"name", "category", "price"}
TABLE = "products"
OPS = {"eq": "=", "gt": ">", "lt": "<", "like": "LIKE"}
JOINS = {"orders": " JOIN orders o ON o.product_id = p.id"}


class Q:
    BY_ID = "SELECT id, name FROM products WHERE id = :id"
    ALL = "SELECT id FROM products"


class Base:
    table = ""
    pk = "id"

    def __init__(self, db: AsyncConnection) -> None:
        self.db = db

    async def get(self, key: int) -> Rows:
        return await rows(
            self.db, sa.text(f"SELECT * FROM {self.table} WHERE {self.pk} = :key"), {"key": key}
        )

    async def page(self, limit: int, offset: int, order: str = "id") -> Rows:
        return await rows(
            self.db,
            sa.text(f"SELECT {self.pk} FROM {self.table} ORDER BY {order} LIMIT :l OFFSET :o"),
            {"l": limit, "o": offset},
        )


class ProductRepo(Base):
    table = "products"


@style("id=1")
async def of_a_base_class(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await ProductRepo(db).get(int(q["id"]))


@style("n=2")
async def page_of_a_base_class(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await ProductRepo(db).page(int(q["n"]), 0)


@style("n=2")
async def sorted_page_of_a_base_class(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await ProductRepo(db).page(int(q["n"]), 0, order="name")


@style("q=mug&min=3", "min=3", "")
async def conditions_added(db: AsyncConnection, q: dict[str, str]) -> Rows:
    sql = "SELECT id FROM products WHERE 1 = 1"
    p: dict[str, Any] = {}
    if "q" in q:
        sql = sql + " AND name LIKE :q"
        p["q"] = f"%{q['q']}%"
    if "min" in q:
        sql = sql + " AND price >= :min"
        p["min"] = int(q["min"])
    return await rows(db, sa.text(sql), p)


@style("x=1", "")
async def lines_joined(db: AsyncConnection, q: dict[str, str]) -> Rows:
    lines = ["SELECT id", "FROM products"]
    if "x" in q:
        lines.append("WHERE rank > 0")
    lines.append("ORDER BY id")
    return await rows(db, sa.text("\n".join(lines)))


@style("asc=1", "asc=")
async def direction_chosen(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(
        db, sa.text(f"SELECT id FROM products ORDER BY price {'ASC' if q['asc'] else 'DESC'}")
    )


@style("s=p", "s=r", "s=x")
async def column_matched(db: AsyncConnection, q: dict[str, str]) -> Rows:
    match q["s"]:
        case "p":
            column = "price"
        case "r":
            column = "rank DESC"
        case _:
            column = "id"
    return await rows(db, sa.text(f"SELECT name FROM products ORDER BY {column}"))


@style("s=price")
async def percent_named(db: AsyncConnection, q: dict[str, str]) -> Rows:
    text = "SELECT id FROM %(table)s WHERE price > %(least)d" % {"table": TABLE, "least": 3}  # noqa: UP031  # as found
    return await rows(db, sa.text(text))


@style("")
async def cleaned_text(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(
        db,
        sa.text(
            inspect.cleandoc("""
        SELECT id,
               name
        FROM products
        ORDER BY id
    """)
        ),
    )


@style("")
async def constants_made(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(db, sa.text(SELECT + " ORDER BY id"))


@style("id=1")
async def query_of_a_class(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(db, sa.text(Q.BY_ID), {"id": int(q["id"])})


@style("w=red mug", "w=a b c")
async def words_numbered(db: AsyncConnection, q: dict[str, str]) -> Rows:
    words = q["w"].split()
    cond = " OR ".join(["name LIKE :w%d" % i for i in range(len(words))])  # noqa: UP031  # as found
    return await rows(
        db,
        sa.text("SELECT id FROM products WHERE " + cond),
        {f"w{i}": f"%{w}%" for i, w in enumerate(words)},
    )


@style("n=3")
async def rows_numbered(db: AsyncConnection, q: dict[str, str]) -> Rows:
    n = int(q["n"])
    vals = ", ".join(f"(:a{i}, :b{i})" for i in range(n))
    p: dict[str, Any] = {}
    for i in range(n):
        p[f"a{i}"] = 100 + i
        p[f"b{i}"] = "x"
    return await rows(db, sa.text(f"INSERT INTO orders (id, owner) VALUES {vals}"), p)


@style("name=x&category=y&evil=1", "name=z")
async def set_of_allowed(db: AsyncConnection, q: dict[str, str]) -> Rows:
    data = {k: v for k, v in q.items() if k in ALLOWED}
    sets = ", ".join(f"{k}=:{k}" for k in data if k in ALLOWED)
    return await rows(db, sa.text(f"UPDATE products SET {sets} WHERE id = 1"), data)


@style("c=tea")
async def counted_and_paged(db: AsyncConnection, q: dict[str, str]) -> Rows:
    base = "SELECT id FROM products WHERE category = :c"
    total = await rows(db, sa.text(f"SELECT count(*) FROM ({base}) AS t"), {"c": q["c"]})
    page = await rows(db, sa.text(f"{base} ORDER BY id LIMIT {5} OFFSET {0}"), {"c": q["c"]})
    return total + page


@style("f=price&op=gt&v=5", "f=name&op=like&v=a%25")
async def operator_mapped(db: AsyncConnection, q: dict[str, str]) -> Rows:
    if q["f"] not in ALLOWED:
        return []
    v = int(q["v"]) if q["v"].isdigit() else q["v"]
    return await rows(
        db, sa.text(f"SELECT id FROM products WHERE {q['f']} {OPS[q['op']]} :v"), {"v": v}
    )


@style("with=orders", "")
async def join_mapped(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(
        db, sa.text(f"SELECT p.id FROM products p{JOINS.get(q.get('with', ''), '')} ORDER BY p.id")
    )


@style("cols=id,name")
async def columns_filtered(db: AsyncConnection, q: dict[str, str]) -> Rows:
    cols = [c for c in q["cols"].split(",") if c in ("id", "name", "price")]
    return await rows(db, sa.text(f"SELECT {', '.join(cols)} FROM products"))


@style("sort=-price,rank")
async def signed_sorts(db: AsyncConnection, q: dict[str, str]) -> Rows:
    parts: list[str] = []
    for each in q["sort"].split(","):
        desc = each.startswith("-")
        name = each.lstrip("-")
        if name in {"price", "rank"}:
            parts.append(f"{name} {'DESC' if desc else 'ASC'}")
    return await rows(db, sa.text("SELECT id FROM products ORDER BY " + ", ".join(parts)))


def build_where(f: dict[str, Any]) -> str:
    out: list[str] = []
    for k in f:
        if k == "category":
            out.append("category = :category")
        elif k == "least":
            out.append("price >= :least")
    return ("WHERE " + " AND ".join(out)) if out else ""


@style("category=tea&least=2", "category=tea")
async def conditions_by_key(db: AsyncConnection, q: dict[str, str]) -> Rows:
    f = {k: int(v) if v.isdigit() else v for k, v in q.items()}
    return await rows(db, sa.text(f"SELECT id FROM products {build_where(f)} ORDER BY id"), f)


@style("n=10")
async def numbers_in_a_cte(db: AsyncConnection, q: dict[str, str]) -> Rows:
    sql = f"""
        WITH t AS (SELECT id, price FROM products WHERE price > {int(q["n"])})
        SELECT t.id FROM t ORDER BY t.price DESC LIMIT {min(int(q["n"]), 100)}
    """
    return await rows(db, sa.text(sql))


@style("group=category", "group=rank")
async def group_mapped(db: AsyncConnection, q: dict[str, str]) -> Rows:
    g = {"category": "category", "rank": "rank"}[q["group"]]
    return await rows(
        db,
        sa.text(
            f"SELECT {g} AS bucket, sum(price) AS total FROM products GROUP BY {g} ORDER BY 2 DESC"
        ),
    )


@style("agg=max", "agg=min")
async def aggregate_checked(db: AsyncConnection, q: dict[str, str]) -> Rows:
    if q["agg"] not in ("max", "min"):
        raise ValueError
    return await rows(db, sa.text(f"SELECT {q['agg']}(price) FROM products"))


@style("q=x")
async def any_of_columns(db: AsyncConnection, q: dict[str, str]) -> Rows:
    stmt = sa.select(products.c.id).where(
        sa.or_(*[products.c[c].ilike(f"%{q['q']}%") for c in ("name", "category")])
    )
    return await rows(db, stmt)


@style("t=1")
async def condition_chosen(db: AsyncConnection, q: dict[str, str]) -> Rows:
    cond = "rank > 0" if q["t"] == "1" else "rank <= 0"
    return await rows(db, sa.select(products.c.id).where(sa.text(cond)))


@style("u=5")
async def number_in_a_column(db: AsyncConnection, q: dict[str, str]) -> Rows:
    return await rows(
        db, sa.select(products.c.id, sa.literal_column(f"price * {int(q['u'])}").label("v"))
    )


@style("s=name")
async def column_got(db: AsyncConnection, q: dict[str, str]) -> Rows:
    col = {"name": products.c.name}.get(q["s"], products.c.id)
    return await rows(
        db, sa.select(sa.func.lower(col)).order_by(sa.func.length(col), sa.nullslast(sa.desc(col)))
    )


@style("")
async def columns_of_the_metadata(db: AsyncConnection, q: dict[str, str]) -> Rows:
    fields = ", ".join(products.c.keys())
    return await rows(db, sa.text(f"SELECT {fields} FROM products ORDER BY id"))


@style("f=name,price", "f=id")
async def columns_checked_by_the_metadata(db: AsyncConnection, q: dict[str, str]) -> Rows:
    fields = [each for each in q["f"].split(",") if each in products.c.keys()]  # noqa: SIM118  # as found
    return await rows(db, sa.text(f"SELECT {', '.join(fields)} FROM products ORDER BY id"))
