"""``ringfence users reset-link | change-login``: links that are mailed, and who is told.

A new login salts the password differently, so the one that is stored is worth nothing: it is
dropped, and a link to choose one goes to the new address. Both addresses are told, so that nobody
loses an account without a word (ASVS 6.3.7).

What is to be mailed is left in the outbox, as the service does it: the service sends it, and tries
again if the relay is away.
"""

import argparse
import secrets
from datetime import UTC, datetime
from smtplib import SMTPException
from typing import Any

from ringfence.authn.accounts import Account
from ringfence.authn.links import address, new_link
from ringfence.authn.login import normalise
from ringfence.authn.mail import Letter
from ringfence.authn.outbox import Errand, Kind
from ringfence.cli.installation import Installation
from ringfence.cli.users.access import by_owner
from ringfence.cli.users.shown import print_account
from ringfence.core.errors import ConfigurationError
from ringfence.service.mailers import open_mailer


def reset_link(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``reset-link``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "reset-link",
        help="mail a link to choose a new password",
        description="Mail a link to choose a new password, as if they had asked for it.",
    )
    action.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    action.add_argument(
        "--print",
        dest="printed",
        action="store_true",
        help="print it and mail nothing: whoever has it has the account",
    )
    action.set_defaults(act=_reset_link)
    return action


def change_login(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``change-login``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "change-login",
        help="give an account another login",
        description="Give an account another login. Its password goes and its sessions end; a "
        "link to choose a new one is mailed to the new address, and the old one is told. On "
        "PostgreSQL the owner of the tables does it.",
    )
    action.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    action.add_argument("login", metavar="LOGIN", help="an e-mail address, known to be theirs")
    action.set_defaults(act=_change_login)
    return action


async def _reset_link(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    if account.disabled_at is not None:
        raise ConfigurationError(f"{account.login} is disabled")
    if arguments.printed:
        link = await _link(installation, account)
        installation.note("password.reset_asked", account)
        print(link)
        return
    if not await installation.stores.outbox.put(_errand(installation, "reset", account.login)):
        raise ConfigurationError("too much mail waits: see ringfence mail list")
    installation.note("password.reset_asked", account)
    print_account(account, as_json=arguments.json)


async def _change_login(installation: Installation, arguments: argparse.Namespace) -> None:
    before = await installation.account(arguments.account)
    login = normalise(arguments.login)
    tell = [_errand(installation, "changed", before.login, "login")]
    if before.disabled_at is None:
        tell.append(_errand(installation, "reset", login, "login"))
    accounts = installation.stores.accounts
    change = accounts.change_login(before.id, login, datetime.now(UTC), tell=tell)
    account = await by_owner(change)
    if account is None:
        raise ConfigurationError(f"{login} has an account already")
    installation.note("account.login", account)
    print_account(account, as_json=arguments.json)


async def _link(installation: Installation, account: Account) -> str:
    link, token = new_link("reset", account.login, secrets.token_bytes, datetime.now(UTC))
    await installation.stores.links.add(link)
    return address(installation.settings.origin, "reset", token)


def _errand(installation: Installation, kind: Kind, login: str, why: str = "") -> Errand:
    now = datetime.now(UTC)
    return Errand(
        id=secrets.token_hex(12),
        kind=kind,
        login=login,
        site=installation.settings.origin,
        name=why,
        created_at=now,
        due_at=now,
    )


async def send(installation: Installation, to: str, letter: Letter) -> None:
    """Mail a letter whose words the outbox does not know.

    Raises:
        ConfigurationError: It was not delivered; what was changed stays changed.
    """
    mailer = open_mailer(installation.settings, lambda: datetime.now(UTC))
    try:
        await mailer.send(to, letter.subject, letter.text)
    except (OSError, SMTPException, ConfigurationError) as error:
        raise ConfigurationError(
            f"done, but no mail reached {to}: {type(error).__name__};"
            " tell them yourself, and see ringfence users reset-link"
        ) from error
