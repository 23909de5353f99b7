"""``ringfence database``: row-level security for the application's PostgreSQL.

The owner's address is read from an environment variable: on a command line everybody could read
the password.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ringfence.cli.boundaries import load
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import parse
from ringfence.stack import Ringfence
from ringfence.storage import identity_key
from ringfence.storage.application.database import Database
from ringfence.storage.application.postgres.apply import apply
from ringfence.storage.application.postgres.render import Roles, Script, for_administrators, text
from ringfence.storage.application.postgres.verify import Tried, Verification

T = TypeVar("T")

HELP: Final = "row-level security for the application's PostgreSQL"

_ACTIONS: Final = {
    "render": "print the SQL of roles, grants and policies",
    "apply": "bring the database to it, as the owner of the tables",
    "verify": "try as the application what the database should refuse",
}
_OWNER: Final = "DATABASE_OWNER_URL"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "database", help=HELP, description=f"{HELP[0].upper()}{HELP[1:]}, from what is declared."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, words in _ACTIONS.items():
        action = actions.add_parser(name, help=words, description=f"{words.capitalize()}.")
        action.add_argument("app", metavar="APP", help="module:attribute, guarded")
        action.add_argument(
            "--schema", default="public", help="of tables for which models name none"
        )
        action.add_argument(
            "--owner",
            metavar="ROLE",
            help=f"who makes the tables; unset: the user in {_OWNER}",
        )
        if name == "render":
            action.add_argument(
                "--part",
                choices=("roles", "rows"),
                help="roles: what an administrator does once; rows: what the owner does",
            )
        else:
            action.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked. Non-zero where ``verify`` got through, or could try nothing."""
    database = _database(arguments.app)
    script = _script(database, arguments)
    if arguments.action == "render":
        print(_rendered(script, arguments.part), end="")
        return 0
    if arguments.action == "apply":
        return _apply(script, as_json=arguments.json)
    return _verify(database, script, as_json=arguments.json)


def _rendered(script: Script, part: str | None) -> str:
    parts = {"roles": for_administrators(script.roles), "rows": script.for_the_owner()}
    return "\n".join(text(made) for name, made in parts.items() if part in (None, name))


def _apply(script: Script, *, as_json: bool) -> int:
    key = identity_key.load_or_create(parse(os.environ).keys)
    engine = create_async_engine(_owner_url())
    applied = _ran(engine, apply(engine, script, key))
    if as_json:
        print(json.dumps(asdict(applied)))
    else:
        print(f"{applied.tables} tables: {applied.statements} statements in one transaction")
    return 0


def _verify(database: Database, script: Script, *, as_json: bool) -> int:
    key = identity_key.load(parse(os.environ).keys)
    if key is None:
        raise ConfigurationError("identity.key is missing: ringfence database apply makes it")
    # On the application's own pool, and without what listens to its engine.
    own = database.engine.sync_engine
    engine = AsyncEngine(Engine(own.pool, own.dialect, own.url))
    found = _ran(engine, Verification(engine, script, key).run())
    through = [tried for tried in found if tried.held is False]
    if as_json:
        print(json.dumps({"tried": list(map(asdict, found)), "through": len(through)}, indent=2))
    else:
        _show(found)
        print(f"{len(found)} tried, {len(through)} got through")
    return 1 if through or not any(tried.held for tried in found) else 0


def _show(found: list[Tried]) -> None:
    width = max(len(tried.what) for tried in found)
    for tried in found:
        mark = {True: "held", False: "FAIL", None: "none"}[tried.held]
        out = sys.stderr if tried.held is False else sys.stdout
        print(f"{mark}  {tried.what:<{width}}  {tried.got}", file=out)


def _ran(engine: AsyncEngine, work: Coroutine[Any, Any, T]) -> T:
    async def run() -> T:
        try:
            return await work
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _database(address: str) -> Database:
    app = load(address)
    if not isinstance(app, Ringfence):
        raise ConfigurationError("name the guarded application: Ringfence(app, database=…)")
    found = [each for each in app.databases if isinstance(each, Database)]
    postgres = [each for each in found if each.engine.dialect.name == "postgresql"]
    if len(postgres) != 1:
        raise ConfigurationError(f"{address} has {len(postgres)} databases on PostgreSQL, not one")
    return postgres[0]


def _script(database: Database, arguments: argparse.Namespace) -> Script:
    owner = arguments.owner or make_url(_owner_url()).username or ""
    roles = Roles(owner=owner, application=database.engine.url.username or "")
    return Script.of(database.declarations, database.common, roles=roles, schema=arguments.schema)


def _owner_url() -> str:
    """The owner's address. Raises ConfigurationError."""
    address = os.environ.get(_OWNER, "")
    try:
        url = make_url(address)
    except ArgumentError:
        raise ConfigurationError(
            f"{_OWNER} is missing or malformed: postgresql+asyncpg://OWNER@HOST/NAME"
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+asyncpg")
    return url.render_as_string(hide_password=False)
