"""The shop with Ringfence in front of it; ``ringfence boundaries ringfence_demo.guarded:app``.

Nothing here touches a disk or a socket before the application starts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import create_async_engine
from starlette.routing import BaseRoute

from ringfence import Database, Outbound, Ringfence, public
from ringfence.authn.accounts import AccountStore
from ringfence.boundary.urls.outbound import Endpoint
from ringfence.core.codes import Layer
from ringfence.core.exchange import current
from ringfence.core.settings import Settings, parse
from ringfence.stack.layers import Clock
from ringfence.stack.ringfence import utc_now
from ringfence.storage import open_stores
from ringfence_demo.app import build
from ringfence_demo.arguments import FOLDER
from ringfence_demo.careless import careless
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.models import COMMON, OWNERSHIP
from ringfence_demo.shop import PAGES, STATIC, Shop

POLICIES: Final = {"/static": public}
DEFAULT_ORIGIN: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The shop's people, in Ringfence's account store."""

    store: AccountStore
    clock: Clock

    async def name(self, account_id: str) -> str:
        """The name given at sign-up, else the part of the login before the ``@``."""
        account = await self.store.find(account_id)
        if account is None:
            return "Somebody"
        return account.name or account.login.partition("@")[0]

    async def email(self, account_id: str) -> str:
        """The login, which is an e-mail address."""
        account = await self.store.find(account_id)
        return "" if account is None else account.login

    async def disable(self, account_id: str) -> None:
        """Close an account: every session and token of it dies. Raises LookupError."""
        await self.store.disable(account_id, self.clock())
        _tell("account.disabled", account=account_id)

    async def set_roles(self, account_id: str, roles: frozenset[str]) -> None:
        """Replace somebody's roles: tokens that say the old ones die. Raises LookupError."""
        await self.store.set_roles(account_id, roles)
        _tell("account.roles", account=account_id, roles=" ".join(sorted(roles)))


def _tell(code: str, **facts: str) -> None:
    exchange = current.get()
    if exchange is not None:
        exchange.sink.emit(exchange.event(code, facts))


def settings(
    folder: DataFolder, databases: Databases, environ: Mapping[str, str], *, origin: str
) -> Settings:
    """The demo's settings; what ``environ`` sets of ``RINGFENCE_…`` beside it holds.

    Raises:
        ConfigurationError: What is malformed or unknown there, by name.
    """
    return parse(
        {
            "RINGFENCE_MAIL_FROM": "shop@example.com",
            **environ,
            "RINGFENCE_ENV": "demo",
            "RINGFENCE_ORIGIN": origin,
            # Never what the environment says: these accounts' password is public.
            "RINGFENCE_DATABASE": databases.accounts,
            "RINGFENCE_KEYS": str(folder.keys),
            "RINGFENCE_MAIL": f"file:{folder.mail}",
        }
    )


def guard(
    folder: DataFolder,
    databases: Databases,
    settings: Settings,
    *,
    reachable: Iterable[Endpoint] = (),
    ports: Iterable[int] = (),
    pages: Path = PAGES,
    static: Path = STATIC,
    off: Iterable[Layer] = (),
    clock: Clock = utc_now,
    more: Sequence[BaseRoute] = (),
) -> Ringfence:
    """The guarded shop.

    Args:
        folder: Where it keeps everything.
        databases: Where its rows are.
        settings: Ringfence's.
        reachable: Addresses that ``/tools/fetch`` may reach although they are not public.
        ports: What it may reach beside the ports of the web.
        pages: The shop's own pages, or a copy of them.
        static: As ``pages``.
        off: Layers in whose place careless ones stand.
        clock: The time.
        more: Further routes.
    """
    # Writers of SQLite wait for each other, on a busy machine for longer than its five seconds.
    patience = {"timeout": 60.0} if databases.are_sqlite else {}
    off = frozenset(off)
    # A hurried team connects as the owner of the tables.
    address = databases.shop_owner if Layer.NETWORK in off else databases.shop
    engine = create_async_engine(address, connect_args=patience)
    database = Database(engine, OWNERSHIP, common=COMMON)
    stores = open_stores(settings.database, session_idle=settings.session_idle, clock=clock)
    shop = Shop(
        database=database,
        folder=folder,
        people=Accounts(stores.accounts, clock),
        pages=pages,
        static=static,
        outbound=Outbound(ports=frozenset({80, 443, *ports}), also=frozenset(reachable)),
    )
    return Ringfence(
        build(shop, more),
        settings=settings,
        policies=POLICIES,
        database=database,
        stores=stores,
        layers=careless(*off),
        clock=clock,
    )


def __getattr__(name: str) -> Ringfence:
    """``app``: the shop as ``ringfence demo`` guards it, for commands that look at its routes."""
    if name != "app":
        raise AttributeError(name)
    folder = DataFolder(FOLDER.absolute())
    databases = Databases.sqlite(folder)
    return guard(folder, databases, settings(folder, databases, {}, origin=DEFAULT_ORIGIN))
