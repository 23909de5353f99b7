"""One running application: where it answers, what it offers, what it writes down."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ringfence.attack.answer import Sent
from ringfence.attack.client import Client
from ringfence.attack.configuration import Configuration
from ringfence.attack.evidence import Evidence, Sign
from ringfence.attack.observed import write_seconds
from ringfence.attack.outside import Outside
from ringfence.attack.people import People, Person
from ringfence.attack.place import Place
from ringfence.attack.unproven import UnavailableError, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An application that answers.

    Its accounts are those of Ringfence's ``/auth``. ``traces`` has a line for each request that was
    answered (``observed.Traced`` writes it); ``requests`` is the application's own log, ``metrics``
    where Ringfence's are read. ``access`` says whether its log has a line for each request.
    """

    configuration: Configuration
    origin: str  # as it calls itself
    folder: Path  # one that it may write to
    log: Path  # of Ringfence's events
    traces: Path
    database: str  # sqlite or postgres
    places: Sequence[Place]
    client: Client
    people: People
    around: Outside
    plain: Sequence[Place] = ()  # of handlers that call none of Ringfence's functions
    requests: Path | None = None
    access: bool = False
    metrics: tuple[str, int] | None = None  # host and port
    clock: Path | None = None  # of ``observed.MovedClock``, if the application has one
    evidence: Evidence = field(default_factory=Evidence)
    _passed: list[timedelta] = field(default_factory=list[timedelta])
    _read: dict[Path, int] = field(default_factory=dict[Path, int])
    _attacker: list[Person] = field(default_factory=list[Person])
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def attacker(self, source: str) -> Person:
        """The one attacker of this site; the first who asks says where they come from."""
        async with self._lock:
            if not self._attacker:
                self._attacker.append(await self.people.fresh(source))
        return self._attacker[0]

    @property
    def now(self) -> float:
        """The application's time, in seconds since 1970."""
        return time.time() + sum(self._passed, timedelta()).total_seconds()

    def later(self, by: timedelta) -> None:
        """Let time pass for the application. Raises ``UnavailableError`` if its clock cannot move.

        Tokens of everybody grow old. An attack that needs more than seconds of it is ``alone``.
        """
        if self.clock is None:
            raise UnavailableError("the target's clock cannot be moved")
        self._passed.append(by)
        write_seconds(self.clock, sum(self._passed, timedelta()).total_seconds())

    async def pass_by(self, time: timedelta) -> None:
        """Wait for seconds to pass: at once where the application's clock can be moved."""
        if self.clock is None:
            await asyncio.sleep(time.total_seconds())
        else:
            self.later(time)

    async def counted(self) -> str:
        """What it counts of itself. Raises ``UnprovenError`` if nobody answers for that."""
        if self.metrics is None:
            raise UnavailableError("the target has no metrics")
        host, port = self.metrics
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        require(" 200 " in answer.partition("\r\n")[0], "the metrics cannot be read")
        return answer

    async def signs(self, sent: Sequence[Sent]) -> list[Sign]:
        """What the application itself said of these requests."""
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
