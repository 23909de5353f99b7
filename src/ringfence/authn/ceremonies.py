"""Passkeys in flows: added to an account, shown as a second factor, or all that a sign-in needs.

A challenge is asked by a browser, which keeps a secret of its own in a cookie; the answer has to
come from there, and once. A passkey that has verified its user proves two factors at once
(NIST SP 800-63B-4 section 3.1.7); one that has not is a second factor beside a password.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ringfence.authn import passkeys
from ringfence.authn.accounts import Account, AccountStore
from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import CounterStore
from ringfence.authn.factors import LIFETIME, Challenge, FactorStore, Kind, Passkey
from ringfence.authn.limits import Charge, charge
from ringfence.authn.opaque import Random
from ringfence.authn.passkeys import Asserted, Site
from ringfence.authn.second_factor import HIGHEST_AAL
from ringfence.authn.sessions import Assurance
from ringfence.core.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremonies:
    """Asks authenticators, and judges what they answer."""

    store: FactorStore
    accounts: AccountStore
    counters: CounterStore
    budgets: Budgets
    site: Site
    random: Random

    async def ask_new(self, account: Account, browser: bytes, now: datetime) -> dict[str, object]:
        """Options for a passkey to be added. ``browser`` is the digest of the browser's secret."""
        known = (await self.store.held(account.id)).passkeys
        challenge = await self._ask("passkey", account, browser, now)
        user = account.id, account.login
        return passkeys.creation_options(self.site, challenge, user, known)

    async def add(
        self,
        account: Account,
        credential: Mapping[str, Any],
        name: str,
        browser: bytes,
        now: datetime,
    ) -> Passkey:
        """Add the passkey that was made.

        Raises:
            Refused: ``factor.invalid``: also if it is known, or the account has too many.
        """
        asked, challenge = await self._asked("passkey", credential, browser, now)
        if asked.account != account.id:
            raise _invalid("account")
        made = passkeys.attested(credential, challenge, self.site)
        added = Passkey(
            id=made.id,
            account=account.id,
            name=name,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=made.transports,
            eligible=made.eligible,
            backed_up=made.backed_up,
            created_at=now,
        )
        if not await self.store.add_passkey(asked.digest, added):
            raise _invalid("known, or too many")
        return added

    async def ask(
        self, account: Account | None, browser: bytes, now: datetime
    ) -> dict[str, object]:
        """Options for a passkey of ``account`` to be shown; None: of whoever signs in."""
        known = None if account is None else (await self.store.held(account.id)).passkeys
        challenge = await self._ask("assertion", account, browser, now)
        return passkeys.request_options(self.site, challenge, known)

    async def show(
        self,
        credential: Mapping[str, Any],
        browser: bytes,
        now: datetime,
        *,
        account: Account | None = None,
        ticket: bytes | None = None,
    ) -> tuple[Account, Assurance]:
        """Whose passkey was shown, and what that proves; the challenge and ``ticket`` are spent.

        Without ``account`` it is a sign-in of its own, for which the user must have been verified.

        Raises:
            Refused: ``factor.invalid``, whatever was wrong; ``signin.limited``.
        """
        asked, challenge = await self._asked("assertion", credential, browser, now)
        owner_id = None if account is None else account.id
        if asked.account != owner_id:
            raise _invalid("account")
        seen = await self.store.passkey(passkeys.credential_id(credential))
        if seen is None or (owner_id is not None and seen.account != owner_id):
            raise _invalid("unknown")
        proven = passkeys.asserted(credential, challenge, self.site, seen, verified=account is None)
        owner = account or await self._owner(seen, now)
        used = replace(seen, sign_count=proven.sign_count, backed_up=proven.backed_up, used_at=now)
        if not await self.store.use_passkey(used, seen, asked.digest, ticket):
            raise _invalid("spent")
        if owner.factor_reset_at is not None:
            await self.store.schedule_reset(owner.id, None)
        return owner, Assurance(aal=HIGHEST_AAL, amr=_methods(used, proven, account), at=now)

    async def _owner(self, seen: Passkey, now: datetime) -> Account:
        """Whose passkey signs in alone. The sessions that one account may begin are bounded."""
        owner = await self.accounts.find(seen.account)
        if owner is None or owner.disabled_at is not None:
            raise _invalid("account")
        if owner.factor_reset_at is not None and owner.factor_reset_at <= now:
            raise _invalid("reset")
        charges = [Charge(f"passkey:success:{owner.id}", self.budgets.signin_success)]
        await charge(self.counters, "signin.limited", charges, now)
        return owner

    async def _ask(
        self, kind: Kind, account: Account | None, browser: bytes, now: datetime
    ) -> bytes:
        challenge = self.random(passkeys.CHALLENGE_BYTES)
        await self.store.ask(
            Challenge(
                digest=passkeys.digest(challenge),
                kind=kind,
                account=None if account is None else account.id,
                token_version=0 if account is None else account.token_version,
                data=browser,
                expires_at=now + LIFETIME,
            )
        )
        return challenge

    async def _asked(
        self, kind: Kind, credential: Mapping[str, Any], browser: bytes, now: datetime
    ) -> tuple[Challenge, bytes]:
        """The challenge that ``credential`` answers, asked by this browser; a try is counted."""
        challenge = passkeys.challenge_of(credential)
        digest = passkeys.digest(challenge)
        found = await self.store.asked(digest, kind, now)
        if found is None or not hmac.compare_digest(found.data, browser):
            raise _invalid("challenge")
        if await self.store.attempt(digest, kind, now) is None:
            raise _invalid("tries")
        return found, challenge


def _methods(used: Passkey, proven: Asserted, account: Account | None) -> tuple[str, ...]:
    """By the names of RFC 8176: a key that can be backed up is one in software."""
    first = () if account is None else ("pwd",)
    user = ("user",) if proven.user_verified else ()
    return (*first, "swk" if used.eligible else "hwk", *user, "mfa")


def _invalid(check: str) -> Refused:
    return Refused("factor.invalid", facts={"check": check})
