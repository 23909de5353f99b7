"""``ringfence users create``: an account whose address is known to be theirs."""

import argparse
import getpass
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

from ringfence.authn.accounts import Account
from ringfence.authn.keys import Keys
from ringfence.authn.login import normalise
from ringfence.authn.opaque import new_id
from ringfence.authn.passwords import Passwords, Policy
from ringfence.cli.installation import Installation
from ringfence.cli.users.access import checked
from ringfence.cli.users.shown import print_account
from ringfence.core.errors import ConfigurationError
from ringfence.service.breaches import open_breaches
from ringfence.service.hashing import HashingPool
from ringfence.storage.keys import open_keys


def create(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``create``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "create",
        help="create an account",
        description="Create an account. The password is asked for, or read from standard input.",
    )
    action.add_argument("login", metavar="LOGIN", help="an e-mail address, known to be theirs")
    action.add_argument("--name", default="", help="how the account is shown")
    action.add_argument(
        "--role", action="append", dest="roles", metavar="ROLE", help="instead of user; repeatable"
    )
    action.add_argument(
        "--no-password",
        action="store_true",
        help="let them set it by themselves, by the link of a forgotten password",
    )
    action.set_defaults(act=_create)
    return action


async def _create(installation: Installation, arguments: argparse.Namespace) -> None:
    login, roles = normalise(arguments.login), checked(arguments.roles or ["user"])
    if await installation.stores.accounts.find_by_login(login) is not None:
        raise ConfigurationError(f"{login} has an account already")
    # Before the first account: keys are made beside an empty database only.
    keys = await open_keys(installation.settings.keys, installation.stores)
    now = datetime.now(UTC)
    account = Account(
        id=new_id(secrets.token_bytes),
        login=login,
        login_verified_at=now,
        created_at=now,
        name=arguments.name,
        roles=roles,
        verifier=None
        if arguments.no_password
        else await _passwords(installation, keys).make(login, _ask()),
    )
    if not await installation.stores.accounts.create(account):
        raise ConfigurationError(f"{login} has an account already")
    installation.note("account.created", account)
    print_account(account, as_json=arguments.json)


def _passwords(installation: Installation, keys: Keys) -> Passwords:
    return Passwords(
        hashing=HashingPool(),
        policy=Policy.bundled(installation.settings.origin),
        tenant=installation.settings.tenant,
        salt_key=keys.salt,
        peppers=keys.peppers,
        derivations=installation.stores.derivations,
        breaches=open_breaches(installation.settings),
    )


def _ask() -> str:
    """The password: typed twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigurationError("the two passwords differ")
    return password
