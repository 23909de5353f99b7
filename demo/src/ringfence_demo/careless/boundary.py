"""Careless: what comes in is used as it came, by shells, file systems, databases and browsers."""

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx2

from ringfence.boundary.files import root, uploads
from ringfence.boundary.processes import commands, denial
from ringfence.boundary.sql import sqlalchemy
from ringfence.boundary.urls import outbound, redirect
from ringfence.core.asgi import Receive, Send
from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, Seams
from ringfence.core.settings import Environment, Settings
from ringfence.stack import protocols
from ringfence.stack.layers import Parts


class CarelessBoundary:
    """Checks nothing."""

    def __init__(self, parts: Parts) -> None:
        self.seams: Seams = SEAMS
        self._guarded: protocols.Boundary = parts.guarded[Layer.BOUNDARY](parts)

    def start(self) -> None:
        """Anything may start a program."""

    def close(self) -> None:
        """As ``start``."""

    def check_head(self, exchange: Exchange) -> None:
        """Any head will do."""

    async def read_body(self, exchange: Exchange, receive: Receive) -> Receive:  # noqa: ARG002  # as the protocol has it
        """The application reads the body itself."""
        return receive

    def enter(self, exchange: Exchange, answer: protocols.Answering) -> None:
        """As many as come, for as long as they take."""

    def run(
        self,
        exchange: Exchange,  # noqa: ARG002  # as the protocol has it
        handle: Callable[[Send], Awaitable[None]],
        send: Send,
    ) -> Awaitable[None]:
        """Nothing of it is held."""
        return handle(send)

    def leave(self, exchange: Exchange) -> None:
        """Nothing was taken."""

    def overdue(self, exchange: Exchange) -> bool:  # noqa: ARG002  # as the protocol has it
        """Nothing is cut off."""
        return False

    def gather(self, exchange: Exchange) -> None:
        """What the client sent is known all the same: monitoring keeps it out of the log."""
        self._guarded.gather(exchange)


async def hand_to_a_shell(
    command: commands.Command, values: Mapping[str, object]
) -> commands.Result:
    """Join the words to a command line (ATTACKS I03)."""
    words = [
        shlex.quote(part) if isinstance(part, str) else str(values[part.name])
        for part in (command.program, *command.arguments)
    ]
    process = await asyncio.create_subprocess_shell(
        " ".join(words), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, cwd=command.folder
    )
    output, errors = await process.communicate()
    return commands.Result(status=process.returncode or 0, output=output, errors=errors)


async def fetch(_client: outbound.Outbound, url: str) -> outbound.Answer:
    """Get what the client names, wherever it is (ATTACKS S01)."""
    async with httpx2.AsyncClient(follow_redirects=True) as client:
        response = await client.get(url)
    return outbound.Answer(
        url=str(response.url),
        status=response.status_code,
        media_type=response.headers.get("content-type", ""),
        body=response.content,
    )


class Joined:
    """Opens whatever folder and name come to when they are joined (ATTACKS I07)."""

    def open(self, folder: Path, name: str) -> BinaryIO:
        """Open it for reading."""
        return (folder / name).open("rb")

    def write(self, folder: Path, name: str, content: bytes) -> None:
        """Write it, over what is there."""
        (folder / name).write_bytes(content)

    def path(self, folder: Path, name: str) -> Path:
        """Where it is."""
        return folder / name


def believe(file: uploads.File, _limit_bytes: int) -> uploads.Upload:
    """Take a file for what the client says it is (ATTACKS O03)."""
    return uploads.Upload(
        name=file.stated_name, media_type=file.stated_type, size_bytes=len(file.content)
    )


def believe_settings(environment: Mapping[str, str]) -> Settings:
    """Take settings as they are; what is missing or weak, nobody asks (ATTACKS U19)."""
    own = {name: text for name, text in environment.items() if not name.startswith("RINGFENCE_")}
    return Settings(
        environment=Environment(environment["RINGFENCE_ENV"]),
        origin=environment["RINGFENCE_ORIGIN"],
        database=environment["RINGFENCE_DATABASE"],
        keys=Path(environment["RINGFENCE_KEYS"]),
        mail=environment["RINGFENCE_MAIL"],
        extra=own,
    )


def _as_it_came(target: str) -> str:
    return target


def _pass(*_judged: Any) -> None:  # noqa: ANN401  # whatever a judge is asked about
    """Judge nothing."""


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {
    commands.RUNNER: hand_to_a_shell,
    denial.JUDGE: _pass,
    outbound.FETCHER: fetch,
    redirect.VETTER: _as_it_came,
    root.FILES: Joined(),
    sqlalchemy.JUDGE: _pass,
    uploads.VETTER: believe,
}
