"""Signing in: the limits first, then the password, and what a success gives back.

Three budgets; the first, and one of the others, are charged in one atomic step before anything is
looked up or hashed:

- the **address** has an exact sliding log;
- a login that was never used from this network shares the **account's** budget with all strangers,
  which bounds distributed guessing per day;
- a login on a network from which it has signed in lately, or has proven its mailbox, has a budget
  of its own, so that what strangers do wrong never locks the owner out (ATTACKS U18). Whoever is
  locked out elsewhere proves the mailbox by a reset link, and is known there from then on.

Logins that do not exist are counted in the same way: keys are pseudonyms of what was typed.

A person who shares a network with others must not be able to find out which logins exist there. So
the answer to a wrong attempt, 401 or 429, depends on the account's budget alone, and each wrong
attempt is charged to it, from a known network too. Every attempt that the address has a unit for
does the same work, whichever budget is used up: otherwise the time of the answer would tell.

Sources: OWASP ASVS 5.0 requirements 6.3.1 and 6.3.8; NIST SP 800-63B-4 section 3.2.2;
Ledger 18, 20-22; ATTACKS U01, U02, U18.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

from ringfence.authn.accounts import Account, AccountStore, StoredVerifier
from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import Counter, CounterStore
from ringfence.authn.limits import UNKNOWN_ADDRESS, address_key, judge, stamp
from ringfence.authn.opaque import pseudonym
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

Counters: TypeAlias = Sequence[Counter | None]

#: To wait for, where a unit has come free while an attempt was being refused.
_MOMENT: Final = timedelta(seconds=1)


class Proofs(Protocol):
    """How a password, or the client's key derived from it, is compared with what is stored."""

    async def matches(
        self, login: str, password: str, stored: StoredVerifier | None, *, reserved: bool = False
    ) -> bool:
        """Also takes its time where nothing is stored. ``reserved``: who asks is signed in."""
        ...

    async def matches_keys(
        self, client_key: bytes, next_key: bytes | None, stored: StoredVerifier | None
    ) -> bool:
        """Two keys are one guess: the one counts whose parameters ``stored`` was made with."""
        ...

    async def moved(
        self,
        login: str,
        proven: StoredVerifier,
        *,
        password: str | None = None,
        client_key: bytes | None = None,
        next_key: bytes | None = None,
    ) -> StoredVerifier | None:
        """What to store in place of ``proven``, with the newest pepper, and the cost that comes.

        None: it is of today. Raises as ``matches``.
        """
        ...


class Imported(Protocol):
    """Passwords that another program has hashed (``imported``)."""

    async def admits(self, login: str, password: str, account: Account | None) -> bool:
        """Whether ``password`` is right, and stored as ours from now on. Raises as ``matches``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody signs in with: a normalised login, and one of the two proofs.

    While the cost is raised there are two keys: of now, and of what comes next.
    """

    login: str
    password: str | None = field(default=None, repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    next_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in that the limits let through."""

    login: str  # pseudonym
    place: str  # the client's network
    known: bool  # charged to the login's own budget on this network
    open: bool  # that budget, or the account's, had a unit for it
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Judges sign-ins."""

    accounts: AccountStore
    counters: CounterStore
    proofs: Proofs
    imported: Imported
    budgets: Budgets
    pseudonyms: Secret[bytes]  # the key of ``pseudonym``

    async def verify(self, credentials: Credentials, client: str, now: datetime) -> Account:
        """The account that ``credentials`` prove. ``client`` is the address they come from.

        Raises:
            Refused: ``signin.limited``; ``credentials.invalid``, whatever was wrong;
                ``hashing.busy``. A wrong attempt keeps its units.
        """
        attempt = await self._admit(credentials.login, client, now)
        account = await self.accounts.find_by_login(credentials.login)
        if account is not None and account.disabled_at is not None:
            account = None
        stored = account.verifier if account is not None and attempt.open else None
        matched = await proven(self.proofs, credentials, stored)
        if credentials.password is not None:
            compared = account if attempt.open else None
            matched |= await self.imported.admits(credentials.login, credentials.password, compared)
        if account is None or not matched:
            raise await self._failure(attempt)
        await self._settle(attempt)
        await self._move(account, credentials)
        return account

    async def remember(self, login: str, client: str, now: datetime) -> None:
        """Make the network known to ``login``: its mailbox was just proven from there."""
        place = address_key(client)
        if place == UNKNOWN_ADDRESS:
            return
        key = _known_key(pseudonym(login, self.pseudonyms), place)

        def change(counters: Counters) -> tuple[Counters, None]:
            return [_extended(counters[0], now, self.budgets.known_for)], None

        await self.counters.update([key], change)

    async def _move(self, account: Account, credentials: Credentials) -> None:
        """Store the password that was proven as it is stored today, if that has changed."""
        if account.verifier is None:
            return
        try:
            moved = await self.proofs.moved(
                credentials.login,
                account.verifier,
                password=credentials.password,
                client_key=credentials.client_key,
                next_key=credentials.next_key,
            )
        except Refused:  # all workers are busy: the next sign-in moves
            return
        if moved is not None:
            await self.accounts.move_verifier(account.id, account.verifier, moved)

    async def _admit(self, login: str, client: str, now: datetime) -> Attempt:
        """Take the units of one attempt, or refuse it."""
        name, place = pseudonym(login, self.pseudonyms), address_key(client)

        def change(counters: Counters) -> tuple[Counters, Attempt | timedelta]:
            address, account, known = counters
            (address,), wait = judge([self.budgets.signin_address], [address], now)
            if wait is not None:
                later = judge([self.budgets.signin_account], [account], now)[1]
                return [address, None, None], max(wait, later or wait)
            known = known and _as_of(known, now, self.budgets.known_for)
            lately = known is not None and now < known.expires_at
            if known is not None and lately:
                (charged,), wait = judge([self.budgets.signin_known], [known], now)
                account = None
                known = charged and replace(
                    charged, expires_at=max(charged.expires_at, known.expires_at)
                )
            else:
                (account,), wait = judge([self.budgets.signin_account], [account], now)
                known = None
            attempt = Attempt(login=name, place=place, known=lately, open=wait is None, at=now)
            return [address, account, known], attempt

        result = await self.counters.update(_keys(name, place), change)
        if isinstance(result, timedelta):
            raise Refused("signin.limited", retry_after=result, facts={"login": name})
        return result

    async def _failure(self, attempt: Attempt) -> Refused:
        """What a wrong attempt is answered. It takes one write, whatever that is."""

        def change(counters: Counters) -> tuple[Counters, timedelta | None]:
            (before,) = counters
            if attempt.open and not attempt.known:  # charged already
                return [before], None
            (after,), wait = judge([self.budgets.signin_account], [before], attempt.at)
            if not attempt.known:  # not compared: it is never told that it was wrong
                return [before], wait or _MOMENT
            return [after or before], wait

        wait = await self.counters.update([_keys(attempt.login, attempt.place)[1]], change)
        facts = {"login": attempt.login}
        if wait is None:
            return Refused("credentials.invalid", facts=facts)
        return Refused("signin.limited", retry_after=wait, facts=facts)

    async def _settle(self, attempt: Attempt) -> None:
        """Give the attempt's own units back, no other (Ledger 21), and know the network.

        Raises:
            Refused: ``signin.limited``: the account has begun too many sessions.
        """
        budgets = self.budgets

        def change(counters: Counters) -> tuple[Counters, timedelta | None]:
            address, account, known, done = counters
            (done,), wait = judge([budgets.signin_success], [done], attempt.at)
            if wait is not None:
                return [None] * 4, wait
            address = address and budgets.signin_address.give_back(address, attempt.at)
            if attempt.known:
                account, known = None, known and budgets.signin_known.give_back(known, attempt.at)
            else:
                account = account and budgets.signin_account.give_back(account, attempt.at)
            if attempt.place != UNKNOWN_ADDRESS:
                known = _extended(known, attempt.at, budgets.known_for)
            return [address, account, known, done], None

        keys = [*_keys(attempt.login, attempt.place), f"signin:success:{attempt.login}"]
        wait = await self.counters.update(keys, change)
        if wait is not None:
            raise Refused("signin.limited", retry_after=wait, facts={"login": attempt.login})


async def proven(
    proofs: Proofs,
    credentials: Credentials,
    stored: StoredVerifier | None,
    *,
    reserved: bool = False,
) -> bool:
    """Whether ``credentials`` prove what is stored. ``reserved``: who asks is signed in.

    Raises:
        Refused: ``hashing.busy``.
    """
    if credentials.client_key is not None:
        return await proofs.matches_keys(credentials.client_key, credentials.next_key, stored)
    password = credentials.password or ""
    return await proofs.matches(credentials.login, password, stored, reserved=reserved)


def _keys(login: str, place: str) -> list[str]:
    return [f"signin:address:{place}", f"signin:account:{login}", _known_key(login, place)]


def _known_key(login: str, place: str) -> str:
    return f"signin:known:{login}:{place}"


def _extended(known: Counter | None, now: datetime, lasting: timedelta) -> Counter:
    """``known`` with its debt as it is, known for ``lasting`` from ``now`` on."""
    return Counter(known.marks if known else (stamp(now), stamp(now)), now + lasting)


def _as_of(known: Counter, now: datetime, lasting: timedelta) -> Counter:
    """``known``, for no longer than ``lasting``, whatever a clock that was ahead has written."""
    return Counter(known.marks, min(known.expires_at, now + lasting))
