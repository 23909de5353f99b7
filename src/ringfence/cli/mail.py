"""``ringfence mail``: what waits to be mailed, and what becomes of it.

A mail is tried again by itself. An operator who has mended the relay need not wait for that, and
one who knows better drops a mail unsent.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from ringfence.authn.outbox import Errand
from ringfence.cli.installation import Installation, add_operator, note, opened
from ringfence.core.errors import ConfigurationError

HELP: Final = "list, retry and drop mail that waits"

_PAGE: Final = 500


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "mail", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list mail that waits or has failed",
        description="List mail that waits to be sent, and what has failed in the last 30 days.",
    )
    listing.set_defaults(act=_list)
    retry = actions.add_parser(
        "retry", help="try mail now", description="Let a running service try mail now."
    )
    retry.set_defaults(act=_retry)
    drop = actions.add_parser(
        "drop", help="remove mail unsent", description="Remove mail that waits, unsent."
    )
    drop.set_defaults(act=_drop)
    for action in (retry, drop):
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("id", metavar="ID", nargs="?", help="as `list` shows it")
        which.add_argument("--all", action="store_true", help="whatever waits")
    for action in (listing, retry, drop):
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
    found = [errand async for errand in _waiting(installation)]
    if arguments.json:
        print(json.dumps({"items": [_object(errand) for errand in found], "next": None}))
        return
    for errand in found:
        outlook = "failed" if errand.failed else f"again {_minute(errand.due_at)}"
        print(
            f"{errand.id}  {errand.kind:<7}  {errand.login}  asked {_minute(errand.created_at)},"
            f" tried {errand.attempts} times, {outlook}"
        )


async def _retry(installation: Installation, arguments: argparse.Namespace) -> None:
    store, now = installation.stores.outbox, datetime.now(UTC)
    changed = [
        each for each in await _meant(installation, arguments) if await store.retry(each, now)
    ]
    _tell(arguments, "retried", changed)


async def _drop(installation: Installation, arguments: argparse.Namespace) -> None:
    store = installation.stores.outbox
    changed = [each for each in await _meant(installation, arguments) if await store.drop(each)]
    for each in changed:
        note(installation.monitor, "mail.dropped", installation.operator, errand=each)
    _tell(arguments, "dropped", changed)


async def _waiting(installation: Installation) -> AsyncIterator[Errand]:
    after = ""
    while page := await installation.stores.outbox.list(after=after, limit=_PAGE):
        for errand in page:
            yield errand
        after = page[-1].id


async def _meant(installation: Installation, arguments: argparse.Namespace) -> list[str]:
    if not arguments.all:
        return [arguments.id]
    return [errand.id async for errand in _waiting(installation)]


def _tell(arguments: argparse.Namespace, what: str, changed: list[str]) -> None:
    """Say what was done. Raises ConfigurationError where the one that is meant is not there."""
    if not changed and not arguments.all:
        raise ConfigurationError(f"no mail waits that is called {arguments.id}")
    print(json.dumps({what: changed}) if arguments.json else f"{len(changed)} {what}")


def _object(errand: Errand) -> dict[str, object]:
    return {
        "id": errand.id,
        "kind": errand.kind,
        "login": errand.login,
        "asked": errand.created_at.isoformat(),
        "attempts": errand.attempts,
        "due": None if errand.failed else errand.due_at.isoformat(),
    }


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
