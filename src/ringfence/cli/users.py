"""``ringfence users``: accounts, without a web page."""

import argparse
import asyncio
import getpass
import json
import re
import secrets
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from ringfence.authn.accounts import Account
from ringfence.authn.login import normalise
from ringfence.authn.opaque import new_id
from ringfence.authn.passwords import Passwords, Policy
from ringfence.cli.installation import Installation, opened
from ringfence.core.errors import ConfigurationError
from ringfence.service.hashing import HashingPool
from ringfence.storage.keys import load_or_create

HELP: Final = "create, list and disable accounts, and change their roles"

_ROLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "users", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    create = actions.add_parser(
        "create",
        help="create an account",
        description="Create an account. The password is asked for, or read from standard input.",
    )
    create.add_argument("login", metavar="LOGIN", help="an e-mail address, known to be theirs")
    create.add_argument("--name", default="", help="how the account is shown")
    create.add_argument(
        "--role", action="append", dest="roles", metavar="ROLE", help="instead of user; repeatable"
    )
    create.add_argument(
        "--no-password",
        action="store_true",
        help="let them set it by themselves, by the link of a forgotten password",
    )
    create.set_defaults(act=_create)

    listing = actions.add_parser("list", help="list all accounts", description="List all accounts.")
    listing.set_defaults(act=_list)

    disable = actions.add_parser(
        "disable",
        help="disable an account",
        description="Disable an account: every session and token of it dies at once.",
    )
    disable.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    disable.set_defaults(act=_disable)

    roles = actions.add_parser(
        "roles",
        help="show or replace the roles of an account",
        description="Show the roles of an account, or replace them by those that are given.",
    )
    roles.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    roles.add_argument("roles", metavar="ROLE", nargs="*", help="all that it is to have")
    roles.set_defaults(act=_roles)

    for action in (create, listing, disable, roles):
        action.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    async with opened() as installation:
        await arguments.act(installation, arguments)


async def _create(installation: Installation, arguments: argparse.Namespace) -> None:
    login, roles = normalise(arguments.login), _checked(arguments.roles or ["user"])
    if await installation.stores.accounts.find_by_login(login) is not None:
        raise ConfigurationError(f"{login} has an account already")
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
        else await _passwords(installation).make(login, _ask()),
    )
    if not await installation.stores.accounts.create(account):
        raise ConfigurationError(f"{login} has an account already")
    installation.note("account.created", account)
    _print(account, as_json=arguments.json)


async def _list(installation: Installation, arguments: argparse.Namespace) -> None:
    accounts = [account async for account in _all(installation)]
    if arguments.json:
        print(json.dumps({"items": [_shown(account) for account in accounts], "next": None}))
        return
    width = max((len(account.login) for account in accounts), default=0)
    for account in accounts:
        print(f"{account.login:<{width}}  {account.id}  {_state(account)}")


async def _disable(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    account = await installation.stores.accounts.disable(account.id, datetime.now(UTC))
    installation.note("account.disabled", account)
    _print(account, as_json=arguments.json)


async def _roles(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    if arguments.roles:
        roles = _checked(arguments.roles)
        account = await installation.stores.accounts.set_roles(account.id, roles)
        installation.note("account.roles", account)
    _print(account, as_json=arguments.json)


async def _all(installation: Installation) -> AsyncIterator[Account]:
    after = ""
    while page := await installation.stores.accounts.list(after=after):
        for account in page:
            yield account
        after = page[-1].id


def _passwords(installation: Installation) -> Passwords:
    settings = installation.settings
    keys = load_or_create(settings.keys)
    return Passwords(
        hashing=HashingPool(),
        policy=Policy.bundled(settings.origin),
        tenant=settings.tenant,
        salt_key=keys.salt,
        peppers=keys.peppers,
    )


def _ask() -> str:
    """The password: typed twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigurationError("the two passwords differ")
    return password


def _checked(roles: list[str]) -> frozenset[str]:
    wrong = [role for role in roles if not _ROLE.fullmatch(role)]
    if wrong:
        raise ConfigurationError(f"no names of roles: {' '.join(wrong)}")
    return frozenset(roles)


def _shown(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "login": account.login,
        "name": account.name,
        "roles": sorted(account.roles),
        "disabled": account.disabled_at is not None,
        "password": account.verifier is not None,
    }


def _state(account: Account) -> str:
    roles = ", ".join(sorted(account.roles)) or "no role"
    disabled = "  disabled" if account.disabled_at is not None else ""
    return f"{roles}{disabled}{'' if account.verifier else '  no password'}"


def _print(account: Account, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_shown(account)))
    else:
        print(f"{account.login}  {account.id}  {_state(account)}")
