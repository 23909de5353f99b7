"""The second step of a sign-in, and showing a factor again: who has it, and how often one may try.

A right password of an account with a second factor gives a ticket, which is no token: it opens the
second step and nothing else (ATTACKS U13). Tries are counted for each ticket, and for the account
in any 24 hours, whatever the factor, and whether there was a new ticket between them (MUSTS T03,
Ledger 30). A passkey can't be guessed, and works when the account's tries are used up.

An operator's reset waits, and its owner is told: whoever shows a second factor meanwhile calls it
off.

Sources: NIST SP 800-63B-4 sections 2.2 and 3.2.2; ASVS 5.0 6.3.3, 6.5.1, 6.6.3, 7.5.1; Ledger 27
to 30.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from ringfence.authn import opaque, recovery_codes, totp
from ringfence.authn.accounts import Account, AccountStore
from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import CounterStore
from ringfence.authn.factors import (
    ENROLMENT_LIFETIME,
    LIFETIME,
    Challenge,
    FactorStore,
    Kind,
    Totp,
    highest_level,
    second_factors,
)
from ringfence.authn.limits import Charge, charge, give_back
from ringfence.authn.opaque import Random
from ringfence.authn.sessions import Assurance
from ringfence.core.errors import Refused
from ringfence.core.principal import Principal
from ringfence.core.secret import Secret

#: For how long after showing who one is factors, password and other sessions may be changed.
RECENT: Final = timedelta(minutes=10)

#: What a sign-in with a second factor proves; there is no higher one.
HIGHEST_AAL: Final = 2

#: The methods of a sign-in by RFC 8176.
CODE_AMR: Final = ("pwd", "otp", "mfa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One factor as it was shown: exactly one of the two."""

    code: str | None = None
    recovery_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An app that is being set up."""

    ticket: str
    secret: Secret[str]
    address: Secret[str]  # the key URI of the QR code


#: What a right password leads to.
Next: TypeAlias = Literal["done", "mfa", "enrol"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Whose role asks for a second factor, and how long they may go without."""

    roles: frozenset[str] = frozenset()
    grace: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """Asks for second factors, judges them, and sets them up."""

    store: FactorStore
    accounts: AccountStore
    counters: CounterStore
    budgets: Budgets
    peppers: Mapping[int, Secret[bytes]]
    issuer: str  # the site's name in an authenticator app
    terms: Terms
    random: Random

    # ------------------------------------------------------------------------------ the sign-in

    async def next_step(self, account: Account, now: datetime) -> tuple[Next, datetime | None]:
        """What comes after the right password.

        Returns:
            The step, and until when the account may go without a second factor, if its role asks
            for one.
        """
        if second_factors(account, now):
            return "mfa", None
        if not account.roles & self.terms.roles:
            return "done", None
        until = await self.store.require(account.id, now) + self.terms.grace
        return ("done", until) if now < until else ("enrol", None)

    async def reset_if_due(self, account: Account, now: datetime) -> bool:
        """Remove the second factors whose reset is due; whether this call has."""
        due = account.factor_reset_at is not None and account.factor_reset_at <= now
        return due and await self.store.reset(account.id, now)

    async def ask(self, account: Account, kind: Kind, now: datetime, data: bytes = b"") -> str:
        """A ticket for the next step of ``account``: a secret, of which the digest is stored."""
        ticket = opaque.new(opaque.TICKET, self.random)
        await self.store.ask(
            Challenge(
                digest=opaque.digest(ticket),
                kind=kind,
                account=account.id,
                token_version=account.token_version,
                data=data,
                expires_at=now + (LIFETIME if kind == "sign-in" else ENROLMENT_LIFETIME),
            )
        )
        return ticket

    async def holder(self, ticket: str, kind: Kind, now: datetime) -> Account:
        """Whose ticket this is; nothing is counted or spent.

        Raises:
            Refused: ``ticket.invalid``: unknown, expired, answered, for another step, or the
                account was disabled or changed its password since.
        """
        found = await self.store.asked(ticket_digest(ticket), kind, now)
        return await self._account(found)

    async def tried(self, ticket: str, now: datetime) -> Account:
        """As ``holder`` of the second step, and a try is counted."""
        return await self._account(await self._challenge(ticket, "sign-in", now))

    async def finish(self, ticket: str, shown: Shown, now: datetime) -> Account:
        """Whose second step ``shown`` completes. It and the ticket are spent.

        Raises:
            Refused: ``ticket.invalid``; ``factor.limited``; ``factor.invalid``.
        """
        account = await self.tried(ticket, now)
        await self._judge(account, shown, now, ticket_digest(ticket), [])
        return account

    async def show_again(
        self, account: Account, session: str, shown: Shown, now: datetime
    ) -> Assurance:
        """What showing a second factor in a session is worth: the step-up.

        Raises:
            Refused: ``factor.limited``, ``factor.invalid``.
        """
        tries = Charge(f"factor:session:{session}", self.budgets.factor_session)
        await self._judge(account, shown, now, None, [tries])
        return Assurance(aal=HIGHEST_AAL, amr=CODE_AMR, at=now)

    def require_recent(self, account: Account, principal: Principal, now: datetime) -> None:
        """Refuse whoever has not shown lately, as strongly as they can, who they are (MUSTS O10).

        Raises:
            Refused: ``aal.insufficient``, ``aal.stale``.
        """
        if principal.aal < highest_level(account, now):
            raise Refused("aal.insufficient")
        if now - principal.authenticated_at >= RECENT:
            raise Refused("aal.stale")

    # --------------------------------------------------------------------------------- setting up

    async def begin_totp(self, account: Account, kind: Kind, now: datetime) -> Enrolment:
        """A secret for an authenticator app; it counts once a code of it was shown."""
        secret = totp.new_secret(self.random)
        sealed, version = self._seal(secret, account.id)
        ticket = await self.ask(account, kind, now, version.to_bytes(4, "big") + sealed)
        shown_as = Secret(totp.address(secret, account.login, self.issuer))
        return Enrolment(ticket=ticket, secret=secret, address=shown_as)

    async def finish_totp(
        self, ticket: str, code: str, now: datetime, *, owner: Account | None = None
    ) -> tuple[Account, tuple[str, ...]]:
        """Keep the app whose code was shown; ``owner``: who is signed in, else it is the first.

        Returns:
            The account, and new recovery codes where it had none.

        Raises:
            Refused: ``ticket.invalid``; ``factor.invalid``.
        """
        kind: Kind = "totp-first" if owner is None else "totp"
        challenge = await self._challenge(ticket, kind, now)
        account = await self._account(challenge)
        if owner is not None and account.id != owner.id:
            raise Refused("ticket.invalid")
        version, sealed = int.from_bytes(challenge.data[:4], "big"), challenge.data[4:]
        secret = totp.unseal(sealed, account.id, self.peppers[version])
        step = totp.step_of(secret, totp.read_code(code), now, after=0)
        if step is None:
            raise Refused("factor.invalid", facts={"account": account.id})
        app = Totp(account=account.id, sealed=sealed, pepper=version, step=step, created_at=now)
        if not await self.store.add_totp(challenge.digest, app, first=owner is None):
            raise Refused("ticket.invalid", facts={"account": account.id})
        return account, await self.first_codes(account)

    async def first_codes(self, account: Account) -> tuple[str, ...]:
        """Recovery codes for an account that has none; empty where it has some."""
        held = await self.store.held(account.id)
        return () if held.recovery_codes else await self.new_codes(account)

    async def new_codes(self, account: Account) -> tuple[str, ...]:
        """Recovery codes in the place of those that are left."""
        codes = recovery_codes.new(self.random)
        await self.store.put_codes(account.id, [recovery_codes.digest(code) for code in codes])
        return codes

    # ------------------------------------------------------------------------------------ judging

    async def _judge(
        self,
        account: Account,
        shown: Shown,
        now: datetime,
        challenge: bytes | None,
        tries: list[Charge],
    ) -> None:
        """Spend what was shown. It is paid for before it is looked at; a success pays nothing."""
        charges = [Charge(f"factor:account:{account.id}", self.budgets.factor_account), *tries]
        try:
            await charge(self.counters, "factor.limited", charges, now)
            await self._spend(account, shown, now, challenge)
        except Refused as refused:
            refused.facts["account"] = account.id
            raise
        await give_back(self.counters, charges, now)
        if account.factor_reset_at is not None:
            await self.store.schedule_reset(account.id, None)

    async def _spend(
        self, account: Account, shown: Shown, now: datetime, challenge: bytes | None
    ) -> None:
        """Raises Refused: ``factor.invalid``: it is wrong, or was used before."""
        if not second_factors(account, now):
            raise Refused("factor.invalid", facts={"reason": "no factor"})
        if shown.recovery_code is not None:
            digest = recovery_codes.digest(shown.recovery_code)
            spent = await self.store.spend_code(account.id, digest, challenge)
        else:
            step = await self._step(account, totp.read_code(shown.code or ""), now)
            spent = step is not None and await self.store.spend_step(account.id, step, challenge)
        if not spent:
            raise Refused("factor.invalid")

    async def _step(self, account: Account, code: str, now: datetime) -> int | None:
        """The step of the account's app that ``code`` belongs to, if it is not spent."""
        app = (await self.store.held(account.id)).totp
        if app is None:
            return None
        secret = totp.unseal(app.sealed, account.id, self.peppers[app.pepper])
        return totp.step_of(secret, code, now, after=app.step)

    async def _challenge(self, ticket: str, kind: Kind, now: datetime) -> Challenge:
        """Count a try. What is not there costs no write."""
        digest = ticket_digest(ticket)
        found = await self.store.asked(digest, kind, now)
        found = found and await self.store.attempt(digest, kind, now)
        if found is None:
            raise Refused("ticket.invalid")
        return found

    async def _account(self, challenge: Challenge | None) -> Account:
        """The account of a challenge, as it was when that was asked."""
        account = None
        if challenge is not None and challenge.account is not None:
            account = await self.accounts.find(challenge.account)
        if (
            challenge is None
            or account is None
            or account.disabled_at is not None
            or account.token_version != challenge.token_version
        ):
            raise Refused("ticket.invalid")
        return account

    def _seal(self, secret: Secret[str], account_id: str) -> tuple[bytes, int]:
        """The secret for this account's row, and the version of the pepper that seals it."""
        version = max(self.peppers)
        nonce = self.random(totp.NONCE_BYTES)
        return totp.seal(secret, account_id, self.peppers[version], nonce), version


def ticket_digest(ticket: str) -> bytes:
    """Raises Refused: ``ticket.invalid``: it has not the shape of one."""
    if not opaque.could_be(ticket, opaque.TICKET):
        raise Refused("ticket.invalid")
    return opaque.digest(ticket)
