"""M01: secrets that a request carries, looked for in what is written down and counted of it."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ringfence.attack.client import bearer, query
from ringfence.attack.people import COOKIE
from ringfence.attack.places import Failure, Record, SearchText
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import UnprovenError, require

SESSION: Final = "the log is redacted, and no handler sees the session's cookie"
ACCESS: Final = "a request's line names its route"
METRICS: Final = "what is counted is named by routes"

#: A line for a request may wait for others: at most a second, on a machine that is not busy.
_LOOKS: Final = 200
_BETWEEN_SECONDS: Final = 0.05


class SecretsInLogs(Attack):
    """Stopped: the secret stands in no log and no metric, though each request is logged.

    There is the log of events, with what failed, and, where the target has them, the line of each
    request, the metrics, and the application's own log of its requests.
    """

    id = "M01"
    control = "the log is redacted"
    breaks = True
    patient = True
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
        payloads = [
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
        search = self.ground.offered(SearchText)
        if self.ground.site.access and search is not None:
            answered = partial(self._in_access_log, search, secret("answered"))
            payloads.append(Payload("token of a request that is answered", answered, ACCESS))
        if self.ground.site.metrics is not None:
            counted = partial(self._in_metrics, secret("counted"))
            payloads.append(Payload("token in a path that is counted", counted, METRICS))
        return payloads

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

    async def _in_access_log(self, search: SearchText, token: str) -> bool:
        words = next(iter(search.known))
        target = search.path + query(**{search.parameter: words, "token": token})
        answer = await self.ground.send("GET", target)
        require(answer.ok, f"nothing is found: {answer.status}")
        log = self.ground.site.log
        for _ in range(_LOOKS):
            if answer.request_id.encode() in log.read_bytes():
                return token.encode() in log.read_bytes()
            await asyncio.sleep(_BETWEEN_SECONDS)
        raise UnprovenError("the request has no line in the log")

    async def _in_metrics(self, token: str) -> bool:
        before = _requests(await self.ground.site.counted())
        await self.ground.send("GET", f"{self.records.listing}/{token}", person=self.victim)
        counted = await self.ground.site.counted()
        require(_requests(counted) > before, "the request is not counted")
        return token in counted

    async def _leaks(self, secret: str, sending: Awaitable[object]) -> bool:
        await sending
        return any(secret.encode() in log.read_bytes() for log in self.logs)


def _requests(metrics: str) -> float:
    """How many requests are counted."""
    counts = re.findall(r"^ringfence_requests_total\{.*\} (\S+)$", metrics, re.MULTILINE)
    return sum(map(float, counts))


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _cookie(refresh: str) -> tuple[str, str]:
    return ("Cookie", f"{COOKIE}={refresh}")
