"""What the tests of the flows share: an exchange to run in, time, and a collector of mails."""

import hashlib
import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current

ALICE = "alice@example.com"
PASSWORD = "violet kettle orbits quietly"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Collector:
    """Takes events and keeps them."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def codes(self) -> list[str]:
        return [event.code.name for event in self.events]


class Mailbox:
    """Takes mails and keeps them."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []

    async def send(self, to: str, subject: str, text: str) -> None:
        self.mails.append((to, subject, text))

    def token(self) -> str:
        """The token of the latest link."""
        return self.mails[-1][2].partition("#token=")[2].split()[0]


@contextmanager
def within(now: datetime = NOON) -> Generator[Exchange]:
    """Run as part of a request."""
    exchange = Exchange(
        {"type": "http", "method": "POST", "path": "/", "headers": []},
        request_id="0" * 24,
        now=now,
        sink=Collector(),
    )
    token = current.set(exchange)
    try:
        yield exchange
    finally:
        current.reset(token)


def counting() -> Callable[[int], bytes]:
    """Bytes that look random to nobody, and differ each time."""
    numbers = itertools.count(1)
    return lambda length: next(numbers).to_bytes(length, "big")


class PlainPasswords:
    """Passwords without the slow step: what the flows do with them is under test here."""

    def __init__(self) -> None:
        self.compared = 0
        self.verified = 0  # those of them that compared with something

    async def make(self, login: str, password: str) -> StoredVerifier:
        if len(password) < 15:
            raise Refused("password.too_short")
        return StoredVerifier(digest=plain(password), pepper=1, kdf="plain")

    async def matches(
        self, login: str, password: str, stored: StoredVerifier | None, *, reserved: bool = False
    ) -> bool:
        return self.matches_key(plain(password), stored)

    async def matches_keys(
        self, client_key: bytes, next_key: bytes | None, stored: StoredVerifier | None
    ) -> bool:
        return self.matches_key(client_key, stored)

    async def moved(
        self,
        login: str,
        proven: StoredVerifier,
        *,
        password: str | None = None,
        client_key: bytes | None = None,
        next_key: bytes | None = None,
    ) -> StoredVerifier | None:
        return None

    def matches_key(self, client_key: bytes, stored: StoredVerifier | None) -> bool:
        self.compared += 1
        self.verified += stored is not None
        return stored is not None and client_key == stored.digest


class NothingImported:
    """No password comes from another program."""

    async def admits(self, login: str, password: str, account: Account | None) -> bool:
        return False


def plain(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def account(identity: str = "alice", login: str = ALICE, password: str = PASSWORD) -> Account:
    return Account(
        id=identity,
        login=login,
        login_verified_at=NOON,
        created_at=NOON,
        verifier=StoredVerifier(digest=plain(password), pepper=1, kdf="plain"),
    )
