"""SQLAlchemy's own constructs, Core and ORM."""

import operator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import aliased, defer, joinedload, load_only, selectinload

from ringfence import identifier
from tests.attack.boundary.styles.tables import Order, Product, Rows, orders, products, rows, style

Q = dict[str, str]
SORTS = {"price": products.c.price, "rank": products.c.rank, "name": products.c.name}
FILTERS: dict[str, Any] = {"eq": operator.eq, "gt": operator.gt, "lt": operator.lt}
FIELDS = ("name", "price", "category", "rank")


@style("id=1", "id=2")
async def by_key(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(products).where(products.c.id == int(q["id"])))


@style("q=mug", "q=order by", "q=O'Brien", "q=50%25")
async def search(db: AsyncConnection, q: Q) -> Rows:
    words = products.c.name.ilike(f"%{q['q']}%") | products.c.category.contains(q["q"])
    return await rows(db, sa.select(products.c.id).where(words))


@style("q=o_d", "q=mug")
async def escaped_search(db: AsyncConnection, q: Q) -> Rows:
    found = products.c.name.icontains(q["q"], autoescape=True)
    return await rows(db, sa.select(products.c.id).where(found))


@style("sort=price&way=desc", "sort=rank")
async def sorted_by_mapping(db: AsyncConnection, q: Q) -> Rows:
    column = SORTS[q["sort"]]
    ordered = sa.desc(column) if q.get("way") == "desc" else sa.asc(column)
    return await rows(db, sa.select(products.c.id).order_by(ordered.nulls_last()))


@style("sort=price", "sort=-rank")
async def sorted_by_attribute(db: AsyncConnection, q: Q) -> Rows:
    name = q["sort"].lstrip("-")
    column = getattr(Product, name) if name in FIELDS else Product.id
    if q["sort"].startswith("-"):
        column = column.desc()
    return await rows(db, sa.select(Product.id).order_by(column))


@style("sort=price", "sort=rank")
async def sorted_by_table_column(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(products.c.id).order_by(products.c[q["sort"]]))


@style("sort=id", "sort=name")
async def sorted_by_label(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(products.c.id, products.c.name).order_by(q["sort"]))


@style("sort=price", "sort=rank")
async def sorted_by_identifier_text(db: AsyncConnection, q: Q) -> Rows:
    name = identifier(q["sort"], among=products.c.keys())
    return await rows(db, sa.select(products.c.id).order_by(sa.text(name)))


@style("page=1&size=2", "page=2&size=2")
async def paged(db: AsyncConnection, q: Q) -> Rows:
    size = int(q["size"])
    page = sa.select(products.c.id).order_by("id").limit(size).offset((int(q["page"]) - 1) * size)
    return await rows(db, page)


@style("after=1", "after=0")
async def keyset(db: AsyncConnection, q: Q) -> Rows:
    after = sa.tuple_(products.c.rank, products.c.id) > sa.tuple_(int(q["after"]), 0)
    return await rows(db, sa.select(products.c.id).where(after).order_by(products.c.rank))


@style("rank[gt]=1", "price[lt]=25&rank[eq]=1")
async def filters(db: AsyncConnection, q: Q) -> Rows:
    statement = sa.select(products.c.id)
    for key, value in q.items():
        name, how = key.rstrip("]").split("[")
        statement = statement.where(FILTERS[how](products.c[name], int(value)))
    return await rows(db, statement.order_by(products.c.id))


@style("category=tea&secret=b", "name=red mug")
async def filter_by(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(Product.id).filter_by(**q))


@style("ids=1,2,3", "ids=")
async def in_list(db: AsyncConnection, q: Q) -> Rows:
    ids = [int(each) for each in q["ids"].split(",") if each]
    return await rows(db, sa.select(products.c.id).where(products.c.id.in_(ids)))


@style("n=3000")
async def in_long_list(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(products.c.id).where(products.c.id.in_(range(int(q["n"])))))


@style()
async def joined(db: AsyncConnection, q: Q) -> Rows:
    statement = sa.select(orders.c.note, products.c.name).select_from(
        orders.join(products, orders.c.product_id == products.c.id)
    )
    return await rows(db, statement.order_by(orders.c.id))


@style()
async def outer_joined(db: AsyncConnection, q: Q) -> Rows:
    total = sa.func.coalesce(sa.func.sum(Order.amount), 0).label("total")
    statement = sa.select(Product.id, total).outerjoin(Order).group_by(Product.id)
    return await rows(db, statement.order_by(sa.desc("total"), Product.id))


@style("least=1")
async def grouped_having(db: AsyncConnection, q: Q) -> Rows:
    count = sa.func.count().label("n")
    statement = sa.select(products.c.category, count).group_by(products.c.category)
    return await rows(db, statement.having(count > int(q["least"])).order_by("category"))


@style("by=category", "by=rank")
async def reported_by(db: AsyncConnection, q: Q) -> Rows:
    column = products.c[q["by"]].label("bucket")
    statement = sa.select(column, sa.func.max(products.c.price)).group_by("bucket")
    return await rows(db, statement.order_by("bucket"))


@style("f=max", "f=min", "f=sum")
async def function_by_name(db: AsyncConnection, q: Q) -> Rows:
    allowed = {"max": sa.func.max, "min": sa.func.min, "sum": sa.func.sum}
    return await rows(db, sa.select(allowed[q["f"]](products.c.price)))


@style("f=avg", "f=count")
async def function_by_getattr(db: AsyncConnection, q: Q) -> Rows:
    if q["f"] not in {"avg", "count"}:
        return []
    return await rows(db, sa.select(getattr(sa.func, q["f"])(products.c.price)))


@style()
async def windowed(db: AsyncConnection, q: Q) -> Rows:
    number = sa.func.row_number().over(
        partition_by=products.c.category, order_by=products.c.price.desc()
    )
    total = sa.func.sum(products.c.price).over(order_by=products.c.id, rows=(None, 0))
    near = sa.func.sum(products.c.price).over(order_by=products.c.id, range_=(-1, 1))
    return await rows(db, sa.select(products.c.id, number, total, near).order_by(products.c.id))


@style("least=15")
async def filtered_aggregate(db: AsyncConnection, q: Q) -> Rows:
    dear = sa.func.count(products.c.id).filter(products.c.price > int(q["least"]))
    return await rows(db, sa.select(dear))


@style()
async def cases(db: AsyncConnection, q: Q) -> Rows:
    kind = sa.case((products.c.price > 15, "dear"), (products.c.price > 5, "fair"), else_="cheap")
    other = sa.case({"tea": 1, "food": 2}, value=products.c.category)
    return await rows(db, sa.select(products.c.id, kind.label("kind"), other).order_by("id"))


@style("least=15")
async def common_table(db: AsyncConnection, q: Q) -> Rows:
    dear = sa.select(products).where(products.c.price > int(q["least"])).cte("dear")
    return await rows(db, sa.select(dear.c.id).order_by(dear.c.id))


@style("n=4")
async def recursive(db: AsyncConnection, q: Q) -> Rows:
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    more = sa.select(numbers.c.n + 1).where(numbers.c.n < int(q["n"]))
    return await rows(db, sa.select(numbers.union_all(more).c.n))


@style("owner=alice")
async def subqueried(db: AsyncConnection, q: Q) -> Rows:
    bought = sa.select(orders.c.product_id).where(orders.c.owner == q["owner"])
    found = sa.exists().where(orders.c.product_id == products.c.id)
    return await rows(db, sa.select(products.c.id).where(products.c.id.in_(bought), found))


@style()
async def scalar_subquery(db: AsyncConnection, q: Q) -> Rows:
    count = sa.select(sa.func.count(Order.id)).where(Order.product_id == Product.id)
    return await rows(db, sa.select(Product.id, count.scalar_subquery()).order_by(Product.id))


@style()
async def united(db: AsyncConnection, q: Q) -> Rows:
    both = sa.union_all(sa.select(products.c.name), sa.select(orders.c.owner)).subquery("both")
    return await rows(db, sa.select(both.c.name).order_by("name"))


@style()
async def aliases(db: AsyncConnection, q: Q) -> Rows:
    other = aliased(Product, name="other")
    statement = sa.select(Product.id, other.id).join(other, other.rank == Product.rank + 1)
    return await rows(db, statement.order_by(Product.id))


@style("q=tea", "q=nothing")
async def counted_page(db: AsyncConnection, q: Q) -> Rows:
    inner = sa.select(products).where(products.c.category == q["q"]).subquery()
    return await rows(db, sa.select(sa.func.count()).select_from(inner))


@style("q=x")
async def inserted(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.insert(orders).values(id=9, owner=q["q"], note="", amount=1))


@style("q=x")
async def inserted_many(db: AsyncConnection, q: Q) -> Rows:
    values = [{"id": 8, "owner": q["q"], "note": "a"}, {"id": 9, "owner": "y", "note": "b"}]
    return await rows(db, orders.insert(), values)


@style("q=x")
async def inserted_rows(db: AsyncConnection, q: Q) -> Rows:
    values = [{"id": 8, "owner": q["q"], "note": "a"}, {"id": 9, "owner": "y", "note": "b"}]
    return await rows(db, sa.insert(orders).values(values).returning(orders.c.id))


@style()
async def inserted_from(db: AsyncConnection, q: Q) -> Rows:
    some = sa.select(products.c.id + 100, products.c.name)
    return await rows(db, sa.insert(orders).from_select(["id", "owner"], some))


@style("name=owner&value=x", "name=note&value=secret")
async def inserted_by_name(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, orders.insert().values(**{"id": 9, q["name"]: q["value"]}))


@style("name=x", "rank=9&price=5")
async def patched(db: AsyncConnection, q: Q) -> Rows:
    numbers = {"price", "rank"}
    changes = {k: int(v) if k in numbers else v for k, v in q.items() if k in FIELDS}
    statement = sa.update(Product).where(Product.id == 1).values(changes)
    return await rows(db, statement.returning(Product.id))


@style("by=5")
async def computed_update(db: AsyncConnection, q: Q) -> Rows:
    changed = products.update().values(price=products.c.price + int(q["by"]))
    return await rows(db, changed.where(products.c.category.in_(["tea"])))


@style("id=1")
async def deleted(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.delete(orders).where(orders.c.id == sa.bindparam("it")), {"it": 1})


@style("name=x")
async def upserted(db: AsyncConnection, q: Q) -> Rows:
    made = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    new = made(products).values(id=1, name=q["name"])
    changed = {"name": new.excluded.name, "rank": products.c.rank + 1}
    kept = new.on_conflict_do_update(
        index_elements=["id"], set_=changed, where=products.c.price > 3
    )
    return await rows(db, kept.returning(products.c.id))


@style()
async def upserted_nothing(db: AsyncConnection, q: Q) -> Rows:
    made = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    new = made(products).values({"id": 1, "name": "x"})
    return await rows(db, new.on_conflict_do_nothing(index_elements=[products.c.id]))


@style("part=year", "part=month")
async def extracted(db: AsyncConnection, q: Q) -> Rows:
    parts = {"year": "year", "month": "month"}
    if db.dialect.name == "postgresql":
        return await rows(db, sa.select(sa.extract(parts[q["part"]], sa.func.now()) > 0))
    return await rows(db, sa.select(sa.extract(parts[q["part"]], sa.literal("2026-01-02"))))


@style(only="postgresql")
async def listed_values(db: AsyncConnection, q: Q) -> Rows:
    given = sa.values(sa.column("n", sa.Integer), sa.column("s", sa.String), name="given")
    return await rows(db, sa.select(given.data([(1, "a"), (2, "b")])).order_by("n"))


@style("size=2", "size=1")
async def json_paths(db: AsyncConnection, q: Q) -> Rows:
    size = products.c.data["size"].as_integer()
    deep = products.c.data[("of", "what")].as_string()
    return await rows(db, sa.select(products.c.id, deep).where(size >= int(q["size"])))


@style("key=size", "key=of")
async def json_by_key(db: AsyncConnection, q: Q) -> Rows:
    return await rows(db, sa.select(products.c.data[q["key"]].as_string()).order_by("id"))


@style("key=size", only="postgresql")
async def jsonb_operators(db: AsyncConnection, q: Q) -> Rows:
    data = sa.cast(products.c.data, postgresql.JSONB)
    found = data.has_key(q["key"]) & data.contains({"size": 2})
    return await rows(db, sa.select(products.c.id, data["size"].astext).where(found))


@style(only="postgresql")
async def arrays(db: AsyncConnection, q: Q) -> Rows:
    tags = postgresql.array([1, 2])
    found = sa.select(sa.func.unnest(tags).label("n")).subquery()
    more = tags.contains([1]) & (sa.literal(2) == sa.any_(tags))
    return await rows(db, sa.select(found.c.n).where(more).order_by("n"))


@style(only="postgresql")
async def aggregated(db: AsyncConnection, q: Q) -> Rows:
    names = sa.func.string_agg(
        products.c.name, postgresql.aggregate_order_by(sa.literal(","), products.c.id.desc())
    )
    middle = sa.func.percentile_cont(0.5).within_group(products.c.price)
    return await rows(db, sa.select(names, middle))


@style("q=mug", only="postgresql")
async def full_text(db: AsyncConnection, q: Q) -> Rows:
    words = sa.func.to_tsvector("simple", products.c.name)
    one = words.bool_op("@@")(sa.func.websearch_to_tsquery("simple", q["q"]))
    two = products.c.name.match(q["q"], postgresql_regconfig="simple")
    return await rows(db, sa.select(products.c.id).where(one, two))


@style("n=3", only="postgresql")
async def generated(db: AsyncConnection, q: Q) -> Rows:
    series = (
        sa.func.generate_series(1, int(q["n"]))
        .table_valued("value", name="series")
        .render_derived()
    )
    return await rows(db, sa.select(series.c.value))


@style(only="postgresql")
async def sampled(db: AsyncConnection, q: Q) -> Rows:
    some = sa.tablesample(products, sa.func.bernoulli(100), name="some", seed=sa.literal(1))
    return await rows(db, sa.select(some.c.id).order_by(some.c.id))


@style("id=1", only="postgresql")
async def locked(db: AsyncConnection, q: Q) -> Rows:
    statement = sa.select(products.c.id).where(products.c.id == int(q["id"]))
    return await rows(db, statement.with_for_update(skip_locked=True, of=products))


@style(only="postgresql")
async def lateral(db: AsyncConnection, q: Q) -> Rows:
    last = sa.select(orders.c.note).where(orders.c.product_id == products.c.id).limit(1)
    found = last.lateral("last")
    return await rows(db, sa.select(products.c.id, found.c.note).join(found, sa.true()))


@style(only="sqlite")
async def json_each(db: AsyncConnection, q: Q) -> Rows:
    each = sa.func.json_each(products.c.data).table_valued("key", "value", joins_implicitly=True)
    return await rows(db, sa.select(products.c.id, each.c.key).select_from(products, each))


@style("type=Integer", "type=String")
async def cast_by_name(db: AsyncConnection, q: Q) -> Rows:
    types = {"Integer": sa.Integer(), "String": sa.String(20), "Numeric": sa.Numeric(10, 2)}
    return await rows(db, sa.select(sa.cast(products.c.price, types[q["type"]])).order_by("id"))


@style()
async def translated(db: AsyncConnection, q: Q) -> Rows:
    schema = "public" if db.dialect.name == "postgresql" else "main"
    table = sa.Table("orders", sa.MetaData(), sa.Column("id", sa.Integer), schema="tenant")
    found = await db.execute(
        sa.select(table.c.id).order_by("id"),
        execution_options={"schema_translate_map": {"tenant": schema}},
    )
    return [list(row) for row in found]


@style()
async def literal_columns(db: AsyncConnection, q: Q) -> Rows:
    one = sa.literal_column("price * 2").label("double")
    lower = sa.literal_column("'it''s'", sa.String)
    return await rows(db, sa.select(one, lower).select_from(products).order_by(sa.text("1 DESC")))


@style(only="sqlite")
async def hinted(db: AsyncConnection, q: Q) -> Rows:
    plain = sa.select(products.c.id).with_hint(products, "NOT INDEXED", "sqlite")
    return await rows(db, plain.prefix_with("DISTINCT").order_by(products.c.id))


@style("op=%2B", "op=-")
async def own_operators(db: AsyncConnection, q: Q) -> Rows:
    ways = {"+": "+", "-": "-"}
    return await rows(db, sa.select(products.c.price.op(ways[q["op"]])(1)).order_by("id"))


@style("sep=-")
async def concatenated(db: AsyncConnection, q: Q) -> Rows:
    both = products.c.name + q["sep"] + sa.cast(products.c.price, sa.String)
    return await rows(db, sa.select(both.label("both")).order_by("both"))


@style("q=r", "q=[")
async def compared_in_ways(db: AsyncConnection, q: Q) -> Rows:
    c = products.c
    found = (
        c.name.startswith(q["q"], autoescape=True) | c.price.between(1, 2) | c.secret.is_(None)
    ) & sa.not_(c.rank.is_distinct_from(3))
    return await rows(
        db,
        sa.select(c.id).where(
            found,
            c.name.collate("C") != ""
            if db.dialect.name == "postgresql"
            else c.name.collate("NOCASE") != "",
        ),
    )


# ------------------------------------------------------------------------------------ ORM


@style("id=1")
async def orm_get(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        found = await session.get(Product, int(q["id"]))
        return [[found.name if found else None]]


@style("owner=alice", "owner=select")
async def orm_eager(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        wanted = sa.select(Order).options(joinedload(Order.product).options(defer(Product.secret)))
        found = await session.scalars(wanted.where(Order.owner == q["owner"]))
        return [[each.note, each.product.name] for each in found]


@style("sort=name")
async def orm_select_in(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        wanted = sa.select(Product).options(
            selectinload(Product.orders), load_only(Product.id, Product.name)
        )
        found = await session.scalars(wanted.order_by(getattr(Product, q["sort"])))
        return [[each.id, len(each.orders)] for each in found]


@style("name=x")
async def orm_unit_of_work(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        found = await session.get_one(Product, 1)
        found.name = q["name"]
        session.add(Order(id=9, owner="x", note=q["name"], amount=1, product_id=1))
        await session.flush()
        await session.delete(await session.get_one(Order, 2))
        await session.flush()
        again = await session.scalar(sa.select(sa.func.count(Order.id)))
        await session.rollback()
        return [[again]]


@style("q=mug")
async def orm_relationship(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        wanted = sa.select(Order.id).where(Order.product.has(Product.name.contains(q["q"])))
        some = sa.select(Product.id).where(Product.orders.any(Order.owner == "alice"))
        return [[each] for each in (*await session.scalars(wanted), *await session.scalars(some))]


@style("q=tea")
async def orm_legacy_query(db: AsyncConnection, q: Q) -> Rows:
    def ask(session: Any) -> Rows:
        query = session.query(Product.id, sa.func.length(Product.name))
        return [list(row) for row in query.filter_by(category=q["q"]).order_by(Product.id.desc())]

    async with AsyncSession(db) as session:
        return await session.run_sync(ask)


@style("owner=alice")
async def orm_from_text(db: AsyncConnection, q: Q) -> Rows:
    text = sa.text("SELECT * FROM orders WHERE owner = :owner ORDER BY id")
    async with AsyncSession(db) as session:
        found = await session.scalars(sa.select(Order).from_statement(text), {"owner": q["owner"]})
        return [[each.note] for each in found]


@style("rank=1")
async def orm_bulk(db: AsyncConnection, q: Q) -> Rows:
    async with AsyncSession(db) as session:
        await session.execute(sa.update(Product), [{"id": 1, "rank": int(q["rank"])}])
        await session.execute(sa.delete(Order).where(Order.id == 2))
        added = await session.scalars(
            sa.insert(Order).returning(Order.id), [{"id": 7, "owner": "x", "note": "y"}]
        )
        return [[each] for each in added]
