"""Accounts: an opaque id, a login with provenance, roles and the two versions of its tokens.

A user is keyed by the id, never by the e-mail address, which changes, is recycled and is an
attribute (DESIGN section 6; Ledger 5). ``token_version`` rises with "sign out everywhere", a new
password and a disabled account; ``role_version`` with a change of roles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ringfence.authn.outbox import Errand


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerifier:
    """What is kept of a password: ``HMAC-SHA-256(pepper, client_key)``."""

    digest: bytes  # 32 bytes
    pepper: int  # version of the pepper
    kdf: str  # parameters of the client's step, "argon2id m=65536 t=3 p=4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user. All datetimes are aware UTC."""

    id: str
    login: str  # normalised e-mail address
    login_verified_at: datetime
    created_at: datetime
    name: str = ""
    roles: frozenset[str] = frozenset({"user"})
    token_version: int = 0
    role_version: int = 0
    disabled_at: datetime | None = None
    verifier: StoredVerifier | None = None  # None: no password set, or dropped
    has_totp: bool = False
    has_passkey: bool = False
    factor_reset_at: datetime | None = None  # when an operator's reset lets them go


class AccountStore(Protocol):
    """What authn needs of a database for accounts; every adapter passes ``tests/contract``.

    Each change is one transaction that locks the account's row first, bumps the version named and
    appends to the revocation feed (see ``revocation``), so that older tokens die everywhere.
    """

    async def find(self, account_id: str) -> Account | None: ...

    async def find_by_login(self, login: str) -> Account | None: ...

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        """Accounts by ascending id, those greater than ``after``."""
        ...

    async def create(self, account: Account) -> bool:
        """Add an account; False, and nothing written, if its login is taken."""
        ...

    async def set_verifier(
        self,
        account_id: str,
        verifier: StoredVerifier,
        token_version: int,
        now: datetime,
        *,
        tell: Errand | None = None,
    ) -> Account | None:
        """Replace the password: bumps ``token_version`` and revokes every session.

        ``tell`` is added to the outbox in the same transaction.

        A reset link that was mailed before stops working too. None, and nothing written, if the
        account is gone, disabled, or has another ``token_version`` by then: a person who knew the
        old password must not undo a change that was made meanwhile.
        """
        ...

    async def move_verifier(
        self, account_id: str, proven: StoredVerifier, moved: StoredVerifier
    ) -> bool:
        """Store the same password with other parameters: no session ends, no token dies.

        False, and nothing written, if ``proven`` is not what is stored any more.
        """
        ...

    async def set_roles(self, account_id: str, roles: frozenset[str]) -> Account:
        """Replace the roles: bumps ``role_version``.

        Raises:
            LookupError: No such account; so do the methods below.
        """
        ...

    async def disable(self, account_id: str, now: datetime) -> Account:
        """Disable the account, again is no error: as ``sign_out_everywhere``."""
        ...

    async def sign_out_everywhere(self, account_id: str, now: datetime) -> Account:
        """Bump ``token_version`` and revoke every session of the account."""
        ...

    async def enable(self, account_id: str) -> Account:
        """Undo ``disable``; sessions and tokens stay dead. Raises LookupError."""
        ...

    async def delete(self, account_id: str) -> Account:
        """Remove the account with its sessions, and a reset under way; its tokens die.

        On PostgreSQL the role of the service may not, and the owner of the tables does it.

        Returns:
            The account as it was.

        Raises:
            LookupError: No such account.
        """
        ...

    async def change_login(
        self, account_id: str, login: str, now: datetime, *, tell: Sequence[Errand] = ()
    ) -> Account | None:
        """Give the account another login and drop its password, which the old login salts.

        ``tell`` is mail about it, and is kept with it.

        As ``sign_out_everywhere``; links that were mailed to either login stop working. On
        PostgreSQL as ``delete``.

        Returns:
            The account; None, and nothing written, if the login is taken.

        Raises:
            LookupError: No such account.
        """
        ...
