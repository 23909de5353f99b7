"""The tables and models of the styles, and how one is registered."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Rows = list[list[Any]]
Style = Callable[[AsyncConnection, dict[str, str]], Awaitable[Rows]]

#: Each style by its name, with what a client sends to it.
STYLES: Final[dict[str, tuple[Style, tuple[str, ...]]]] = {}
#: Those that one database alone understands.
ONLY: Final[dict[str, str]] = {}


def style(*queries: str, only: str = "") -> Callable[[Style], Style]:
    """Register a style with the query strings that are tried."""

    def register(made: Style) -> Style:
        STYLES[made.__name__] = made, queries or ("",)
        if only:
            ONLY[made.__name__] = only
        return made

    return register


async def rows(db: AsyncConnection, statement: Any, *values: Any) -> Rows:
    """What ``statement`` finds; the number of rows where it finds nothing to show."""
    done = await db.execute(statement, *values)
    return [list(row) for row in done] if done.returns_rows else [[done.rowcount]]


async def raw(db: AsyncConnection, statement: str, *values: Any) -> Rows:
    """The same for the driver's own SQL."""
    done = await db.exec_driver_sql(statement, *values)
    return [list(row) for row in done] if done.returns_rows else [[done.rowcount]]


class Base(DeclarativeBase):
    """The models."""


class Product(Base):
    """What is sold."""

    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    category: Mapped[str]
    rank: Mapped[int]
    created: Mapped[int]
    secret: Mapped[str]
    data: Mapped[Any] = mapped_column(sa.JSON)
    orders: Mapped[list["Order"]] = relationship(back_populates="product")


class Order(Base):
    """Who bought it."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    note: Mapped[str]
    amount: Mapped[int]
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    product: Mapped[Product] = relationship(back_populates="orders")


products: Final = Base.metadata.tables["products"]
orders: Final = Base.metadata.tables["orders"]

SCHEMA: Final = (
    """CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price INT, category TEXT,
        rank INT, created INT, secret TEXT, data JSON)""",
    """CREATE TABLE orders (id INTEGER PRIMARY KEY, owner TEXT, note TEXT, amount INT,
        product_id INT)""",
    """INSERT INTO products VALUES
        (1, 'red mug', 30, 'tea', 3, 1, 'b', '{"size": 1}'),
        (2, 'honey jar', 20, 'food', 1, 3, 'c', '{"size": 2}'),
        (3, 'order by mail', 10, 'tea', 2, 2, 'a', '{"size": 3, "of": {"what": "x"}}')""",
    "INSERT INTO orders VALUES (1, 'alice', 'mine', 3, 1), (2, 'bob', 'canary-of-bob', 5, 2)",
)
