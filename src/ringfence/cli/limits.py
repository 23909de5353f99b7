"""``ringfence limits``: who has to wait at the moment, and how an operator lets them in.

Whose limit it is stands in its key: an address, the pseudonym of a login, or the id of an account.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ringfence.authn.counters import Counter
from ringfence.authn.limits import address_key
from ringfence.authn.login import normalise
from ringfence.authn.opaque import pseudonym
from ringfence.cli.installation import Installation, add_operator, note, opened
from ringfence.core.errors import Refused
from ringfence.storage.keys import open_keys

HELP: Final = "list and clear the limits that are in use"

#: Remembers that an account has signed in from a network: it is a favour, not a limit.
_KNOWN: Final = "signin:known:"

_PAGE: Final = 500

_Chosen: TypeAlias = Callable[[str], bool]


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "limits", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list the limits in use",
        description="List the limits in use, all or those of an account or an address.",
    )
    listing.set_defaults(act=_list, all=True)
    clear = actions.add_parser(
        "clear",
        help="clear limits, so that nobody has to wait",
        description="Clear the limits of an account, of an address, or all.",
    )
    clear.set_defaults(act=_clear)
    for action in (listing, clear):
        whose = action.add_mutually_exclusive_group(required=action is clear)
        whose.add_argument("--account", metavar="ACCOUNT", help="a login or an id")
        whose.add_argument("--address", metavar="ADDRESS", help="a client's, IPv4 or IPv6")
        if action is clear:
            whose.add_argument("--all", action="store_true", help="everybody's")
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_operator(action)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    async with opened(arguments.operator) as installation:
        await arguments.act(installation, arguments)


async def _list(installation: Installation, arguments: argparse.Namespace) -> None:
    chosen = await _chosen(installation, arguments)
    found = [pair async for pair in _counters(installation, chosen)]
    if arguments.json:
        print(json.dumps({"items": [_object(*pair) for pair in found], "next": None}))
        return
    width = max((len(key) for key, _ in found), default=0)
    for key, counter in found:
        until = f"{counter.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"{key:<{width}}  until {until}")


async def _clear(installation: Installation, arguments: argparse.Namespace) -> None:
    chosen = await _chosen(installation, arguments)
    keys = [key async for key, _ in _counters(installation, chosen)]
    removed = 0
    for start in range(0, len(keys), _PAGE):
        removed += await installation.stores.counters.remove(keys[start : start + _PAGE])
    whose = "account" if arguments.account else "address" if arguments.address else "all"
    facts = {"whose": whose, "count": str(removed)}
    note(installation.monitor, "limits.cleared", installation.operator, **facts)
    if arguments.json:
        print(json.dumps({"cleared": removed}))
    else:
        print(f"{removed} cleared")


async def _counters(
    installation: Installation, chosen: _Chosen
) -> AsyncIterator[tuple[str, Counter]]:
    after, now = "", datetime.now(UTC)
    while page := await installation.stores.counters.list(now, after=after, limit=_PAGE):
        for key, counter in page:
            if not key.startswith(_KNOWN) and chosen(key):
                yield key, counter
        after = page[-1][0]


async def _chosen(installation: Installation, arguments: argparse.Namespace) -> _Chosen:
    """Which keys are meant. A key is ``topic:kind:whose`` or ``topic:id``."""
    if arguments.account:
        names = await _names(installation, arguments.account)
        return lambda key: key.rpartition(":")[2] in names
    if arguments.address:
        place = address_key(arguments.address)
        return lambda key: key.split(":", 2)[2:] == [place]
    return lambda _key: True


async def _names(installation: Installation, name: str) -> set[str]:
    """The names under which an account is counted; a login that has none is counted as well."""
    keys = await open_keys(installation.settings.keys, installation.stores)
    account = await installation.stores.accounts.find(name)
    if account is None:
        try:
            login = normalise(name)
        except Refused:  # neither an id nor a login: says so
            login = (await installation.account(name)).login
        account = await installation.stores.accounts.find_by_login(login)
    else:
        login = account.login
    names = {pseudonym(login, keys.log)}
    return names | {account.id} if account is not None else names


def _object(key: str, counter: Counter) -> dict[str, object]:
    return {"key": key, "until": counter.expires_at.isoformat()}
