"""``ringfence kdf``: how clients derive keys, and a raise of what that costs.

``raise`` begins one: every login is given both sets of parameters, and whoever signs in moves.
``finish`` ends it once all have moved. ``begin-import`` has clients repeat a sign-in that was
refused with the password itself, and ``end-import`` ends that.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from ringfence.authn.derivation import Derivation
from ringfence.authn.verifier import Argon2Parameters
from ringfence.cli.installation import Installation, add_operator, note, opened
from ringfence.cli.users.access import by_owner
from ringfence.core.errors import ConfigurationError

HELP: Final = "raise what deriving a key costs, and see who has moved"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "kdf", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser(
        "status",
        help="show the parameters, and how many passwords were derived with which",
        description="Show the parameters, and how many passwords were derived with which.",
    )
    raising = actions.add_parser(
        "raise",
        help="begin a raise: whoever signs in moves to these parameters",
        description="Begin a raise. Until it is finished a client derives two keys at each "
        "sign-in, and a password that is sent costs the server two.",
    )
    raising.add_argument("--memory-kib", type=int, metavar="KIB", help="unset: as it is")
    raising.add_argument("--passes", type=int, metavar="N", help="unset: as it is")
    raising.add_argument("--lanes", type=int, metavar="N", help="unset: as it is")
    finish = actions.add_parser(
        "finish",
        help="end a raise: only the new parameters hold",
        description="End a raise. It is refused while there are passwords that have not moved.",
    )
    finish.add_argument(
        "--force",
        action="store_true",
        help="whoever has not moved needs a reset link to sign in again",
    )
    begin = actions.add_parser(
        "begin-import",
        help="have clients repeat a refused sign-in with the password",
        description="Begin a time of imports: clients repeat a sign-in that was refused with the "
        "password, for every login. Each wrong attempt then counts twice against the limits, and "
        "costs the server an Argon2id.",
    )
    end = actions.add_parser(
        "end-import",
        help="end that: no client sends a password at sign-in",
        description="End the time of imports: no client sends a password at sign-in any more. It "
        "is refused while there are imported hashes whose owners have not signed in.",
    )
    end.add_argument(
        "--force",
        action="store_true",
        help="remove those hashes: their owners need a reset link to sign in",
    )
    acts = {status: _status, raising: _raise, finish: _finish, begin: _begin, end: _end}
    for action, act in acts.items():
        action.set_defaults(act=act)
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_operator(action)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says, and show what holds then."""
    asyncio.run(_run(arguments))
    return 0


@dataclass(frozen=True, slots=True)
class _State:
    """What holds, and how many passwords are stored in which way."""

    derivation: Derivation
    passwords: Mapping[str, int]  # derived with which parameters
    imported: Mapping[str, int]  # imported hashes by kind, whose owners have not signed in

    @property
    def waiting(self) -> int:
        """Passwords that have still to move; after a raise: that need a reset."""
        target = self.derivation.next or self.derivation.current
        return sum(count for kdf, count in self.passwords.items() if kdf != str(target))


async def _run(arguments: argparse.Namespace) -> None:
    async with opened(arguments.operator) as installation:
        await arguments.act(installation, arguments)
        state = await _read(installation)
    print(json.dumps(_object(state)) if arguments.json else _text(state))


async def _read(installation: Installation) -> _State:
    stores = installation.stores
    derivations = stores.derivations
    return _State(
        await derivations.get(), await derivations.passwords(), await stores.imports.kinds()
    )


async def _status(_installation: Installation, _arguments: argparse.Namespace) -> None:
    """What is shown in any case."""


async def _raise(installation: Installation, arguments: argparse.Namespace) -> None:
    derivation = (await _read(installation)).derivation
    if derivation.next is not None:
        raise ConfigurationError("a raise is under way; finish it first")
    current = derivation.current
    chosen = Argon2Parameters(
        memory_kib=_or(arguments.memory_kib, current.memory_kib),
        passes=_or(arguments.passes, current.passes),
        lanes=_or(arguments.lanes, current.lanes),
    )
    if chosen.memory_kib * chosen.passes <= current.memory_kib * current.passes:
        raise ConfigurationError(f"{chosen} costs a guesser no more than {current}")
    if chosen.memory_kib > _MOST.memory_kib or chosen.passes > _MOST.passes:
        raise ConfigurationError(f"clients refuse more than {_MOST}")
    raised = replace(derivation, next=chosen, raised_at=datetime.now(UTC))
    await installation.stores.derivations.put(raised)
    note(installation.monitor, "derivation.raised", installation.operator, next=str(chosen))


async def _finish(installation: Installation, arguments: argparse.Namespace) -> None:
    state = await _read(installation)
    if state.derivation.next is None:
        raise ConfigurationError("no raise is under way")
    if not state.derivation.settled:
        raise ConfigurationError("the raise has just begun; try again in a minute")
    if state.waiting and not arguments.force:
        raise ConfigurationError(f"{state.waiting} have not moved; --force makes them reset")
    finished = Derivation(
        current=state.derivation.next, password_retry=state.derivation.password_retry
    )
    await installation.stores.derivations.put(finished)
    facts = {"current": str(finished.current), "stranded": str(state.waiting)}
    note(installation.monitor, "derivation.finished", installation.operator, **facts)


async def _begin(installation: Installation, _arguments: argparse.Namespace) -> None:
    await _import(installation, "import.begun", password_retry=True)


async def _end(installation: Installation, arguments: argparse.Namespace) -> None:
    waiting = sum((await _read(installation)).imported.values())
    if waiting and not arguments.force:
        raise ConfigurationError(f"{waiting} have not signed in yet; --force makes them reset")
    await _import(installation, "import.ended", password_retry=False)
    if waiting:
        await by_owner(installation.stores.imports.drop())


async def _import(installation: Installation, code: str, *, password_retry: bool) -> None:
    derivation = (await _read(installation)).derivation
    changed = replace(derivation, password_retry=password_retry)
    await installation.stores.derivations.put(changed)
    note(installation.monitor, code, installation.operator)


#: What our clients derive with at most (docs/clients.md).
_MOST: Final = Argon2Parameters(memory_kib=1_048_576, passes=32, lanes=64)


def _or(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _object(state: _State) -> dict[str, object]:
    derivation = state.derivation
    raised_at = derivation.raised_at
    return {
        "current": str(derivation.current),
        "next": None if derivation.next is None else str(derivation.next),
        "raised_at": None if raised_at is None else raised_at.isoformat(),
        "password_retry": derivation.password_retry,
        "passwords": dict(state.passwords),
        "waiting": state.waiting,
        "imported": dict(state.imported),
    }


def _text(state: _State) -> str:
    derivation = state.derivation
    lines = [f"parameters  {derivation.current}"]
    if derivation.raised_at is not None:
        lines.append(
            f"next        {derivation.next} since {derivation.raised_at:%Y-%m-%d %H:%M} UTC"
        )
    lines += [f"passwords   {kdf}: {count}" for kdf, count in state.passwords.items()]
    if state.waiting:
        waiting = "have still to move" if derivation.next else "need a reset link"
        lines.append(f"            {state.waiting} {waiting}")
    lines += [f"imported    {kind}: {count} to sign in" for kind, count in state.imported.items()]
    if derivation.password_retry:
        lines.append("imports     clients repeat a refused sign-in with the password")
    return "\n".join(lines)
