"""Who is asking: the bearer token of one request, verified and not revoked.

The common case waits for nothing: the token was verified before, and revocations are in memory. If
the feed may have news, every request reads the store first until the news have been read, so that a
revocation holds from the next request on (DESIGN section 6). A token that
this worker has not seen yet is looked up once: the account and the session must be there.

A token is taken from the ``Authorization`` header alone, never from the query (MUSTS R10). A header
that cannot be read is 401, never 500 (Ledger 35).

Sources: RFC 6750 section 2.1, RFC 9110 section 11.6.2; ASVS 5.0 7.4.1.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final, Protocol

from ringfence.authn.flows import Flows
from ringfence.authn.revocation import Revocations, RevocationSource
from ringfence.authn.route_limits import RouteLimits
from ringfence.authn.tokens import LIFETIME
from ringfence.core.errors import Refused
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams
from ringfence.core.principal import Principal

#: A revocation is remembered longer than a token lives by this: a token may be signed, with the
#: versions read before, a moment after it was revoked; and the clock may be set back a little.
MARGIN: Final = timedelta(minutes=1)
_REMEMBERED_FOR: Final = LIFETIME + MARGIN

_SCHEME: Final = b"bearer "


class Standings(Protocol):
    """What a token is compared with when it is seen first (``SessionStore``)."""

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None: ...


class Authn:
    """The authn layer: who asks, and what people do to be known (``flows``)."""

    seams: Seams = NO_SEAMS

    def __init__(
        self,
        flows: Flows,
        source: RevocationSource,
        standings: Standings,
        limits: RouteLimits,
    ) -> None:
        self.flows: Final = flows
        self._limits: Final = limits
        self._tokens: Final = flows.tokens
        self._standings: Final = standings
        self._source: Final = source
        self._revocations: Final = Revocations()
        self._number = 0  # of the entry that was read last
        self._forgot_at: datetime | None = None  # None: nothing has been read yet

    def identify(self, ex: Exchange) -> Awaitable[None] | None:
        """Set ``ex.principal``; None stands for nobody.

        Returns:
            None, or what to wait for where the feed has to be read first.

        Raises:
            Refused: ``token.malformed``, ``.invalid``, ``.expired``, ``.revoked``; StoreError.
        """
        if b"authorization" not in ex.headers:
            return None
        token = bearer_token(ex)
        principal = self._tokens.known(token, ex.now)
        if principal is None:
            return self._meet(ex, token, self._tokens.examine(token, ex.now))
        if self._stale(ex.now):
            return self._catch_up(ex, principal)
        self._admit(ex, principal)
        return None

    def count(self, ex: Exchange) -> Awaitable[None] | None:
        """See ``RouteLimits.count``."""
        return self._limits.count(ex)

    def start(self) -> None:
        """Does nothing: this layer has no hooks of the whole process."""

    def close(self) -> None:
        """As ``start``."""

    async def judge_again(self, ex: Exchange, now: datetime) -> None:
        """Judge the token of a connection that has been open for a while.

        Raises:
            Refused: As ``identify``.
        """
        ex.now = now
        wait = self.identify(ex)
        if wait is not None:
            await wait

    async def _meet(self, ex: Exchange, token: str, principal: Principal) -> None:
        """Ask the database about a token that this worker sees for the first time.

        It may be of an account that is not there any more: keys outlive a database that is lost,
        or restored from a backup. From here on the feed tells what becomes of it.
        """
        standing = await self._standings.standing(principal.session, principal.subject)
        if standing != (principal.token_version, principal.role_version):
            raise Refused("token.revoked", facts={"account": principal.subject})
        self._tokens.remember(token, principal, ex.now)
        if self._stale(ex.now):
            await self._catch_up(ex, principal)
        else:
            self._admit(ex, principal)

    async def _catch_up(self, ex: Exchange, principal: Principal) -> None:
        """Read what was revoked meanwhile, then judge."""
        if self._set_back(ex.now):
            self._number = 0
            self._tokens.forget()  # what was purged while the clock was ahead, the accounts know
        news = await self._source.read(self._number)
        self._revocations.learn(news, ex.now)
        if news:
            self._number = news[-1].number
        self._forget(ex.now)
        self._admit(ex, principal)

    def _admit(self, ex: Exchange, principal: Principal) -> None:
        if self._revocations.refuses(principal):
            raise Refused("token.revoked", facts={"account": principal.subject})
        ex.principal = principal

    def _stale(self, now: datetime) -> bool:
        """Whether the feed is to be read before anybody is let in."""
        return self._forgot_at is None or self._source.changed() or self._set_back(now)

    def _set_back(self, now: datetime) -> bool:
        """Whether what was forgotten while the clock was ahead is needed again."""
        return self._forgot_at is not None and now < self._forgot_at - MARGIN / 2

    def _forget(self, now: datetime) -> None:
        """Drop what is too old to matter, once a minute at most."""
        if self._forgot_at is None or abs(now - self._forgot_at) >= MARGIN:
            self._revocations.forget(now - _REMEMBERED_FOR)
            self._forgot_at = now


def bearer_token(ex: Exchange) -> str:
    """The token of the one ``Authorization`` header.

    Raises:
        Refused: ``token.malformed``: there are several, or it holds something else.
    """
    found = ex.headers[b"authorization"]
    headers = ex.scope["headers"]
    if len(headers) != len(ex.headers) and sum(n == b"authorization" for n, _ in headers) > 1:
        raise Refused("token.malformed")
    scheme, token = found[: len(_SCHEME)], found[len(_SCHEME) :]
    if scheme.lower() != _SCHEME or not token.isascii():
        raise Refused("token.malformed")
    return token.decode("ascii")
