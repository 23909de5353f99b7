"""What the commands of administration work on: the installation that the environment names.

What is changed here is written to the log like what is changed over HTTP, with the name of whoever
is signed in to this machine (Ledger 44). The log's console is standard error: standard output
belongs to the command.
"""

import argparse
import getpass
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ringfence.authn.accounts import Account
from ringfence.authn.login import normalise
from ringfence.core.codes import CODES
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.event import Event
from ringfence.core.settings import Settings, parse
from ringfence.monitoring.asgi import Monitor
from ringfence.monitoring.journal import open_journal
from ringfence.storage import Stores, open_stores
from ringfence.storage.sqlite.file import file_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Settings, stores and log of one installation."""

    settings: Settings
    stores: Stores
    monitor: Monitor
    operator: str | None = None

    async def account(self, name: str) -> Account:
        """The account with this login or id.

        Raises:
            ConfigurationError: There is none.
        """
        found = await self.stores.accounts.find(name)
        if found is None:
            try:
                found = await self.stores.accounts.find_by_login(normalise(name))
            except Refused:  # neither an id nor a login
                found = None
        if found is None:
            raise ConfigurationError(f"there is no account {name}")
        return found

    def note(self, code: str, account: Account, **facts: str) -> None:
        """Write down what was done to ``account``, what roles it has now, and by whom."""
        roles = " ".join(sorted(account.roles))
        note(self.monitor, code, self.operator, account=account.id, roles=roles, **facts)


def add_operator(parser: argparse.ArgumentParser) -> None:
    """Add ``--operator``."""
    parser.add_argument(
        "--operator", metavar="NAME", help="who does this, for the log; unset: the user"
    )


def note(monitor: Monitor, code: str, operator: str | None, **facts: str) -> None:
    """Write down what was done at the command line, and by whom.

    A name that was given is written beside the user's of the system, and never in its place.
    """
    facts["operator"] = operator or _user()
    if operator:
        facts["user"] = _user()
    monitor.emit(Event(at=datetime.now(UTC), code=CODES[code], facts=facts))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a user without a name
        return f"uid {os.getuid()}"


def open_monitor(settings: Settings) -> Monitor:
    """The log of the installation. Raises ConfigurationError."""
    return Monitor(settings, journal=open_journal(settings.log, sys.stderr.fileno()))


@asynccontextmanager
async def opened(operator: str | None = None) -> AsyncGenerator[Installation]:
    """Open the installation that the environment names.

    Raises:
        ConfigurationError: What is wrong with the settings, by name.
        StoreError: The database does not answer.
    """
    settings = parse(os.environ)
    stores = open_stores(settings.database, session_idle=settings.session_idle)
    missing = settings.database.startswith("sqlite:") and not file_of(settings.database).exists()
    await stores.start()
    if missing:  # in another folder than one's application's, perhaps
        print(f"made {file_of(settings.database)}", file=sys.stderr)
    try:
        monitor = open_monitor(settings)
        try:
            yield Installation(settings=settings, stores=stores, monitor=monitor, operator=operator)
        finally:
            monitor.close()
    finally:
        await stores.close()
