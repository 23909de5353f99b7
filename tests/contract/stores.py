"""What the contract tests share: a store under test, values to put into it, a moment."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.links import Link, Purpose
from ringfence.authn.refresh import RefreshToken
from ringfence.authn.revocation import Revocation
from ringfence.authn.sessions import Session
from ringfence.core.errors import StoreError
from ringfence.storage import Stores, open_stores

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rig:
    """Stores under test, and the address at which others find the same database."""

    kind: str
    url: str
    stores: Stores


@asynccontextmanager
async def opened(url: str, clock: Callable[[], datetime] = lambda: NOW) -> AsyncGenerator[Stores]:
    """Stores that are started, and closed at the end of the block."""
    stores = open_stores(url, clock=clock)
    await stores.start()
    try:
        yield stores
    finally:
        await stores.close()


def copy_of(template: Path, folder: Path) -> str:
    """The address of a fresh copy of a migrated SQLite file."""
    shutil.copy(template, folder / "ringfence.sqlite")
    return f"sqlite:///{folder / 'ringfence.sqlite'}"


def digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def verifier(name: str = "first") -> StoredVerifier:
    return StoredVerifier(digest=digest(name), pepper=1, kdf="argon2id m=65536 t=3 p=4")


def account(name: str = "alice", **changes: object) -> Account:
    plain = Account(
        id=f"id-{name}",
        login=f"{name}@example.com",
        login_verified_at=NOW,
        created_at=NOW,
        name=name.title(),
        verifier=verifier(),
    )
    return replace(plain, **changes)


def session(name: str = "laptop", owner: str = "id-alice", at: datetime = NOW) -> Session:
    return Session(
        id=name,
        account=owner,
        signed_in_at=at,
        last_used_at=at,
        user_agent="Mozilla/5.0 (Ünicode)",
        client="2001:db8::1",
    )


def token(
    name: str = "t0", family: str = "laptop", at: datetime = NOW, signed_in_at: datetime = NOW
) -> RefreshToken:
    return RefreshToken(digest=digest(name), family=family, signed_in_at=signed_in_at, issued_at=at)


def link(name: str, purpose: Purpose = "reset", login: str = "alice@example.com") -> Link:
    return Link(
        digest=digest(name),
        purpose=purpose,
        login=login,
        name="Alice Ünicode",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )


async def signed_in(stores: Stores, name: str = "laptop", token_version: int = 0) -> RefreshToken:
    """The first token of a live session of alice, whose account exists."""
    first = token(f"{name}-t0", family=name)
    assert await stores.sessions.begin(session(name), first, token_version) is not None
    return first


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until the condition holds; fail when it has not for twenty seconds."""
    async with asyncio.timeout(20):
        while True:
            holds = condition()
            if holds is True or (isinstance(holds, Awaitable) and await holds):
                return
            await asyncio.sleep(0.005)


async def answers(stores: Stores) -> bool:
    """Whether the database answers."""
    try:
        await stores.ping()
    except StoreError:
        return False
    return True


async def feed(stores: Stores, after: int = 0) -> list[Revocation]:
    return list(await stores.revocations.read(after))


def revoked(
    session: str | None = None, account: str | None = None, *, tv: int = 0, rv: int = 0
) -> Revocation:
    """An entry of the feed, whatever its number is."""
    return Revocation(number=0, session=session, account=account, token_version=tv, role_version=rv)
