"""``ringfence users roles | disable | enable | delete``: who may do what, and whether at all."""

import argparse
import re
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from ringfence.cli.installation import Installation
from ringfence.cli.users.shown import print_account
from ringfence.core.errors import ConfigurationError, StoreError

T = TypeVar("T")

_ROLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")


def roles(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``roles``."""
    action = _of_account(
        actions,
        "roles",
        "show or replace the roles of an account",
        "Show the roles of an account, or replace them by those that are given.",
    )
    action.add_argument("roles", metavar="ROLE", nargs="*", help="all that it is to have")
    action.add_argument("--none", action="store_true", help="take its last role away")
    action.set_defaults(act=_roles)
    return action


def disable(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``disable``."""
    action = _of_account(
        actions,
        "disable",
        "disable an account",
        "Disable an account: every session and token of it dies at once.",
    )
    action.set_defaults(act=_disable)
    return action


def enable(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``enable``."""
    action = _of_account(
        actions,
        "enable",
        "enable an account again",
        "Enable an account that was disabled: it can sign in again, with the password it had.",
    )
    action.set_defaults(act=_enable)
    return action


def delete(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``delete``."""
    action = _of_account(
        actions,
        "delete",
        "delete an account for good",
        "Delete an account with its sessions. What your application keeps under its id stays. "
        "On PostgreSQL the owner of the tables does it.",
    )
    action.add_argument("--yes", action="store_true", help="do not ask")
    action.set_defaults(act=_delete)
    return action


def _of_account(
    actions: Any,  # noqa: ANN401  # argparse keeps its type private
    name: str,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description
    )
    action.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    return action


async def _roles(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    if arguments.roles and arguments.none:
        raise ConfigurationError("either roles or --none")
    if arguments.roles or arguments.none:
        given = checked(arguments.roles)
        account = await installation.stores.accounts.set_roles(account.id, given)
        installation.note("account.roles", account)
    print_account(account, as_json=arguments.json)


async def _disable(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    account = await installation.stores.accounts.disable(account.id, datetime.now(UTC))
    installation.note("account.disabled", account)
    print_account(account, as_json=arguments.json)


async def _enable(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    account = await installation.stores.accounts.enable(account.id)
    installation.note("account.enabled", account)
    print_account(account, as_json=arguments.json)


async def _delete(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    if not arguments.yes and not _confirmed(f"Delete {account.login} for good? [y/N] "):
        raise ConfigurationError("nothing was deleted")
    await by_owner(installation.stores.accounts.delete(account.id))
    installation.note("account.deleted", account)
    print_account(account, as_json=arguments.json)


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigurationError("say --yes: nobody can be asked here")
    return input(question).strip().lower().startswith("y")


async def by_owner(change: Awaitable[T]) -> T:
    """Await a change that the role of the service may not make on PostgreSQL.

    Raises:
        ConfigurationError: It was tried as that role.
    """
    try:
        return await change
    except StoreError as error:
        if error.facts["reason"] != "InsufficientPrivilegeError":
            raise
        raise ConfigurationError(
            "the role of the service may not do this: name the owner of the tables in"
            " RINGFENCE_DATABASE, as for ringfence migrate"
        ) from error


def checked(names: list[str]) -> frozenset[str]:
    """The roles. Raises ConfigurationError for what is no name of one."""
    wrong = [name for name in names if not _ROLE.fullmatch(name)]
    if wrong:
        raise ConfigurationError(f"no names of roles: {' '.join(wrong)}")
    return frozenset(names)
