"""Two people and what is theirs, in a database of an application."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import ForeignKey, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from ringfence.core.event import Event
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams, current
from ringfence.core.ownership import Resource
from ringfence.core.principal import Principal
from ringfence.network.sqlite import migrating
from ringfence.storage.application.database import Database


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Label(Base):
    """Nobody's, and tied to orders by a table that nothing is declared about."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class OrderLabel(Base):
    __tablename__ = "order_labels"
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"), primary_key=True)


class Order(Base):
    """Somebody's."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="order")
    lines: Mapped[list["Line"]] = relationship(back_populates="order")
    labels: Mapped[list[Label]] = relationship(secondary="order_labels")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "order"}  # noqa: RUF012  # SQLAlchemy's


class Gift(Order):
    """An order with a table of its own beside that of orders."""

    __tablename__ = "gifts"
    id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    card: Mapped[str] = mapped_column(default="")
    __mapper_args__ = {"polymorphic_identity": "gift"}  # noqa: RUF012  # SQLAlchemy's


class Line(Base):
    """Whose its order is."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    note: Mapped[str] = mapped_column(default="")
    order: Mapped[Order | None] = relationship(back_populates="lines")
    __mapper_args__ = {"confirm_deleted_rows": False}  # noqa: RUF012  # SQLAlchemy's


class Remark(Base):
    """About an order; nothing is declared about it."""

    __tablename__ = "remarks"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str]


TABLES = [Remark.__table__, Order.__table__, Gift.__table__, Line.__table__, OrderLabel.__table__]
OWNERSHIP = (Resource(Order, owner=Order.user_id), Resource(Line, via=Line.order))
#: Alice's are 1 and 3, Bob's 2 and 4, which are gifts with a line each.
SECRET = "canary-bob"


class Nowhere:
    """Where events go."""

    def emit(self, event: Event) -> None: ...


def exchange(subject: str | None, seams: Seams = NO_SEAMS) -> Exchange:
    now = datetime.now(UTC)
    made = Exchange({}, request_id="r", now=now, sink=Nowhere(), seams=seams)
    if subject is not None:
        made.principal = Principal(
            subject=subject,
            session="s",
            authenticated_at=now,
            expires_at=now + timedelta(minutes=15),
        )
    return made


@contextmanager
def asking(who: Exchange) -> Generator[Exchange]:
    token = current.set(who)
    try:
        yield who
    finally:
        current.reset(token)


@asynccontextmanager
async def request(subject: str | None, seams: Seams = NO_SEAMS) -> AsyncGenerator[Exchange]:
    with asking(exchange(subject, seams)) as made:
        try:
            yield made
        finally:
            for close in made.closing:
                await close()


class World:
    """The database, filled, and what is in it as nobody's eyes change it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.database = Database(engine, OWNERSHIP)
        self.everybodys = self.database.unscoped(reason="the test looks")

    async def fill(self) -> None:
        """Everything as it was at first."""
        with migrating():
            async with self.database.engine.begin() as connection:
                await connection.run_sync(Base.metadata.drop_all)
                await connection.run_sync(Base.metadata.create_all)
        async with self.everybodys() as session:
            session.add(Label(id=1, name="red"))
            for number, name in ((1, "alice"), (2, "bob"), (3, "alice"), (4, "bob")):
                note = f"canary-{name}-{number}"
                kind, more = (Order, {}) if number < 3 else (Gift, {"card": note})
                session.add(kind(id=number, user_id=name, note=note, **more))
                await session.flush()
                session.add(Line(id=number, order_id=number, note=note))
                session.add(OrderLabel(order_id=number, label_id=1))
            await session.commit()

    async def state(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table."""
        async with self.everybodys() as session:
            return {table.name: await _rows(session, table) for table in TABLES}  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]  # tables, all


async def _rows(session: AsyncSession, table: Table) -> list[tuple[object, ...]]:
    found = await session.execute(select(table).order_by(*table.primary_key))
    return [tuple(row) for row in found]
