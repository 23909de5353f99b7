"""``ringfence restore``: the way back from ``ringfence backup``.

A backup knows nothing of what happened after it. Sessions that were ended since would be alive
again, accounts that were disabled since would be enabled, changed passwords would be the old ones.
So it is asked whether every session is to be ended, and the logs of the time since say what else
was undone, so that it is undone again.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ringfence.cli.backup import refuse_postgres
from ringfence.cli.installation import add_operator, note, open_monitor
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import parse

if TYPE_CHECKING:
    from ringfence.storage.sqlite.backup import Undone

HELP: Final = "put a backup of the database in place"

#: Events after which the sessions of their account are to be ended.
_ENDED: Final = frozenset(
    ("signout.done", "signout.everywhere", "session.revoked", "refresh.reused", "sessions.ended")
)
_CHANGED: Final = frozenset(("password.changed", "password.reset", "account.login"))


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "restore",
        help=HELP,
        description=f"{HELP.capitalize()}. Stop the service first, and put the keys back.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="made by ringfence backup")
    sessions = parser.add_mutually_exclusive_group()
    sessions.add_argument(
        "--end-all-sessions",
        dest="end",
        action="store_true",
        default=None,
        help="everybody signs in again: nobody comes back who was signed out since",
    )
    sessions.add_argument(
        "--keep-sessions",
        dest="end",
        action="store_false",
        help="sessions are as they were, but for those that a log says were ended",
    )
    parser.add_argument(
        "--log",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a log of the time since: what it says was disabled, deleted, changed or ended, is "
        "again; repeatable",
    )
    parser.add_argument(
        "--replace", action="store_true", help="move a database that is there aside"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore."""
    from ringfence.storage.sqlite.backup import made_at, restore
    from ringfence.storage.sqlite.file import file_of

    settings = parse(os.environ)
    refuse_postgres(settings.database, "pg_restore")
    since = made_at(arguments.file)
    _check_keys(settings.keys, arguments.file)
    end = _asked(since) if arguments.end is None else arguments.end
    undone = _undone(_events(arguments.log, since), end_all=end)
    database, now = file_of(settings.database), datetime.now(UTC)
    aside = restore(arguments.file, database, undone, now, replace=arguments.replace)
    monitor = open_monitor(settings)
    note(
        monitor,
        "database.restored",
        arguments.operator,
        file=arguments.file.name,
        sessions="ended" if end else "kept",
    )
    monitor.close()
    _tell(arguments, since, undone, aside)
    return 0


def _check_keys(folder: Path, backup: Path) -> None:
    """Without its keys no password of the database is right, and no start is let through.

    Raises:
        ConfigurationError: There are none, or others.
    """
    from ringfence.authn.keys import mismatches
    from ringfence.storage.keys import load
    from ringfence.storage.sqlite.backup import fingerprints_in

    if not folder.is_dir() or not any(folder.iterdir()):
        raise ConfigurationError(f"put the keys back first: there are none in {folder}")
    if problems := [*mismatches(load(folder), fingerprints_in(backup))]:
        raise ConfigurationError(*(f"{folder.name}/{problem}" for problem in problems))


def _asked(since: datetime) -> bool:
    if not sys.stdin.isatty():
        raise ConfigurationError("say --end-all-sessions or --keep-sessions")
    print(
        f"The backup is of {since:%Y-%m-%d %H:%M} UTC. Whoever was signed out since would be back."
    )
    return not input("End every session? [Y/n] ").strip().lower().startswith("n")


class _Event(msgspec.Struct):
    """What is read of a line of the log."""

    time: datetime
    code: str = ""
    subject: str = ""
    facts: dict[str, str | int] = {}

    @property
    def account(self) -> str:
        return str(self.facts.get("account", self.subject))


def _events(logs: Iterable[Path], since: datetime) -> Iterator[_Event]:
    """The events of the logs from ``since`` on, in their order. Other lines are passed over."""
    found: list[_Event] = []
    for log in logs:
        try:
            lines = log.read_bytes().splitlines()
        except OSError as error:
            raise ConfigurationError(f"{log}: {os.strerror(error.errno or 0)}") from error
        for line in lines:
            try:
                found.append(msgspec.json.decode(line, type=_Event))
            except msgspec.DecodeError:  # half a line, or a line of another program
                continue
    return iter(sorted((e for e in found if e.time >= since), key=lambda event: event.time))


def _undone(events: Iterable[_Event], *, end_all: bool) -> "Undone":
    """What the events undid, the last word on each account."""
    from ringfence.storage.sqlite.backup import Undone

    ended, changed, disabled, deleted = set[str](), set[str](), set[str](), set[str]()
    roles: dict[str, frozenset[str]] = {}
    for event in events:
        account = event.account
        if event.code in _ENDED:
            ended.add(account)
        elif event.code in _CHANGED:
            changed.add(account)
        elif event.code == "account.disabled":
            disabled.add(account)
        elif event.code == "account.enabled":
            disabled.discard(account)
            ended.add(account)
        elif event.code == "account.deleted":
            deleted.add(account)
        elif event.code == "account.roles":
            roles[account] = frozenset(str(event.facts.get("roles", "")).split())
    return Undone(
        all_sessions=end_all,
        sessions_of=frozenset(ended),
        passwords_of=frozenset(changed),
        disabled=frozenset(disabled),
        deleted=frozenset(deleted),
        roles=roles,
    )


def _tell(
    arguments: argparse.Namespace, since: datetime, undone: "Undone", aside: Path | None
) -> None:
    counts = {
        "sessions_ended_of": len(undone.sessions_of),
        "passwords_dropped": len(undone.passwords_of),
        "disabled": len(undone.disabled),
        "deleted": len(undone.deleted),
        "roles": len(undone.roles),
    }
    if arguments.json:
        made: dict[str, object] = {
            "made_at": since.isoformat(),
            "all_sessions_ended": undone.all_sessions,
            "aside": str(aside) if aside else None,
            "from_logs": counts,
        }
        print(json.dumps(made))
        return
    print(f"restored as of {since:%Y-%m-%d %H:%M} UTC")
    print("every session is ended" if undone.all_sessions else "sessions are as they were")
    if aside:
        print(f"the database that was there is {aside}")
    if arguments.log:
        print("from the logs: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    else:
        print("without --log, passwords, roles and disabled accounts are as they were, too")
