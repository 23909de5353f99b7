"""Everything in memory: the adapter that tests use, and the plainest reading of the protocols.

No method awaits anything, so each runs to its end before any other: that is its transaction.
"""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.counters import Change, Counter, T
from ringfence.authn.derivation import Derivation, settled
from ringfence.authn.imported.passwords import Person
from ringfence.authn.imported.refusal import Reason
from ringfence.authn.imported.sealed import SealedHash
from ringfence.authn.links import Link, Purpose
from ringfence.authn.outbox import LEASE, NEVER, SEVERAL, Backlog, Errand, Telling
from ringfence.authn.outbox import MOST as MOST_ERRANDS
from ringfence.authn.refresh import RefreshToken
from ringfence.authn.revocation import Revocation
from ringfence.authn.sessions import MOST, Place, Session
from ringfence.storage import Stores
from ringfence.storage.maintenance import Deadlines
from ringfence.storage.memory_factors import MemoryFactors
from ringfence.storage.transaction import Clock


@dataclass(slots=True)
class _Tables:
    """What the stores share, as the tables of a database are shared."""

    clock: Clock
    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    sessions: dict[str, Session] = field(default_factory=dict[str, Session])
    revoked: dict[str, datetime] = field(default_factory=dict[str, datetime])
    tokens: dict[bytes, RefreshToken] = field(default_factory=dict[bytes, RefreshToken])
    children: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    links: dict[tuple[Purpose, str], Link] = field(default_factory=dict[tuple[Purpose, str], Link])
    outbox: dict[str, Errand] = field(default_factory=dict[str, Errand])
    counters: dict[str, Counter] = field(default_factory=dict[str, Counter])
    fingerprints: dict[str, bytes] = field(default_factory=dict[str, bytes])
    derivation: Derivation = field(default_factory=Derivation)
    hashes: dict[str, SealedHash] = field(default_factory=dict[str, SealedHash])
    feed: list[tuple[datetime, Revocation]] = field(
        default_factory=list[tuple[datetime, Revocation]]
    )
    appended: int = 0  # revocations ever, purged ones included

    def revoke(self, session: str, now: datetime) -> None:
        """End a session and tell the feed."""
        self.revoked[session] = now
        self.appended += 1
        self.feed.append((self.clock(), Revocation(number=self.appended, session=session)))

    def change(self, account: Account) -> Account:
        """Store the new versions of an account and tell the feed."""
        self.accounts[account.id] = account
        self.appended += 1
        entry = Revocation(
            number=self.appended,
            account=account.id,
            token_version=account.token_version,
            role_version=account.role_version,
        )
        self.feed.append((self.clock(), entry))
        return account

    def sign_out(self, account: Account, now: datetime) -> Account:
        """``change`` with the next token version; every session of the account ends."""
        for key, session in self.sessions.items():
            if session.account == account.id:
                self.revoked.setdefault(key, now)
        return self.change(replace(account, token_version=account.token_version + 1))

    def alive(self, account_id: str) -> list[Session]:
        """The account's sessions that are not revoked, the one used last first."""
        alive = (
            session
            for key, session in self.sessions.items()
            if session.account == account_id and key not in self.revoked
        )
        return sorted(alive, key=lambda session: (session.last_used_at, session.id), reverse=True)

    def of_version(self, account_id: str, token_version: int) -> Account | None:
        """The account, if it is enabled and still has this version."""
        found = self.accounts.get(account_id)
        if found is None or found.disabled_at is not None or found.token_version != token_version:
            return None
        return found

    def remove(self, account: Account) -> None:
        """Forget an account, and what hangs on it."""
        del self.accounts[account.id]
        self.hashes.pop(account.id, None)
        self.sessions = {k: s for k, s in self.sessions.items() if s.account != account.id}
        self.tokens = {k: t for k, t in self.tokens.items() if t.family in self.sessions}
        self.remove_links(account.login)

    def remove_links(self, *logins: str) -> None:
        """Forget the links that were mailed to these logins."""
        self.links = {key: link for key, link in self.links.items() if link.login not in logins}

    def add_errand(self, errand: Errand) -> None:
        """Add an errand, in place of one of its kind and login."""
        for known in self.outbox.values():
            if (known.kind, known.login) == (errand.kind, errand.login):
                errand = replace(errand, id=known.id, attempts=known.attempts + 1)
                if not known.failed:
                    differs = known.kind == "changed" and known.name != errand.name
                    name = SEVERAL if differs else errand.name
                    errand = replace(errand, name=name, created_at=known.created_at)
        self.outbox[errand.id] = errand

    def by_login(self, login: str) -> Account | None:
        return next((a for a in self.accounts.values() if a.login == login), None)


class MemoryAccounts:
    """``AccountStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def find(self, account_id: str) -> Account | None:
        return self._tables.accounts.get(account_id)

    async def find_by_login(self, login: str) -> Account | None:
        return self._tables.by_login(login)

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        ids = sorted(key for key in self._tables.accounts if key > after)
        return [self._tables.accounts[key] for key in ids[:limit]]

    async def create(self, account: Account) -> bool:
        if self._tables.by_login(account.login) is not None:
            return False
        self._tables.accounts[account.id] = account
        return True

    async def set_verifier(
        self,
        account_id: str,
        verifier: StoredVerifier,
        token_version: int,
        now: datetime,
        *,
        tell: Errand | None = None,
    ) -> Account | None:
        account = self._tables.of_version(account_id, token_version)
        if account is None:
            return None
        if tell is not None:
            self._tables.add_errand(tell)
        self._tables.links.pop(("reset", account.login), None)
        self._tables.hashes.pop(account_id, None)
        return self._tables.sign_out(replace(account, verifier=verifier), now)

    async def move_verifier(
        self, account_id: str, proven: StoredVerifier, moved: StoredVerifier
    ) -> bool:
        account = self._tables.accounts.get(account_id)
        if account is None or account.verifier is None or account.verifier.digest != proven.digest:
            return False
        self._tables.accounts[account_id] = replace(account, verifier=moved)
        return True

    async def set_roles(self, account_id: str, roles: frozenset[str]) -> Account:
        account = self._tables.accounts[account_id]
        changed = replace(account, roles=roles, role_version=account.role_version + 1)
        return self._tables.change(changed)

    async def disable(self, account_id: str, now: datetime) -> Account:
        account = self._tables.accounts[account_id]
        disabled = replace(account, disabled_at=account.disabled_at or now)
        return self._tables.sign_out(disabled, now)

    async def sign_out_everywhere(self, account_id: str, now: datetime) -> Account:
        return self._tables.sign_out(self._tables.accounts[account_id], now)

    async def enable(self, account_id: str) -> Account:
        enabled = replace(self._tables.accounts[account_id], disabled_at=None)
        self._tables.accounts[account_id] = enabled
        return enabled

    async def delete(self, account_id: str) -> Account:
        account = self._tables.accounts[account_id]
        self._tables.change(replace(account, token_version=account.token_version + 1))
        self._tables.remove(account)
        return account

    async def change_login(
        self, account_id: str, login: str, now: datetime, *, tell: Sequence[Errand] = ()
    ) -> Account | None:
        account = self._tables.accounts[account_id]
        if self._tables.by_login(login) is not None:
            return None
        for errand in tell:
            self._tables.add_errand(errand)
        self._tables.remove_links(account.login, login)
        self._tables.hashes.pop(account_id, None)
        changed = replace(account, login=login, login_verified_at=now, verifier=None)
        return self._tables.sign_out(changed, now)


class MemorySessions:
    """``SessionStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def find(self, digest: bytes) -> RefreshToken | None:
        token = self._tables.tokens.get(digest)
        if token is None:
            return None
        child = self._tables.tokens.get(self._tables.children.get(digest, b""))
        return replace(
            token,
            family_revoked=token.family in self._tables.revoked,
            successor_used=child is not None and child.spent_at is not None,
        )

    async def revoke_family(self, family: str, now: datetime) -> None:
        if await self.get(family) is not None:
            self._tables.revoke(family, now)

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        token = await self.find(old.digest)
        if token is None or token.spent_at is not None or token.family_revoked:
            return False
        tables = self._tables
        tables.tokens[old.digest] = replace(token, spent_at=new.issued_at, sealed_successor=sealed)
        tables.tokens[new.digest] = new
        tables.children[old.digest] = new.digest
        session = tables.sessions[token.family]
        last_used = max(session.last_used_at, new.issued_at)
        tables.sessions[token.family] = replace(session, last_used_at=last_used)
        return True

    async def begin(
        self,
        session: Session,
        first: RefreshToken,
        token_version: int,
        *,
        replaces: str | None = None,
        most: int = MOST,
    ) -> Sequence[str] | None:
        if self._tables.of_version(session.account, token_version) is None:
            return None
        self._tables.sessions[session.id] = session
        self._tables.tokens[first.digest] = first
        others = [s.id for s in self._tables.alive(session.account) if s.id != session.id]
        too_many = [key for key in others[most - 1 :][:MOST] if key != replaces]
        ended = [key for key in (replaces, *too_many) if key and await self.get(key) is not None]
        for key in ended:
            self._tables.revoke(key, session.signed_in_at)
        return ended

    async def get(self, session_id: str) -> Session | None:
        found = self._tables.sessions.get(session_id)
        return None if session_id in self._tables.revoked else found

    async def of_account(
        self, account_id: str, *, after: Place | None = None, limit: int = MOST
    ) -> Sequence[Session]:
        alive = self._tables.alive(account_id)
        return [s for s in alive if after is None or (s.last_used_at, s.id) < after][:limit]

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None:
        session, account = await self.get(session_id), self._tables.accounts.get(account_id)
        if session is None or account is None or account.disabled_at is not None:
            return None
        if session.account != account_id:
            return None
        return account.token_version, account.role_version

    async def end(self, session_id: str, account_id: str, now: datetime) -> bool:
        session = await self.get(session_id)
        if session is None or session.account != account_id:
            return False
        await self.revoke_family(session_id, now)
        return True


class MemoryLinks:
    """``LinkStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def add(self, link: Link) -> None:
        before = self._tables.links.get((link.purpose, link.login))
        if before is not None and before.name != link.name and link.created_at < before.expires_at:
            link = replace(link, name="")
        self._tables.links[link.purpose, link.login] = link

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        return next(
            (
                link
                for link in self._tables.links.values()
                if link.digest == digest and link.purpose == purpose and now < link.expires_at
            ),
            None,
        )

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        link = await self.find(digest, "sign-up", now)
        if (
            link is None
            or link.login != account.login
            or self._tables.by_login(account.login) is not None
        ):
            return False
        del self._tables.links["sign-up", link.login]
        self._tables.accounts[account.id] = account
        return True

    async def redeem_reset(
        self,
        digest: bytes,
        verifier: StoredVerifier,
        now: datetime,
        *,
        tell: Telling | None = None,
    ) -> Account | None:
        link = await self.find(digest, "reset", now)
        account = None if link is None else self._tables.by_login(link.login)
        if link is None or account is None or account.disabled_at is not None:
            return None
        del self._tables.links["reset", link.login]
        if tell is not None:
            self._tables.add_errand(tell(link.login))
        self._tables.hashes.pop(account.id, None)
        return self._tables.sign_out(replace(account, verifier=verifier), now)


class MemoryOutbox:
    """``OutboxStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def put(self, errand: Errand, most: int = MOST_ERRANDS) -> bool:
        if (await self.backlog()).count >= most:
            return False
        self._tables.add_errand(errand)
        return True

    async def take(self, now: datetime, limit: int) -> Sequence[Errand]:
        waiting = sorted(self._tables.outbox.values(), key=lambda errand: errand.due_at)
        due = [e for e in waiting if e.due_at <= now or now + 4 * LEASE < e.due_at < NEVER][:limit]
        taken = [replace(e, due_at=now + LEASE, attempts=e.attempts + 1) for e in due]
        self._tables.outbox |= {errand.id: errand for errand in taken}
        return sorted(taken, key=lambda errand: errand.created_at)

    async def done(self, errand: Errand) -> None:
        if self._has(errand):
            del self._tables.outbox[errand.id]

    async def postpone(self, errand: Errand, due_at: datetime) -> None:
        if self._has(errand):
            self._tables.outbox[errand.id] = replace(errand, due_at=due_at)

    async def backlog(self) -> Backlog:
        created = [e.created_at for e in self._tables.outbox.values() if not e.failed]
        return Backlog(count=len(created), oldest=min(created, default=None))

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Errand]:
        ids = sorted(key for key in self._tables.outbox if key > after)
        return [self._tables.outbox[key] for key in ids[:limit]]

    async def retry(self, errand_id: str, now: datetime) -> bool:
        errand = self._tables.outbox.get(errand_id)
        if errand is None:
            return False
        made = replace(errand, due_at=now, attempts=errand.attempts + 1)
        self._tables.outbox[errand_id] = made
        return True

    async def drop(self, errand_id: str) -> bool:
        return self._tables.outbox.pop(errand_id, None) is not None

    def _has(self, errand: Errand) -> bool:
        known = self._tables.outbox.get(errand.id)
        return known is not None and known.attempts == errand.attempts


class MemoryFingerprints:
    """``FingerprintStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def known(self) -> Mapping[str, bytes]:
        return dict(self._tables.fingerprints)

    async def add(self, fingerprints: Mapping[str, bytes]) -> None:
        self._tables.fingerprints = {**fingerprints, **self._tables.fingerprints}


class MemoryDerivations:
    """``DerivationStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def get(self) -> Derivation:
        known = self._tables.derivation
        return replace(known, settled=settled(known.raised_at, self._tables.clock()))

    async def put(self, derivation: Derivation) -> None:
        self._tables.derivation = derivation

    async def peppers(self) -> Mapping[int, int]:
        made = (a.verifier.pepper for a in self._tables.accounts.values() if a.verifier)
        return Counts(sorted(made))

    async def passwords(self) -> Mapping[str, int]:
        found = (a.verifier.kdf for a in self._tables.accounts.values() if a.verifier is not None)
        return Counts(found)


class MemoryImports:
    """``ImportStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def add(self, people: Sequence[Person]) -> Sequence[Reason | None]:
        return [self._add(person) for person in people]

    def _add(self, person: Person) -> Reason | None:
        account = person.account
        if self._tables.by_login(account.login) is not None:
            return Reason.LOGIN_TAKEN
        if account.id in self._tables.accounts:
            return Reason.ID_TAKEN
        self._tables.accounts[account.id] = account
        if person.hash is not None:
            self._tables.hashes[account.id] = person.hash
        return None

    async def find(self, account_id: str) -> SealedHash | None:
        return self._tables.hashes.get(account_id)

    async def kinds(self) -> Mapping[str, int]:
        return Counts(found.kind for found in self._tables.hashes.values())

    async def move(self, account_id: str, proven: SealedHash, verifier: StoredVerifier) -> bool:
        if self._tables.hashes.get(account_id) != proven:
            return False
        del self._tables.hashes[account_id]
        account = self._tables.accounts[account_id]
        self._tables.accounts[account_id] = replace(account, verifier=verifier)
        return True

    async def drop(self) -> int:
        dropped = len(self._tables.hashes)
        self._tables.hashes.clear()
        return dropped


class MemoryCounters:
    """``CounterStore`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        changed, answer = change([self._tables.counters.get(key) for key in keys])
        for key, counter in zip(keys, changed, strict=True):
            if counter is not None:
                self._tables.counters[key] = counter
        return answer

    async def list(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[tuple[str, Counter]]:
        counters = self._tables.counters
        keys = sorted(key for key in counters if key > after and counters[key].expires_at > now)
        return [(key, counters[key]) for key in keys[:limit]]

    async def remove(self, keys: Sequence[str]) -> int:
        return sum(self._tables.counters.pop(key, None) is not None for key in keys)

    async def purge(self, now: datetime) -> int:
        paid = [key for key, counter in self._tables.counters.items() if counter.expires_at <= now]
        for key in paid:
            del self._tables.counters[key]
        return len(paid)


class MemoryRevocations:
    """``RevocationSource`` in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._read = 0

    def changed(self) -> bool:
        return self._read != self._tables.appended

    async def read(self, after: int) -> Sequence[Revocation]:
        self._read = self._tables.appended
        return [replace(e, at=at) for at, e in self._tables.feed if e.number > after]


def open_memory(session_idle: timedelta, clock: Clock) -> Stores:
    """Stores of one process that nothing survives."""
    tables = _Tables(clock)
    counters = MemoryCounters(tables)
    factors = MemoryFactors(tables.accounts)

    async def nothing() -> None:
        """Memory is always there."""

    async def purge(now: datetime) -> int:
        deadlines = Deadlines.at(now, session_idle)
        _clamp(tables, deadlines)
        paid = await counters.purge(now)
        return paid + factors.purge(now, deadlines) + _purge(tables, now, deadlines)

    return Stores(
        accounts=MemoryAccounts(tables),
        sessions=MemorySessions(tables),
        factors=factors,
        links=MemoryLinks(tables),
        outbox=MemoryOutbox(tables),
        counters=counters,
        fingerprints=MemoryFingerprints(tables),
        derivations=MemoryDerivations(tables),
        imports=MemoryImports(tables),
        revocations=MemoryRevocations(tables),
        start=nothing,
        close=nothing,
        ping=nothing,
        purge=purge,
    )


def _clamp(tables: _Tables, deadlines: Deadlines) -> None:
    """What a clock that was ahead has written counts as written now."""
    latest = deadlines.written
    for key, token in tables.tokens.items():
        signed_in_at = min(token.signed_in_at, latest)
        if token.issued_at > latest:
            tables.tokens[key] = replace(token, issued_at=latest, signed_in_at=signed_in_at)
    for key, session in tables.sessions.items():
        signed_in_at = min(session.signed_in_at, latest)
        if session.last_used_at > latest:
            tables.sessions[key] = replace(session, last_used_at=latest, signed_in_at=signed_in_at)
        if session.proven is not None and session.proven.at > latest:
            proven = replace(session.proven, at=latest)
            tables.sessions[key] = replace(tables.sessions[key], proven=proven)
    for key, counter in tables.counters.items():
        if counter.expires_at > deadlines.counters:
            tables.counters[key] = replace(counter, expires_at=deadlines.counters)


def _purge(tables: _Tables, now: datetime, deadlines: Deadlines) -> int:
    before = _size(tables)
    tables.sessions = {
        key: s for key, s in tables.sessions.items() if s.last_used_at >= deadlines.tokens
    }
    tables.revoked = {key: at for key, at in tables.revoked.items() if key in tables.sessions}
    tables.tokens = {
        key: t
        for key, t in tables.tokens.items()
        if t.issued_at >= deadlines.tokens and t.family in tables.sessions
    }
    tables.children = {
        parent: child for parent, child in tables.children.items() if parent in tables.tokens
    }
    tables.links = {
        key: link for key, link in tables.links.items() if now < link.expires_at <= deadlines.links
    }
    tables.feed = [(at, entry) for at, entry in tables.feed if at >= deadlines.revocations]
    tables.outbox = {
        key: e
        for key, e in tables.outbox.items()
        if not e.failed or e.created_at >= deadlines.failed_mail
    }
    return before - _size(tables)


def _size(tables: _Tables) -> int:
    kept = (tables.sessions, tables.tokens, tables.links, tables.feed, tables.outbox)
    return sum(map(len, kept))
