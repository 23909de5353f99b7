"""M01: secrets that a request carries, looked for in the logs of what was made of it."""

import secrets
from collections.abc import Awaitable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ringfence.attack.client import bearer, query
from ringfence.attack.people import COOKIE
from ringfence.attack.places import Failure, Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

SESSION: Final = "the log is redacted, and no handler sees the session's cookie"


class SecretsInLogs(Attack):
    """Stopped: the secret stands in no log, though each request is logged.

    There is the log of events, with what failed, and, where the target has one, the application's
    own log of its requests.
    """

    id = "M01"
    control = "the log is redacted"
    breaks = True
    silent = True  # what a log leaves out is told by no event of its own

    async def prepare(self) -> None:
        site = self.ground.site
        self.failure, self.records = self.ground.place(Failure), self.ground.place(Record)
        self.victim = await self.ground.person()
        self.logs = [site.log] if site.requests is None else [site.log, site.requests]

    async def twin(self) -> None:
        before = [_size(log) for log in self.logs]
        answer = await self.ground.send("GET", self.failure.path)
        require(answer.status == 500, f"nothing fails: {answer.status}")  # noqa: PLR2004  # RFC 9110
        for log, size in zip(self.logs, before, strict=True):
            require(_size(log) > size, f"nothing is written to {log.name}")

    def payloads(self) -> Sequence[Payload]:
        secret, victim = self.ground.canary, self.victim
        key, basic, password, token, noted = map(secret, ("key", "basic", "pass", "token", "note"))
        one_time = f"otp={secrets.randbelow(900_000) + 100_000}"
        header, sent_in_query, failing = self._in_header, self._in_query, self._failing
        return [
            Payload("access token", partial(header, victim.access, bearer(victim.access))),
            Payload("session", partial(header, victim.refresh, _cookie(victim.refresh)), SESSION),
            Payload("key of an API", partial(header, key, ("X-Api-Key", key))),
            Payload("password in a header", partial(header, basic, ("X-Password", basic))),
            Payload("password in a query", partial(sent_in_query, password, password=password)),
            Payload("token of a link", partial(sent_in_query, token, token=token)),
            Payload("one-time code", partial(sent_in_query, one_time, otp=one_time[4:])),
            Payload("password in a body", partial(self._in_body, noted)),
            Payload("a secret in the failure itself", partial(failing, self.failure.secret)),
        ]

    async def _in_header(self, secret: str, header: tuple[str, str]) -> bool:
        return await self._leaks(
            secret, self.ground.send("GET", self.failure.path, headers=[header])
        )

    async def _in_query(self, secret: str, **values: str) -> bool:
        return await self._leaks(
            secret, self.ground.send("GET", self.failure.path + query(**values))
        )

    async def _in_body(self, secret: str) -> bool:
        sending = self.records.send(self.ground, self.victim, f"password: {secret}")
        return await self._leaks(secret, sending)

    async def _failing(self, secret: str) -> bool:
        """What the failure itself says."""
        return await self._leaks(secret, self.ground.send("GET", self.failure.path))

    async def _leaks(self, secret: str, sending: Awaitable[object]) -> bool:
        await sending
        return any(secret.encode() in log.read_bytes() for log in self.logs)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _cookie(refresh: str) -> tuple[str, str]:
    return ("Cookie", f"{COOKIE}={refresh}")
