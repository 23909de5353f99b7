"""One running shop: a process of its own, on a free port, with certain layers off."""

import asyncio
import contextlib
import os
import secrets
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ringfence.attack.answer import Sent
from ringfence.attack.client import Client
from ringfence.attack.configuration import Configuration
from ringfence.attack.evidence import Evidence, Sign
from ringfence.attack.mailbox import Mailbox
from ringfence.attack.outside import Outside
from ringfence.attack.people import People, Person
from ringfence.attack.relay import relay
from ringfence.core.errors import ConfigurationError

_PATIENCE_SECONDS: Final = 90.0
_MODULE: Final = "ringfence_demo.attacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop that answers, and what may be looked at behind its back."""

    configuration: Configuration
    origin: str  # as it calls itself
    folder: Path  # where it keeps everything
    log: Path  # of events
    requests: Path  # the application's own log
    traces: Path
    database: str  # sqlite or postgres
    client: Client
    people: People
    around: Outside
    evidence: Evidence = field(default_factory=Evidence)
    _read: dict[Path, int] = field(default_factory=dict[Path, int])
    _attacker: list[Person] = field(default_factory=list[Person])
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def attacker(self, source: str) -> Person:
        """The one attacker of this shop; the first who asks says where they come from."""
        async with self._lock:
            if not self._attacker:
                self._attacker.append(await self.people.fresh(source))
        return self._attacker[0]

    async def signs(self, sent: Sequence[Sent]) -> list[Sign]:
        """What the shop itself said of these requests."""
        for _ in range(100):
            self.evidence.traces(self._news(self.traces))
            if self.evidence.complete(sent):
                break
            await asyncio.sleep(0.02)
        self.evidence.events(self._news(self.log))
        return self.evidence.signs(sent)

    def _news(self, file: Path) -> str:
        """What was written since the last look, whole lines only."""
        if not file.exists():
            return ""
        with file.open("rb") as stream:
            stream.seek(self._read.get(file, 0))
            whole = stream.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._read[file] = self._read.get(file, 0) + len(whole)
        return whole.decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def running(
    configuration: Configuration, place: Path, *, database: str, around: Outside
) -> AsyncGenerator[Shop]:
    """Start a shop in a folder of its own below ``place``; it ends with the block.

    Raises:
        ConfigurationError: It did not start; with what it said.
    """
    folder = place / configuration.name
    folder.mkdir(mode=0o711)
    data, log, traces = folder / "data", folder / "events.jsonl", folder / "traces.jsonl"
    mail = data / "mail"
    key = secrets.token_hex(16)
    async with contextlib.AsyncExitStack() as stack:
        settings = {
            "RINGFENCE_LAYERS_OFF": ",".join(sorted(configuration.off)),
            "RINGFENCE_LOG": str(log),
        }
        if configuration.production:
            mail = folder / "relayed"
            settings |= await stack.enter_async_context(relay(mail))
        process = await stack.enter_async_context(
            _process(data, traces, database, around.friend.port, settings)
        )
        origin = await _started(process, key)
        address = "http://" + origin.partition("://")[2]  # TLS ends in front of the shop
        client = Client(address, key)
        stack.push_async_callback(client.close)
        yield Shop(
            configuration=configuration,
            origin=origin,
            folder=data,
            log=log,
            requests=data / "requests.log",
            traces=traces,
            database=database,
            client=client,
            around=around,
            people=People(client, Mailbox(mail), origin),
        )


@contextlib.asynccontextmanager
async def _process(
    data: Path, traces: Path, database: str, friend: int, settings: Mapping[str, str]
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The shop's process. It lives as long as its standard input is open."""
    words = ["--port", "0", "--data", str(data), "--traces", str(traces), "--database", database]
    words += ["--reachable", f"127.0.0.1:{friend}"]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        *words,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**inherited, **settings},
        start_new_session=True,  # Ctrl-C is for us; we then end the shop
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _started(process: asyncio.subprocess.Process, key: str) -> str:
    """The address that the shop says once it answers."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ConfigurationError("the shop has no pipes")
    process.stdin.write(f"{key}\n".encode())
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            said = await process.stdout.readline()
    except TimeoutError:
        raise ConfigurationError("the shop did not start in time") from None
    if not said:
        reason = (await process.stderr.read()).decode("utf-8", "replace").strip()
        raise ConfigurationError(f"the shop did not start: {reason}")
    return said.decode().strip()
