"""Signing up: the login first, the password only with the proof of the mailbox.

So nobody can set a password for an account of somebody else's mailbox (Ledger 1, 2), and a stranger
causes no Argon2id. The answer does not show whether there is an account; only the mail does
(Ledger 24).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ringfence.authn import links, mail, opaque
from ringfence.authn.accounts import Account, AccountStore, StoredVerifier
from ringfence.authn.links import LinkStore
from ringfence.authn.mail import Mailer
from ringfence.authn.opaque import Random
from ringfence.core.errors import Refused


class Makes(Protocol):
    """Judges a new password and turns it into what is stored of it."""

    async def make(self, login: str, password: str) -> StoredVerifier:
        """Raises ``Refused``: ``password.too_short``, ``.too_long``, ``.common``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """Asking for an account, and getting it."""

    accounts: AccountStore
    links: LinkStore
    mailer: Mailer
    passwords: Makes
    random: Random

    async def ask(self, login: str, name: str, site: str, now: datetime) -> None:
        """Mail what there is to know to ``login``. Runs after the answer has left."""
        if await self.accounts.find_by_login(login) is not None:
            letter = mail.already_signed_up(site)
        else:
            link, token = links.new_link("sign-up", login, self.random, now, name=name)
            await self.links.add(link)
            letter = mail.finish_sign_up(site, links.address(site, "sign-up", token))
        await self.mailer.send(login, letter.subject, letter.text)

    async def prove(self, token: str, password: str, now: datetime) -> Account:
        """Create the account of the link's login, with its first password.

        Raises:
            Refused: ``link.invalid``; what is wrong with the password, and the link still works.
        """
        link = await links.find(self.links, token, "sign-up", now)
        account = Account(
            id=opaque.new_id(self.random),
            login=link.login,
            name=link.name,
            login_verified_at=now,
            created_at=now,
            verifier=await self.passwords.make(link.login, password),
        )
        if not await self.links.redeem_sign_up(link.digest, account, now):
            raise Refused("link.invalid")
        return account
