"""Second factors of an account, and the challenges that ask for one; what both need of a database.

A challenge is something asked that is not answered yet: the second step of a sign-in, an app that
is being set up, a passkey's signature. It is known by a secret of which the SHA-256 is stored; its
right answer removes it in the transaction that also spends what was shown. So 50 parallel answers
give one success, and a challenge that nobody answers leaves nothing behind (Ledger 30, 31).

Sources: NIST SP 800-63B-4 sections 2.2 and 3.2.2; ASVS 5.0 chapter 6.5; ATTACKS U11 to U14.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, TypeAlias

from ringfence.authn.accounts import Account

#: What is asked for: the second step of a sign-in; a first factor before the sign-in ends; an app
#: that is being set up by who is signed in, or before; a passkey to be added, or to be shown.
Kind: TypeAlias = Literal["sign-in", "enrol", "totp", "totp-first", "passkey", "assertion"]

#: How long an answer may take (ASVS 6.5.5, MUSTS W01: 5 minutes); setting something up takes more.
LIFETIME: Final = timedelta(minutes=5)
ENROLMENT_LIFETIME: Final = timedelta(minutes=10)

#: Answers to one challenge, right or wrong (ATTACKS U12).
TRIES: Final = 5

#: Passkeys of one account.
MOST_PASSKEYS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Something asked, as stored. All datetimes are aware UTC."""

    digest: bytes  # SHA-256 of the secret that it is known by
    kind: Kind
    account: str | None = None  # None: whose a passkey is shows in the answer
    token_version: int = 0  # of the account when it was asked
    data: bytes = field(default=b"", repr=False)  # what the answer is compared with
    expires_at: datetime  # reaching it exactly counts as over it


@dataclass(frozen=True, slots=True, kw_only=True)
class Totp:
    """An authenticator app."""

    account: str
    sealed: bytes = field(repr=False)
    pepper: int
    step: int  # spent last
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A WebAuthn credential."""

    id: bytes
    account: str
    name: str
    public_key: bytes  # COSE
    sign_count: int
    transports: tuple[str, ...] = ()
    eligible: bool = False  # for backup
    backed_up: bool = False
    created_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """All factors of one account beside its password."""

    totp: Totp | None = None
    passkeys: Sequence[Passkey] = ()
    recovery_codes: int = 0  # that are left


class FactorStore(Protocol):
    """What factors need of a database; every adapter passes ``tests/contract``.

    What adds, spends or removes something is one transaction that compares before it sets.
    """

    async def held(self, account_id: str) -> Held:
        """All that the account has."""
        ...

    async def passkey(self, credential_id: bytes) -> Passkey | None: ...

    async def ask(self, challenge: Challenge) -> None:
        """Keep a challenge."""
        ...

    async def asked(self, digest: bytes, kind: Kind, now: datetime) -> Challenge | None:
        """The challenge, if it is neither answered nor expired."""
        ...

    async def attempt(
        self, digest: bytes, kind: Kind, now: datetime, most: int = TRIES
    ) -> Challenge | None:
        """As ``asked``, and count a try; None if ``most`` were counted before."""
        ...

    async def add_totp(self, challenge: bytes, totp: Totp, *, first: bool = False) -> bool:
        """Answer the challenge, and put the app in the place of one that is there.

        False, and nothing written, if the challenge is gone; with ``first`` also if the account
        has a second factor already.
        """
        ...

    async def add_passkey(
        self, challenge: bytes, passkey: Passkey, *, most: int = MOST_PASSKEYS
    ) -> bool:
        """Answer the challenge, and add the passkey.

        False, and nothing written, if the challenge is gone, the credential is known, or the
        account has ``most`` passkeys.
        """
        ...

    async def spend_step(self, account_id: str, step: int, challenge: bytes | None) -> bool:
        """Spend a time step, and answer the challenge.

        False if this step or a later one is spent, or the challenge is gone.
        """
        ...

    async def spend_code(self, account_id: str, digest: bytes, challenge: bytes | None) -> bool:
        """Spend a recovery code, and answer the challenge; False if either is gone."""
        ...

    async def use_passkey(
        self, used: Passkey, seen: Passkey, challenge: bytes, ticket: bytes | None = None
    ) -> bool:
        """Answer the challenge and the ticket, and store the count and the flags of ``used``.

        False, and nothing written, if either is gone, or the count is not that of ``seen``.
        """
        ...

    async def put_codes(self, account_id: str, digests: Sequence[bytes]) -> None:
        """Replace the recovery codes."""
        ...

    async def remove_totp(self, account_id: str, *, keep_last: bool = False) -> bool:
        """False if there is none, or with ``keep_last`` no other second factor beside it.

        With the last one, the recovery codes go.
        """
        ...

    async def remove_passkey(
        self, account_id: str, credential_id: bytes, *, keep_last: bool = False
    ) -> bool:
        """As ``remove_totp``."""
        ...

    async def rename_passkey(self, account_id: str, credential_id: bytes, name: str) -> bool:
        """False if the account has none such."""
        ...

    async def require(self, account_id: str, since: datetime) -> datetime:
        """Note since when a second factor is asked for; returns the first that was noted."""
        ...

    async def schedule_reset(self, account_id: str, at: datetime | None) -> bool:
        """Let every second factor go at ``at``; None calls that off. False if nothing changed."""
        ...

    async def reset(self, account_id: str, now: datetime) -> bool:
        """Remove every second factor, if that was scheduled and is due."""
        ...


def second_factors(account: Account, now: datetime) -> tuple[str, ...]:
    """What the account's second step can be, best first; none once an operator's reset is due."""
    if account.factor_reset_at is not None and account.factor_reset_at <= now:
        return ()
    names = ["passkey"] * account.has_passkey + ["totp"] * account.has_totp
    return (*names, "recovery_code") if names else ()


def highest_level(account: Account, now: datetime) -> int:
    """The highest assurance level at which the account can sign in."""
    return 2 if second_factors(account, now) else 1
