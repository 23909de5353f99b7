"""What the shop holds at its first start: four accounts, and things that belong to them.

Each text field of a thing holds its owner's canary (``canary-alice-…``), so that whoever sees it
where it does not belong knows that it has leaked, and whose it is.
"""

import asyncio
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.hashing import HashingLimits
from ringfence.authn.opaque import new_id
from ringfence.authn.passwords import Passwords, Policy
from ringfence.authn.verifier import ARGON2ID, digest
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Settings
from ringfence.service.hashing import HashingPool
from ringfence.storage import Stores, identity_key, open_stores
from ringfence.storage.application.ownership import Declarations
from ringfence.storage.application.postgres.apply import apply
from ringfence.storage.application.postgres.render import Roles, Script
from ringfence.storage.keys import load_or_create
from ringfence_demo import pictures
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.models import COMMON, OWNERSHIP, Base, Order, Post, Product, Upload

PASSWORD: Final = "violet kettle orbits quietly"  # noqa: S105  # public, and in no real place


@dataclass(frozen=True, slots=True)
class Person:
    """One seeded account."""

    name: str
    roles: frozenset[str]

    @property
    def login(self) -> str:
        """The e-mail address to sign in with."""
        return f"{self.name.lower()}@example.com"

    def canary(self, what: str) -> str:
        """What a text field of this person holds."""
        return f"canary-{self.name.lower()}-{what}"


PEOPLE: Final = (
    Person("Alice", frozenset({"user"})),
    Person("Bob", frozenset({"user"})),
    Person("Admin", frozenset({"admin"})),
    Person("Root", frozenset({"admin", "superadmin"})),
)
_AT_ONCE: Final = 8  # accounts that are made at a time
_SOMEBODY: Final = Person("Pat", frozenset({"user"}))

#: Name, description, price in cents, colour of the picture.
PRODUCTS: Final = (
    ("Copper kettle", "Holds a litre and whistles in B flat.", 6400, (184, 115, 51)),
    ("Violet teapot", "Glazed by hand; no two are alike.", 4800, (120, 80, 170)),
    ("Walnut tray", "Oiled, not varnished. Carries four cups.", 3900, (110, 75, 50)),
    ("Linen towel", "Dries glasses without a trace.", 1450, (150, 160, 140)),
    ("Green tea", "First harvest, a hundred grams.", 1290, (90, 150, 80)),
    ("Honey jar", "Acacia, from one hillside.", 980, (225, 165, 40)),
)


def first_start(
    folder: DataFolder,
    databases: Databases,
    settings: Settings,
    prepared: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Make everything, unless an earlier start has done so.

    Must not be called from a running event loop.

    Args:
        folder: Where the shop keeps its files.
        databases: Where its rows are.
        settings: Ringfence's.
        prepared: By login what a browser makes of the password, in base64url: these accounts, and
            those of ``PEOPLE`` among them, cost no Argon2id.

    Raises:
        ConfigurationError: The folder is of a shop that had other tables.
        ConfigurationError, StoreError: The accounts' database cannot be used.
    """
    tables = _tables()
    if folder.seeded.exists():
        if databases.are_sqlite and folder.seeded.read_text() != tables:
            raise ConfigurationError(
                f"{folder.root} is of another version of the shop. Remove it, or choose another "
                "one: --data"
            )
        return
    folder.make()
    if databases.are_sqlite:
        folder.make_database()
    asyncio.run(_seed(folder, databases, settings, prepared))
    folder.seeded.write_text(tables)


def _tables() -> str:
    """Stands for the shop's tables and their columns."""
    columns = [str(column) for table in Base.metadata.sorted_tables for column in table.columns]
    return sha256("\n".join(columns).encode()).hexdigest()


async def _seed(
    folder: DataFolder, databases: Databases, settings: Settings, prepared: Mapping[str, str]
) -> None:
    stores = open_stores(settings.database)
    engine = create_async_engine(databases.shop_owner)
    await stores.start()
    try:
        await seed_shop(engine, folder, await seed_accounts(stores, settings, prepared))
        if not databases.are_sqlite:
            roles = Roles(
                owner=engine.url.username or "",
                application=make_url(databases.shop).username or "",
            )
            script = Script.of(Declarations(OWNERSHIP), COMMON, roles=roles)
            await apply(engine, script, identity_key.load_or_create(folder.keys))
    finally:
        await engine.dispose()
        await stores.close()


async def seed_accounts(
    stores: Stores, settings: Settings, prepared: Mapping[str, str]
) -> dict[Person, str]:
    """Make the accounts; returns the id of each of ``PEOPLE``."""
    verifiers = await _verifiers(stores, settings, prepared)
    people = {each.login: each for each in PEOPLE}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def make(login: str) -> str:
        person, now = people.get(login, _SOMEBODY), datetime.now(UTC)
        account = Account(
            id=new_id(secrets.token_bytes),
            login=login,
            login_verified_at=now,
            created_at=now,
            name=person.name,
            roles=person.roles,
            verifier=verifiers[login],
        )
        async with gate:
            if not await stores.accounts.create(account):  # by a start that did not get further
                account = await stores.accounts.find_by_login(login) or account
        return account.id

    ids = dict(zip(verifiers, await asyncio.gather(*map(make, verifiers)), strict=True))
    return {person: ids[login] for login, person in people.items()}


async def _verifiers(
    stores: Stores, settings: Settings, prepared: Mapping[str, str]
) -> dict[str, StoredVerifier]:
    """By login, what is kept of each password. Where its client key is given, nothing is hashed."""
    keys = load_or_create(settings.keys)
    pool = HashingPool(HashingLimits(patience=timedelta(minutes=5)))  # however slow this machine
    passwords = Passwords(
        hashing=pool,
        policy=Policy.bundled(settings.origin),
        tenant=settings.tenant,
        salt_key=keys.salt,
        peppers=keys.peppers,
        derivations=stores.derivations,
    )
    unprepared = [each.login for each in PEOPLE if each.login not in prepared]
    made = await asyncio.gather(*(passwords.make(login, PASSWORD) for login in unprepared))
    pool.close()
    pepper = max(keys.peppers)
    given = {
        login: StoredVerifier(
            digest=digest(keys.peppers[pepper], urlsafe_b64decode(f"{key}=")),
            pepper=pepper,
            kdf=str(ARGON2ID),
        )
        for login, key in prepared.items()
    }
    return given | dict(zip(unprepared, made, strict=True))


async def seed_shop(engine: AsyncEngine, folder: DataFolder, ids: dict[Person, str]) -> None:
    """Make the tables anew and fill them, with the files that belong to their rows."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add_all(_products(folder))
        orders = [order for person in PEOPLE for order in _orders(person, ids[person])]
        session.add_all(orders)
        session.add_all(_post(person, ids[person]) for person in PEOPLE)
        session.add_all(_upload(person, ids[person], folder) for person in PEOPLE)
        await session.commit()
        for order in orders:
            _invoice(folder, order)
    (folder.root / "contract.txt").write_text("canary-file-contract with our supplier\n")


def _products(folder: DataFolder) -> list[Product]:
    made: list[Product] = []
    for name, description, price, hue in PRODUCTS:
        photo = folder.photos / f"{name.lower().replace(' ', '-')}.png"
        photo.write_bytes(pictures.draw(hue))
        made.append(Product(name=name, description=description, price=price))
    return made


def _orders(person: Person, user_id: str) -> list[Order]:
    """Two orders: what they are of differs from person to person."""
    start = PEOPLE.index(person)
    made: list[Order] = []
    for number, (name, _, price, _) in enumerate(PRODUCTS[start : start + 2], start=1):
        made.append(
            Order(
                user_id=user_id,
                item=f"{name} ({person.canary(f'item-{number}')})",
                quantity=number,
                note=f"Leave it with the neighbour. {person.canary(f'note-{number}')}",
                price=price,
                total=price * number,
                status="paid",
            )
        )
    return made


def _post(person: Person, user_id: str) -> Post:
    return Post(
        user_id=user_id,
        author=person.name,
        email=person.login,
        title=f"Hello from {person.name} ({person.canary('title')})",
        body=f"<p>I <em>like</em> this shop. {person.canary('body')}</p>",
    )


def _upload(person: Person, user_id: str, folder: DataFolder) -> Upload:
    name = f"{person.canary('upload')}.png"
    (folder.uploads / name).write_bytes(pictures.draw(PRODUCTS[PEOPLE.index(person)][3]))
    return Upload(user_id=user_id, name=name, media_type="image/png")


def _invoice(folder: DataFolder, order: Order) -> None:
    own = folder.invoices / str(order.id)
    own.mkdir(mode=0o700, exist_ok=True)
    text = f"Invoice {order.id}\n\n{order.quantity} x {order.item}\n{order.note}\n"
    (own / "invoice.txt").write_text(f"{text}EUR {order.total / 100:.2f}\n")
