"""Which part of a compiled statement is an application's own text."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import Compiled
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import UserDefinedType

from ringfence.boundary.sql.sources import Sources, sources

NOTHING = Sources(frozenset())


class Model(orm.DeclarativeBase):
    pass


class Product(Model):
    __tablename__ = "products"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    price: orm.Mapped[int]
    parts: orm.Mapped[list["Part"]] = orm.relationship(back_populates="product")


class Part(Model):
    __tablename__ = "parts"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    product_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("products.id"))
    product: orm.Mapped[Product] = orm.relationship(back_populates="parts")


@pytest.fixture
def engine() -> sa.Engine:
    made = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Model.metadata.create_all(made)
    return made


def compiled(engine: sa.Engine, act: Callable[[orm.Session], object]) -> list[Compiled]:
    """Every compiled statement that ``act`` makes the session send."""
    seen: list[Compiled] = []

    def keep(*sent: Any) -> None:
        if (found := sent[4].compiled) is not None:
            seen.append(found)

    event.listen(engine, "before_cursor_execute", keep)
    with orm.Session(engine) as session:
        act(session)
    return seen


CONSTANT: dict[str, Callable[[orm.Session], object]] = {
    "select": lambda s: s.scalars(sa.select(Product).where(Product.name == "x").limit(3)).all(),
    "order": lambda s: s.execute(sa.select(Product.id).order_by(Product.price.desc())).all(),
    "join": lambda s: s.execute(sa.select(Product).join(Product.parts).where(Part.id > 1)).all(),
    "in": lambda s: s.execute(sa.select(Part).where(Part.id.in_([1, 2]))).all(),
    "like": lambda s: s.execute(sa.select(Product.name).where(Product.name.ilike("%x%"))).all(),
    "count": lambda s: s.execute(sa.select(sa.func.count()).select_from(Product)).all(),
    "case": lambda s: s.execute(sa.select(sa.case((Product.price > 1, "a"), else_="b"))).all(),
    "cast": lambda s: s.execute(sa.select(sa.cast(Product.price, sa.String))).all(),
    "label": lambda s: s.execute(sa.select(Product.name.label("x")).group_by(Product.name)).all(),
    "cte": lambda s: s.execute(sa.select(sa.select(Part.id).cte("c"))).all(),
    "union": lambda s: s.execute(sa.union_all(sa.select(Part.id), sa.select(Product.id))).all(),
    "subquery": lambda s: s.execute(sa.select(sa.select(Product).subquery().c.id)).all(),
    "get": lambda s: s.get(Product, 1),
    "insert": lambda s: s.execute(sa.insert(Product), [{"name": "a", "price": 1}] * 2),
    "update": lambda s: s.execute(sa.update(Product).where(Product.id == 1).values(name="b")),
    "delete": lambda s: s.execute(sa.delete(Part).where(Part.id == 1)),
    "selectin": lambda s: s.scalars(
        sa.select(Product).options(orm.selectinload(Product.parts))
    ).all(),
    "criteria": lambda s: s.scalars(
        sa.select(Product).options(orm.with_loader_criteria(Product, Product.price > 0))
    ).all(),
}


@pytest.mark.parametrize("act", CONSTANT.values(), ids=CONSTANT)
def test_what_sqlalchemy_made_itself_is_constant(
    engine: sa.Engine, act: Callable[[orm.Session], object]
) -> None:
    statements = compiled(engine, act)
    assert statements
    assert all(sources(each) == NOTHING for each in statements)


def test_what_the_unit_of_work_sends_is_constant(engine: sa.Engine) -> None:
    def work(session: orm.Session) -> None:
        product = Product(name="a", price=1, parts=[Part(), Part()])
        session.add(product)
        session.flush()
        product.name = "b"
        session.flush()
        session.refresh(product)
        session.expire_all()
        assert len(product.parts) == 2
        session.delete(product.parts[0])
        session.flush()

    statements = compiled(engine, work)
    assert len(statements) > 5
    assert all(sources(each) == NOTHING for each in statements)


def test_tables_that_are_made_are_constant(engine: sa.Engine) -> None:
    assert all(
        sources(each) == NOTHING
        for each in compiled(engine, lambda s: s.execute(sa.schema.DropTable(Part.__table__)))  # pyright: ignore[reportArgumentType]  # a Table at run time
    )


OWN: dict[str, tuple[sa.Executable, str]] = {
    "text": (sa.text("SELECT 1"), "SELECT 1"),
    "a condition": (sa.select(Product).where(sa.text("price > 1")), "price > 1"),
    "an order": (sa.select(Product).order_by(sa.text("price")), "price"),
    "a named order": (sa.select(Product).order_by("price"), "price"),
    "from_statement": (
        sa.select(Product).from_statement(sa.text("SELECT * FROM products")),
        "SELECT * FROM products",
    ),
    "columns": (sa.text("SELECT 1 AS a").columns(sa.column("a")), "SELECT 1 AS a"),
    "literal_column": (sa.select(sa.literal_column("1 + 1")), "1 + 1"),
    "a column by name": (sa.select(sa.column("price")).select_from(Product), "price"),
    "a table by name": (sa.select(sa.text("1")).select_from(sa.table("products")), "products"),
    "a prefix": (sa.select(Product).prefix_with("DISTINCT"), "DISTINCT"),
    "a prefix of an insert": (
        sa.insert(Product).prefix_with("OR IGNORE").values(name="a", price=1),
        "OR IGNORE",
    ),
    "a suffix": (sa.select(Product).suffix_with("LIMIT 1"), "LIMIT 1"),
    "a hint": (sa.select(Product).with_statement_hint("LIMIT 1"), "LIMIT 1"),
    "a table's hint": (
        sa.select(Product).with_hint(Product, "NOT INDEXED", "sqlite"),
        "NOT INDEXED",
    ),
    "an operator": (sa.select(Product).where(Product.name.op("||")("a") == "b"), "||"),
    "a function": (sa.select(sa.func.lower(Product.name)), "lower"),
    "a loader's criterion": (
        sa.select(Product).options(
            orm.with_loader_criteria(Product, sa.literal_column("price > 0", sa.Boolean))
        ),
        "price > 0",
    ),
    "in a subquery": (
        sa.select(sa.select(sa.literal_column("1 + 1").label("x")).subquery()),
        "1 + 1",
    ),
    "in an exists": (
        sa.select(Product).where(sa.exists().where(Part.id > 0, sa.text("1 = 1"))),
        "1 = 1",
    ),
}


@pytest.mark.parametrize(("statement", "text"), OWN.values(), ids=OWN)
def test_what_an_application_wrote_is_found(
    engine: sa.Engine, statement: sa.Executable, text: str
) -> None:
    (found,) = compiled(engine, lambda session: session.execute(statement))
    own = sources(found)
    assert own is not None
    assert text in own.texts | own.functions


class Twice(ColumnElement[int]):
    """An element of an application's own."""

    inherit_cache = True
    type = sa.Integer()


@compiles(Twice)
def _twice(_element: Twice, _compiler: object, **_: object) -> str:
    return "1 + 1"


class Money(UserDefinedType[int]):
    """A type of an application's own."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "MONEY"


class Worded(ColumnElement[int]):
    """One that writes what it is given."""

    inherit_cache = False
    type = sa.Integer()

    def __init__(self, words: str) -> None:
        self.words = words


@compiles(Worded)
def _worded(element: Worded, _compiler: object, **_: object) -> str:
    return element.words


@pytest.mark.parametrize(
    ("statement", "texts"),
    [
        (sa.select(Twice()), set[str]()),
        (sa.select(Worded("1 + 2")), {"1 + 2"}),
        (sa.select(sa.cast(Product.price, Money())), set[str]()),
        (sa.lambda_stmt(lambda: sa.select(Product)), set[str]()),
        (sa.lambda_stmt(lambda: sa.select(Product).where(sa.text("price > 1"))), {"price > 1"}),
        (sa.select(Product).where(lambda: Product.price > 1), set[str]()),
        (
            sa.select(Product).where(lambda: sa.literal_column("price > 1", sa.Boolean)),
            {"price > 1"},
        ),
        (sa.insert(Product).values([{"name": "a", "price": 1}]), set[str]()),
        (sa.insert(Product).values([{"name": "a", "price": sa.text("1 + 1")}]), {"1 + 1"}),
        (sa.text("SELECT :a").bindparams(a=1), {"SELECT :a"}),
    ],
)
def test_what_has_no_key_of_its_own_is_read_element_by_element(
    engine: sa.Engine, statement: sa.Executable, texts: set[str]
) -> None:
    (found,) = compiled(engine, lambda session: session.execute(statement))
    own = sources(found)
    assert own is not None
    assert own.texts == texts


def test_of_ddl_that_is_text_nobody_knows(engine: sa.Engine) -> None:
    (found,) = compiled(engine, lambda session: session.execute(sa.DDL("CREATE TABLE x (y INT)")))
    assert sources(found) is None
