"""The order that everybody serves, in a file of its own, and the two ways in which it is fetched.

What fetches it decides what there is to see. SQLAlchemy's asynchronous session costs as much as
several of the stacks that are compared, so they look alike behind it; ``sqlite3`` in the loop costs
nearly nothing, and shows them as they are.
"""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

OWNED: Final = 17  # the order that is asked for
_ORDERS: Final = 1_000
_SELECT: Final = "SELECT id, user_id, item, quantity, price FROM orders WHERE id = ?"


class Base(DeclarativeBase):
    """All tables of a contestant's application."""


class Order(Base):
    """What somebody bought."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    item: Mapped[str]
    quantity: Mapped[int]
    price: Mapped[int]  # cents

    def shown(self) -> dict[str, Any]:
        """What is answered."""
        return {"id": self.id, "item": self.item, "quantity": self.quantity, "price": self.price}


@dataclass(frozen=True, slots=True)
class PlainOrder:
    """The same, without a mapper."""

    id: int
    user_id: str
    item: str
    quantity: int
    price: int

    def shown(self) -> dict[str, Any]:
        """What is answered."""
        return {"id": self.id, "item": self.item, "quantity": self.quantity, "price": self.price}


class Orders:
    """A thousand orders of ``owner`` in a new file."""

    def __init__(self, folder: Path, owner: str) -> None:
        file = folder / "shop.sqlite"
        engine = create_engine(f"sqlite:///{file}")
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all(
                Order(id=number, user_id=owner, item="Copper kettle", quantity=1, price=6400)
                for number in range(1, _ORDERS + 1)
            )
            session.commit()
        engine.dispose()
        self.engine: Final = create_async_engine(f"sqlite+aiosqlite:///{file}")
        self._connection: Final = sqlite3.connect(file, isolation_level=None)

    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session for each request, as FastAPI's documentation has it."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    def fetch(self, order_id: int) -> PlainOrder | None:
        """The order, by ``sqlite3``."""
        row = self._connection.execute(_SELECT, (order_id,)).fetchone()
        return None if row is None else PlainOrder(*row)
