"""``ringfence users sessions | end-sessions``: where an account is signed in, and no longer."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from ringfence.authn.accounts import Account
from ringfence.authn.sessions import Session
from ringfence.cli.installation import Installation
from ringfence.cli.users.shown import every
from ringfence.core.errors import ConfigurationError


def listing(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``sessions``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "sessions",
        help="show where an account is signed in",
        description="Show where an account is signed in, the session used last first.",
    )
    action.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    action.set_defaults(act=_sessions)
    return action


def end(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``end-sessions``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "end-sessions",
        help="sign an account out, or everybody",
        description="Sign an account out everywhere, or everybody. Tokens die with it.",
    )
    action.add_argument("account", metavar="ACCOUNT", nargs="?", help="a login or an id")
    action.add_argument("--all", action="store_true", help="every account")
    action.add_argument(
        "--session", metavar="ID", help="this one only, as `users sessions` shows it"
    )
    action.set_defaults(act=_end)
    return action


async def _sessions(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    settings, now = installation.settings, datetime.now(UTC)
    alive = [
        session
        for session in await installation.stores.sessions.of_account(account.id)
        if now < session.last_used_at + settings.session_idle
        and now < session.signed_in_at + settings.session_absolute
    ]
    if arguments.json:
        print(json.dumps({"items": [_object(session) for session in alive], "next": None}))
        return
    for session in alive:
        used = f"{session.last_used_at:%Y-%m-%d %H:%M}"
        print(f"{session.id}  {used}  {session.client}  {session.user_agent}".rstrip())


async def _end(installation: Installation, arguments: argparse.Namespace) -> None:
    if (arguments.account is None) != arguments.all or (arguments.session and arguments.all):
        raise ConfigurationError("either an account or --all")
    if arguments.session:
        accounts = [await _end_one(installation, arguments)]
    elif arguments.all:
        accounts = [await _sign_out(installation, each) async for each in every(installation)]
    else:
        account = await installation.account(arguments.account)
        accounts = [await _sign_out(installation, account)]
    if arguments.json:
        print(json.dumps({"accounts": [account.id for account in accounts]}))
    else:
        print(f"ended: {accounts[0].login if len(accounts) == 1 else f'{len(accounts)} accounts'}")


async def _end_one(installation: Installation, arguments: argparse.Namespace) -> Account:
    account = await installation.account(arguments.account)
    now = datetime.now(UTC)
    if not await installation.stores.sessions.end(arguments.session, account.id, now):
        raise ConfigurationError(f"{account.login} has no such session")
    installation.note("sessions.ended", account)
    return account


async def _sign_out(installation: Installation, account: Account) -> Account:
    now = datetime.now(UTC)
    account = await installation.stores.accounts.sign_out_everywhere(account.id, now)
    installation.note("sessions.ended", account)
    return account


def _object(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "signed_in_at": session.signed_in_at.isoformat(),
        "last_used_at": session.last_used_at.isoformat(),
        "client": session.client,
        "user_agent": session.user_agent,
    }
