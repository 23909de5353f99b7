"""Accounts as the command shows them, to a person and as JSON."""

import argparse
import json
from collections.abc import AsyncIterator
from typing import Any

from ringfence.authn.accounts import Account
from ringfence.cli.installation import Installation


def listing(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``list``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "list", help="list all accounts", description="List all accounts."
    )
    action.set_defaults(act=_list)
    return action


async def _list(installation: Installation, arguments: argparse.Namespace) -> None:
    accounts = [account async for account in every(installation)]
    if arguments.json:
        print(json.dumps({"items": [as_object(account) for account in accounts], "next": None}))
        return
    width = max((len(account.login) for account in accounts), default=0)
    for account in accounts:
        print(f"{account.login:<{width}}  {account.id}  {_state(account)}")


async def every(installation: Installation) -> AsyncIterator[Account]:
    """All accounts, page by page."""
    after = ""
    while page := await installation.stores.accounts.list(after=after):
        for account in page:
            yield account
        after = page[-1].id


def print_account(account: Account, *, as_json: bool) -> None:
    """Print one account."""
    if as_json:
        print(json.dumps(as_object(account)))
    else:
        print(f"{account.login}  {account.id}  {_state(account)}")


def as_object(account: Account) -> dict[str, object]:
    """What is shown of an account."""
    return {
        "id": account.id,
        "login": account.login,
        "name": account.name,
        "roles": sorted(account.roles),
        "disabled": account.disabled_at is not None,
        "password": account.verifier is not None,
        "mfa": account.has_totp or account.has_passkey,
        "mfa_reset_at": None
        if account.factor_reset_at is None
        else account.factor_reset_at.isoformat(timespec="seconds"),
    }


def _state(account: Account) -> str:
    roles = ", ".join(sorted(account.roles)) or "no role"
    disabled = "  disabled" if account.disabled_at is not None else ""
    password = "" if account.verifier else "  no password"
    factor = "  second factor" if account.has_totp or account.has_passkey else ""
    reset = account.factor_reset_at
    until = "" if reset is None else f" until {reset:%Y-%m-%d %H:%M} UTC"
    return f"{roles}{disabled}{password}{factor}{until}"
