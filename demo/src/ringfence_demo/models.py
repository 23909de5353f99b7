"""The shop's tables. Whom a row belongs to is ``user_id``, the opaque id of an account."""

from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_bytes
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ringfence import Common, Resource

#: Whatever number a path can name fits; SQLite numbers rows by themselves in INTEGER only.
Id: Final = BigInteger().with_variant(Integer, "sqlite")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _hash() -> str:
    return sha256(token_bytes(32)).hexdigest()


class Base(DeclarativeBase):
    """All tables of the shop."""

    def shown(self) -> dict[str, Any]:
        """Every column, as JSON takes it."""
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}


class Product(Base):
    """What the shop sells."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(String(400))
    price: Mapped[int]  # cents


class Order(Base):
    """What somebody bought."""

    __tablename__ = "orders"
    __table_args__: ClassVar = {
        "sqlite_autoincrement": True
    }  # an id is never given to another order

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    item: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int]
    note: Mapped[str] = mapped_column(String(2000), default="")
    price: Mapped[int]  # cents for one
    total: Mapped[int]  # cents
    status: Mapped[str] = mapped_column(String(20), default="new")
    created_at: Mapped[str] = mapped_column(String(32), default=_now)


class Post(Base):
    """What somebody wrote: ``body`` is HTML.

    ``email`` is where its author is told of answers, ``edit_hash`` the SHA-256 of a secret with
    which he will edit it. Neither is for readers.
    """

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(String(20_000))
    email: Mapped[str] = mapped_column(String(200))
    edit_hash: Mapped[str] = mapped_column(String(64), default=_hash)
    created_at: Mapped[str] = mapped_column(String(32), default=_now)


class Upload(Base):
    """A file that somebody sent; ``name`` is its name in the folder of uploads."""

    __tablename__ = "uploads"
    __table_args__: ClassVar = {"sqlite_autoincrement": True}  # as for orders

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))


#: Whose the rows are.
OWNERSHIP: Final = (
    Resource(Order, owner=Order.user_id, writes={"item", "quantity", "note"}),
    Resource(
        Post,
        owner=Post.user_id,
        read="public",
        reads={"id", "user_id", "author", "title", "body", "created_at"},
        writes={"title", "body"},
    ),
    Resource(Upload, owner=Upload.user_id, writes=()),
)
COMMON: Final = (Common(Product),)
