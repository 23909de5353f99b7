"""What the handlers stand on: made once where the application is put together."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from ringfence import Database, FileRoot, Outbound, Unscoped, Uploads, commands
from ringfence_demo.data import DataFolder

PAGES: Final = Path(__file__).parent / "pages"
STATIC: Final = Path(__file__).parent / "static"


class People(Protocol):
    """What the shop asks of the accounts, which are Ringfence's."""

    async def name(self, account_id: str) -> str:
        """What to call somebody."""
        ...

    async def email(self, account_id: str) -> str:
        """Where to write to somebody; empty if there is no such account."""
        ...

    async def disable(self, account_id: str) -> None:
        """Close an account. Raises LookupError if there is none."""
        ...

    async def set_roles(self, account_id: str, roles: frozenset[str]) -> None:
        """Replace somebody's roles. Raises LookupError if there is no such account."""
        ...


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The shop's database, folders, programs and clients."""

    database: Database
    folder: DataFolder
    people: People
    pages: Path = PAGES
    static: Path = STATIC
    outbound: Outbound = field(default_factory=Outbound)
    uploads: Uploads = field(init=False)
    handover: Unscoped = field(init=False)
    thumbnail: commands.Command = field(init=False)

    def __post_init__(self) -> None:
        kept = Uploads(FileRoot(self.folder.uploads))
        # The photos are small: a thumbnail is the photo itself, as text that fits into a page.
        program = commands.declare(
            "/usr/bin/base64",
            "--wrap=0",  # and no "--" before the name: what looks like an option is one
            commands.Parameter("filename", r"[A-Za-z0-9_][A-Za-z0-9_.-]*"),
            folder=self.folder.photos,
        )
        object.__setattr__(self, "uploads", kept)
        handover = self.database.unscoped(reason="an order is given to somebody else")
        object.__setattr__(self, "handover", handover)
        object.__setattr__(self, "thumbnail", program)


async def _shop(connection: HTTPConnection) -> Shop:
    shop: Shop = connection.app.state.shop
    return shop


TheShop: TypeAlias = Annotated[Shop, Depends(_shop)]


async def _session(shop: TheShop) -> AsyncSession:
    return shop.database.session()


Session: TypeAlias = Annotated[AsyncSession, Depends(_session)]
