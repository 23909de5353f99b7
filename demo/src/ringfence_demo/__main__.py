"""``ringfence demo``: the guarded shop on this machine, with all it needs."""

import argparse
import ipaddress
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError, RingfenceError
from ringfence.core.settings import Settings
from ringfence.monitoring.journal import open_journal
from ringfence.monitoring.logs import logging_setup
from ringfence_demo.arguments import DESCRIPTION, add_arguments
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.guarded import guard, settings
from ringfence_demo.naked import Twin
from ringfence_demo.postgres import ADDRESS, PrivatePostgres, prepare, remove
from ringfence_demo.seed import PASSWORD, PEOPLE, first_start
from ringfence_demo.server import bind, serve

_TRY: Final = """\
Open it, and sign in as alice: you see her orders, and nobody else's. Then attack the
shop's careless code: ask for everybody's orders, be sent to another site, see an error's
secrets.
  {origin}/products?q=%27+UNION+SELECT+id,item,note,total+FROM+orders--
  {origin}/go?next=//evil.example
  {origin}/boom
{outcome}"""

_REFUSED: Final = "None of it works. The answers say little; one line each, here, says why."
_SWITCHED_OFF: Final = "Switched off: {off}. What no other layer refuses works."

_TRY_NAKED: Final = """\
The same code with every layer off, with data of its own. Here it works, and anybody
reads Bob's order:
  {naked}products?q=%27+UNION+SELECT+id,item,note,total+FROM+orders--
  {naked}go?next=//evil.example
  {naked}boom
  {naked}orders/3

naked {naked}"""


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m ringfence_demo``."""
    parser = argparse.ArgumentParser(prog="ringfence demo", description=DESCRIPTION.capitalize())
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(arguments: argparse.Namespace) -> int:
    """Serve the shop until Ctrl-C. Non-zero when it cannot be started, with the reason."""
    try:
        with ExitStack() as stack:
            started = _run(arguments, stack)
    except RingfenceError as error:
        print("\n".join(getattr(error, "problems", (str(error),))), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if started else 1


def _run(arguments: argparse.Namespace, stack: ExitStack) -> bool:
    listening = stack.enter_context(_listen(arguments.host, arguments.port))
    port: int = listening.getsockname()[1]
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    origin = f"http://{host}:{port}"
    folder = DataFolder(arguments.data.absolute())
    twin_databases: Databases | None = None
    if arguments.database == "postgres":
        folder = DataFolder(folder.root / "postgres")
        shutil.rmtree(folder.root, ignore_errors=True)  # the server is new as well
        databases, twin_databases = _postgres(stack, naked=arguments.naked)
    else:
        databases = Databases.sqlite(folder)
    configured = settings(folder, databases, os.environ, origin=origin)
    _set_up(folder, databases, configured)
    journal = open_journal(configured.log)
    stack.callback(journal.close)
    logging_setup(journal.log, "ERROR")
    naked = ""
    if arguments.naked:
        print("Starting the same code with every layer off …", flush=True)
        twin = Twin()
        stack.callback(twin.stop)
        naked = twin.start(twin_databases, arguments.reachable)
    off: frozenset[Layer] = arguments.off
    app = guard(folder, databases, configured, reachable=arguments.reachable, off=off)
    greeting = _greeting(configured, folder, naked, off)
    return serve(app, listening, lambda: print(greeting, flush=True))


def _listen(host: str, port: int) -> socket.socket:
    try:
        if ipaddress.ip_address(host).is_unspecified:
            raise ConfigurationError("--host: name the one address that browsers will use")
    except ValueError:
        if host != "localhost":
            raise ConfigurationError("--host: give an address of this machine") from None
    try:
        return bind(host, port)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}: {reason}. "
            f"Choose another one: --port {port + 1 if port < 65_535 else 8000}"  # noqa: PLR2004  # 16 bits
        ) from None


def _postgres(stack: ExitStack, *, naked: bool) -> tuple[Databases, Databases | None]:
    address = os.environ.get(ADDRESS, "")
    name = f"demo_{secrets.token_hex(4)}"
    names = [name, f"{name}_naked"] if naked else [name]
    if not address:
        server = PrivatePostgres()
        stack.callback(server.stop)
        print("Starting PostgreSQL …", flush=True)
        address = server.start()
    else:
        for each in names:
            stack.callback(remove, address, each)
    made = [prepare(address, each) for each in names]
    return made[0], made[1] if naked else None


def _set_up(folder: DataFolder, databases: Databases, configured: Settings) -> None:
    if not folder.seeded.exists():
        print(f"Setting up the shop in {_short(folder)} …", flush=True)
    try:
        first_start(folder, databases, configured)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ConfigurationError(f"{_short(folder)}: {reason}. Another one: --data") from error


def _greeting(configured: Settings, folder: DataFolder, naked: str, off: frozenset[Layer]) -> str:
    """What a stranger needs to know, and the line ``ready``."""
    width = max(len(person.login) for person in PEOPLE)
    accounts = "\n".join(
        f"  {person.login:<{width}}  {', '.join(sorted(person.roles))}" for person in PEOPLE
    )
    outcome = _SWITCHED_OFF.format(off=", ".join(sorted(off))) if off else _REFUSED
    parts = [
        f"The demo shop, guarded by Ringfence\n\n  {configured.origin}",
        f"{accounts}\n  password: {PASSWORD}",
        _TRY.format(origin=configured.origin, outcome=outcome),
        _TRY_NAKED.format(naked=naked) if naked else "",
        f"Mail is written to {_short(DataFolder(folder.mail))}. Ctrl-C stops the shop.",
    ]
    return "\n" + "\n\n".join(part for part in parts if part) + "\n\nready"


def _short(folder: DataFolder) -> str:
    """The path as a person would type it."""
    here = Path.cwd()
    near = folder.root.is_relative_to(here)
    return str(folder.root.relative_to(here) if near else folder.root)


if __name__ == "__main__":
    sys.exit(main())
