"""``ringfence users reset-mfa``: for whoever has lost the second factor and every recovery code.

It waits, and the owner is told: if somebody else has asked the operator for it, the owner signs in
with the second factor, which calls it off, or tells the operator (NIST SP 800-63B-4 section 4.2).
"""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ringfence.authn import mail
from ringfence.authn.accounts import Account
from ringfence.authn.factors import second_factors
from ringfence.cli.installation import Installation
from ringfence.cli.users.mailed import send
from ringfence.cli.users.shown import print_account
from ringfence.core.errors import ConfigurationError

_DELAY: Final = re.compile("([0-9]{1,3})([hd])")


def reset_mfa(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``reset-mfa``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "reset-mfa",
        help="remove the second factors of an account, after a delay",
        description="Remove the second factors and the recovery codes of an account, after a "
        "delay. Its owner is told by mail, and calls it off by signing in with a second factor.",
    )
    action.add_argument("account", metavar="ACCOUNT", help="a login or an id")
    action.add_argument(
        "--after", metavar="TIME", default="24h", type=_delay, help="such as 1h or 3d; 24h if unset"
    )
    action.add_argument("--cancel", action="store_true", help="call it off")
    action.set_defaults(act=_reset_mfa)
    return action


async def _reset_mfa(installation: Installation, arguments: argparse.Namespace) -> None:
    account = await installation.account(arguments.account)
    if arguments.cancel:
        await _cancel(installation, account)
    else:
        await _schedule(installation, account, datetime.now(UTC), arguments.after)
    account = await installation.account(account.id)
    print_account(account, as_json=arguments.json)


async def _schedule(
    installation: Installation, account: Account, now: datetime, after: timedelta
) -> None:
    """One that was asked for before is not put off, or brought forward: it is called off first."""
    if not second_factors(account, now):
        raise ConfigurationError(f"{account.login} has no second factor")
    if account.factor_reset_at is not None:
        raise ConfigurationError(f"{account.login} has a reset under way: --cancel calls it off")
    at = now + after
    await installation.stores.factors.schedule_reset(account.id, at)
    installation.note("factor.reset_asked", account, at=at.isoformat(timespec="seconds"))
    letter = mail.factor_reset_asked(installation.settings.origin, at)
    await send(installation, account.login, letter)


async def _cancel(installation: Installation, account: Account) -> None:
    if not await installation.stores.factors.schedule_reset(account.id, None):
        raise ConfigurationError(f"{account.login} has no reset under way")
    installation.note("factor.reset_off", account)


def _delay(text: str) -> timedelta:
    found = _DELAY.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text}: not a time such as 1h or 3d")
    return int(found[1]) * (timedelta(hours=1) if found[2] == "h" else timedelta(days=1))
