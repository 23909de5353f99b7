"""Adapters of the layers' storage protocols, opened by an address (DESIGN section 5).

    memory:                       nothing survives the process; for tests
    sqlite:///file                one machine, no server; relative without a fourth slash
    postgresql://user@host/name   more than one machine

Whatever goes wrong in a database surfaces as ``StoreError``: the request is refused with 503,
nobody is let in, and the store mends itself once the cause is gone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ringfence.authn.accounts import AccountStore
from ringfence.authn.counters import CounterStore
from ringfence.authn.derivation import DerivationStore
from ringfence.authn.factors import FactorStore
from ringfence.authn.imported.passwords import ImportStore
from ringfence.authn.keys import FingerprintStore
from ringfence.authn.links import LinkStore
from ringfence.authn.outbox import OutboxStore
from ringfence.authn.revocation import RevocationSource
from ringfence.authn.sessions import SessionStore
from ringfence.core.errors import ConfigurationError
from ringfence.storage.maintenance import Maintenance
from ringfence.storage.readiness import Readiness
from ringfence.storage.transaction import Clock

DEFAULT_IDLE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One store for each protocol, on one database, with a life of their own."""

    accounts: AccountStore
    sessions: SessionStore
    factors: FactorStore
    links: LinkStore
    outbox: OutboxStore
    counters: CounterStore
    fingerprints: FingerprintStore
    derivations: DerivationStore
    imports: ImportStore
    revocations: RevocationSource
    start: Callable[[], Awaitable[None]]  # before anything else, in the loop that will use them
    close: Callable[[], Awaitable[None]]
    ping: Callable[[], Awaitable[None]]  # reads and writes; raises StoreError
    purge: Callable[[datetime], Awaitable[int]]  # what is dead; done every minute by itself


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def open_stores(
    url: str, *, session_idle: timedelta = DEFAULT_IDLE, clock: Clock = utc_now
) -> Stores:
    """The stores at ``url``; nothing is touched before ``start``.

    ``session_idle`` is how long a refresh token lives: what is older is purged. ``clock`` stamps
    revocations, where they are committed.

    Raises:
        ConfigurationError: The address is none of the three kinds. It is never quoted: it may
            hold a password.
    """
    stores = _adapter(url, session_idle, clock)
    maintenance = Maintenance(stores.purge)

    async def start() -> None:
        await stores.start()
        maintenance.start()

    async def close() -> None:
        await maintenance.stop()
        await stores.close()

    ping = Readiness(stores.ping, stores.counters, clock).ping
    return replace(stores, start=start, close=close, ping=ping)


def _adapter(url: str, session_idle: timedelta, clock: Clock) -> Stores:
    """Whoever uses one adapter pays for no other: each is imported when it is asked for."""
    scheme = url.partition(":")[0]
    if url == "memory:":
        from ringfence.storage.memory import open_memory  # noqa: PLC0415  # one adapter only

        return open_memory(session_idle, clock)
    if scheme == "sqlite":
        from ringfence.storage.sqlite import open_sqlite  # noqa: PLC0415  # as above

        return open_sqlite(url, session_idle, clock)
    if scheme == "postgresql":
        from ringfence.storage.postgres import open_postgres  # noqa: PLC0415  # as above

        return open_postgres(url, session_idle, clock)
    raise ConfigurationError("RINGFENCE_DATABASE: neither memory:, sqlite:/// nor postgresql://")
