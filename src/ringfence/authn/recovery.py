"""A new password: by a mailed link, or by the current one.

Either way every session ends and every older token dies (Ledger 9); a reset signs nobody in, and
the owner is told by mail.

Sources: OWASP ASVS 5.0 requirements 6.2.3, 6.3.7 and 6.4.3; OWASP Forgot Password Cheat Sheet;
ATTACKS U17.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ringfence.authn import links, mail
from ringfence.authn.accounts import Account, AccountStore
from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import CounterStore
from ringfence.authn.limits import Charge, charge, give_back
from ringfence.authn.links import LinkStore
from ringfence.authn.mail import Mailer
from ringfence.authn.opaque import Random
from ringfence.authn.outbox import SEVERAL, Errand, Telling
from ringfence.authn.signin import Credentials, Proofs, proven
from ringfence.authn.signup import Makes
from ringfence.core.errors import Refused


class Passwords(Proofs, Makes, Protocol):
    """Both: the current password is compared, the new one made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Replaces passwords."""

    accounts: AccountStore
    links: LinkStore
    counters: CounterStore
    mailer: Mailer
    passwords: Passwords
    budgets: Budgets
    random: Random

    async def ask(self, login: str, site: str, now: datetime, why: str = "") -> None:
        """Mail a link to ``login`` if it has an account. Runs after the answer has left.

        ``why`` is empty where it was asked for, and ``login`` where an operator has made this the
        login of the account.
        """
        account = await self.accounts.find_by_login(login)
        if account is None or account.disabled_at is not None:
            return
        link, token = links.new_link("reset", login, self.random, now)
        await self.links.add(link)
        written = mail.choose_password if why == "login" else mail.reset_password
        letter = written(site, links.address(site, "reset", token))
        await self.mailer.send(login, letter.subject, letter.text)

    async def reset(
        self, token: str, password: str, now: datetime, *, tell: Telling | None = None
    ) -> Account:
        """Set the password of the link's account; ``tell`` makes the errand to tell its owner.

        Raises:
            Refused: ``link.invalid``; what is wrong with the password, and the link still works.
        """
        link = await links.find(self.links, token, "reset", now)
        verifier = await self.passwords.make(link.login, password)
        account = await self.links.redeem_reset(link.digest, verifier, now, tell=tell)
        if account is None:
            raise Refused("link.invalid")
        return account

    async def change(
        self,
        account: Account,
        current: Credentials,
        new: str,
        now: datetime,
        *,
        tell: Errand | None = None,
    ) -> Account:
        """Replace a password by who knows it. Knowing it gives back what a guess costs.

        ``current`` is the password of now, or its key. ``account`` is compared as it was read. What
        is done to it while the passwords are hashed (a reset, "sign out everywhere", another
        change) holds, and this change is refused.

        Raises:
            Refused: ``signin.limited``; ``credentials.invalid``: ``current`` is wrong; what is
                wrong with ``new``; ``token.revoked``: the account has changed meanwhile.
        """
        await self.prove(account, current, now)
        verifier = await self.passwords.make(account.login, new)
        changed = await self.accounts.set_verifier(
            account.id, verifier, account.token_version, now, tell=tell
        )
        if changed is None:
            raise Refused("token.revoked", facts={"account": account.id})
        return changed

    async def prove(self, account: Account, current: Credentials, now: datetime) -> None:
        """Compare the password of who is signed in.

        Raises:
            Refused: ``signin.limited``; ``credentials.invalid``.
        """
        guess = Charge(f"change:{account.id}", self.budgets.change_account)
        change = Charge(f"changes:{account.id}", self.budgets.changes)
        await charge(self.counters, "signin.limited", [guess, change], now)
        if not await proven(self.passwords, current, account.verifier, reserved=True):
            raise Refused("credentials.invalid", facts={"account": account.id})
        await give_back(self.counters, [guess], now)

    async def tell(self, login: str, site: str, what: str = "") -> None:
        """Tell the owner by mail what has changed. Runs after the answer has left."""
        written = {
            "factors": mail.factors_changed,
            "login": mail.login_changed,
            SEVERAL: mail.several_changed,
        }
        letter = written.get(what, mail.password_changed)(site)
        await self.mailer.send(login, letter.subject, letter.text)
