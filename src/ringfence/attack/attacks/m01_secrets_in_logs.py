"""M01: secrets that a request carries, looked for in the log of its failure."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.client import bearer, query
from ringfence.attack.people import COOKIE
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class SecretsInLogs(Attack):
    """Stopped: none of the secrets stands in the log, though each request fails and is logged."""

    id = "M01"
    silent = True  # what the log leaves out is told by no event of its own

    async def prepare(self) -> None:
        self.victim = await self.ground.person()
        self.log = self.ground.shop.log

    async def twin(self) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        answer = await self.ground.send("GET", "/boom")
        require(answer.status == 500, f"nothing fails: {answer.status}")  # noqa: PLR2004  # RFC 9110
        require(self.log.stat().st_size > before, "a failure is not logged")

    def payloads(self) -> Sequence[Payload]:
        secret, victim = self.ground.canary, self.victim
        api_key, password = secret("key"), secret("password")
        basic = secret("basic")
        return [
            Payload("access token", partial(self._leaks, victim.access, bearer(victim.access))),
            Payload("session", partial(self._leaks, victim.refresh, self._cookie(victim.refresh))),
            Payload("key of an API", partial(self._leaks, api_key, ("X-Api-Key", api_key))),
            Payload("password in a header", partial(self._leaks, basic, ("X-Password", basic))),
            Payload("password in a query", partial(self._leaks, password, None)),
        ]

    async def _leaks(self, secret: str, header: tuple[str, str] | None) -> bool:
        headers = [header] if header is not None else []
        target = "/boom" if headers else "/boom" + query(password=secret)
        await self.ground.send("GET", target, headers=headers)
        return secret.encode() in self.log.read_bytes()

    @staticmethod
    def _cookie(refresh: str) -> tuple[str, str]:
        return ("Cookie", f"{COOKIE}={refresh}")
