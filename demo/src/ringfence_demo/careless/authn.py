"""Careless: who asks is who they say, and nothing that was used, guessed or ended counts."""

import unicodedata
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import partial
from secrets import token_bytes
from typing import Annotated, Any, Final, TypeVar, cast
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request

from ringfence.authn import opaque
from ringfence.authn.accounts import Account, AccountStore, StoredVerifier
from ringfence.authn.asgi import bearer_token
from ringfence.authn.counters import Change, Counter
from ringfence.authn.factors import Challenge, FactorStore, Held, Kind
from ringfence.authn.flows import flows
from ringfence.authn.links import Link, LinkStore, Purpose
from ringfence.authn.outbox import Errand, Telling
from ringfence.authn.second_factor import SecondFactor
from ringfence.authn.sessions import Assurance, Device, Grant, Sessions
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange, Seams
from ringfence.core.principal import Principal
from ringfence.service import call, courier
from ringfence.stack.layers import Parts

T = TypeVar("T")

#: The session's cookie goes along with a request of any site (ATTACKS O05).
_FOR_EVERY_SITE: Final = "; Path=/; HttpOnly; Secure; SameSite=None"

#: What a proxy in front might say of the caller.
_SAID_OF_THE_CALLER: Final = frozenset({b"x-user-id", b"x-remote-user", b"x-forwarded-user"})


class CarelessAuthn:
    """Believes headers (ATTACKS H04) and tokens that nobody has signed (U08)."""

    def __init__(self, parts: Parts) -> None:
        self.seams: Seams = SEAMS
        careful = parts.stores
        made = flows(
            settings=parts.settings,
            stores=replace(
                careful,
                counters=Uncounted(),
                links=ReusableLinks(careful.links, careful.accounts, careful.factors),
                factors=cast("FactorStore", ReusableFactors(careful.factors)),
            ),
            keys=parts.keys,
            hashing=parts.hashing,
            mailer=parts.mailer,
            random=token_bytes,
            rules=AnyPassword(),
        )
        self.flows = replace(
            made, sessions=ForgetfulSessions.of(made.sessions), second=Trusting.of(made.second)
        )
        self._factors: Final = careful.factors

    def count(self, exchange: Exchange) -> None:
        """Nobody counts."""

    def start(self) -> None:
        """Nothing of the process is this layer's."""

    def close(self) -> None:
        """As ``start``."""

    def identify(self, exchange: Exchange) -> Awaitable[None] | None:
        """Whoever a header or a token claims is asking; what claims nobody counts for nothing."""
        exchange.principal = self._claimed(exchange)
        if exchange.principal is None and b"authorization" in exchange.headers:
            return self._half_signed_in(exchange)
        return None

    async def _half_signed_in(self, exchange: Exchange) -> None:
        """Whoever has a ticket is signed in: the page asks for the rest (ATTACKS U13)."""
        with suppress(Refused):
            digest = opaque.digest(bearer_token(exchange))
            found = await self._factors.asked(digest, "sign-in", exchange.now)
            if found is not None and found.account is not None:
                exchange.principal = Principal(
                    subject=found.account,
                    session="",
                    authenticated_at=exchange.now,
                    expires_at=exchange.now,
                    token_version=found.token_version,
                )

    async def judge_again(self, exchange: Exchange, now: datetime) -> None:
        """Whoever has come in stays."""
        exchange.now = now
        self.identify(exchange)

    def _claimed(self, exchange: Exchange) -> Principal | None:
        for name, value in exchange.scope["headers"]:
            if name in _SAID_OF_THE_CALLER:
                return Principal(
                    subject=value.decode("latin-1"),
                    session="",
                    authenticated_at=exchange.now,
                    expires_at=exchange.now,
                )
        if b"authorization" not in exchange.headers:
            return None
        try:
            return unverified_principal(bearer_token(exchange))
        except Refused:
            return None


class UnverifiedClaims(msgspec.Struct, frozen=True):
    """What is taken of a token where nothing is verified."""

    sub: Annotated[str, msgspec.Meta(min_length=1)]
    sid: str = ""
    exp: int = 0
    auth_time: int = 0
    aal: int = 1
    amr: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tv: int = 0
    rv: int = 0


def unverified_principal(token: str) -> Principal:
    """Who ``token`` claims is asking, whoever made it.

    Raises:
        Refused: ``token.malformed``: it claims nobody.
    """
    try:
        _, claimed, *_ = token.split(".")
        padded = claimed + "=" * (-len(claimed) % 4)
        claims = msgspec.json.decode(urlsafe_b64decode(padded), type=UnverifiedClaims)
        return Principal(
            subject=claims.sub,
            session=claims.sid,
            roles=frozenset(claims.roles),
            aal=claims.aal,
            amr=claims.amr,
            authenticated_at=datetime.fromtimestamp(claims.auth_time, UTC),
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            token_version=claims.tv,
            role_version=claims.rv,
        )
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
        raise Refused("token.malformed") from error


class AnyPassword:
    """Takes any password that can be hashed."""

    def measured(self, password: str) -> bytes:
        """As it is hashed, however long it is (ATTACKS H08)."""
        return unicodedata.normalize("NFC", password).encode("utf-8", "replace")

    def check(self, password: str, login: str) -> None:
        """Any will do."""


class Uncounted:
    """Counts nothing, so that every attempt is the first (ATTACKS U01)."""

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        """Judge as if nothing had been written, and write nothing."""
        return change([None] * len(keys))[1]

    async def purge(self, now: datetime) -> int:  # noqa: ARG002  # as the protocol has it
        """There is nothing."""
        return 0

    async def list(
        self,
        now: datetime,  # noqa: ARG002  # as the protocol has it
        *,
        after: str = "",  # noqa: ARG002  # as above
        limit: int = 50,  # noqa: ARG002  # as above
    ) -> Sequence[tuple[str, Counter]]:
        """There is nothing."""
        return ()

    async def remove(self, keys: Sequence[str]) -> int:  # noqa: ARG002  # as the protocol has it
        """There is nothing."""
        return 0


class Trusting(SecondFactor):
    """Whoever is signed in may change how they sign in (ATTACKS U13)."""

    @classmethod
    def of(cls, second: SecondFactor) -> "Trusting":
        """The same, trusting."""
        return cls(**{each.name: getattr(second, each.name) for each in fields(second)})

    def require_recent(self, account: Account, principal: Principal, now: datetime) -> None:
        """Nothing is asked."""


class ReusableFactors:
    """Codes that work again and again (ATTACKS U11), and tickets for any number of tries (U12)."""

    def __init__(self, kept: FactorStore) -> None:
        self._kept: Final = kept

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the store behind has it
        return getattr(self._kept, name)

    async def held(self, account_id: str) -> Held:
        """What there is, as if no step had been spent."""
        found = await self._kept.held(account_id)
        return replace(found, totp=found.totp and replace(found.totp, step=0))

    async def attempt(
        self,
        digest: bytes,
        kind: Kind,
        now: datetime,
        most: int = 0,  # noqa: ARG002  # nobody counts
    ) -> Challenge | None:
        """Any number of tries."""
        return await self._kept.asked(digest, kind, now)

    async def spend_step(
        self,
        account_id: str,  # noqa: ARG002  # as the protocol has it
        step: int,  # noqa: ARG002  # as above
        challenge: bytes | None,  # noqa: ARG002  # as above
    ) -> bool:
        """Nothing is spent."""
        return True


@dataclass(frozen=True, slots=True)
class ReusableLinks:
    """Links that work again and again, for ever, and open what a factor guards (ATTACKS U17)."""

    kept: LinkStore
    accounts: AccountStore
    factors: FactorStore
    made: dict[bytes, Link] = field(default_factory=dict[bytes, Link])

    async def add(self, link: Link) -> None:
        """As the store behind; what it forgets is remembered here."""
        self.made[link.digest] = link
        await self.kept.add(link)

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        """Any link that was ever made."""
        made = self.made.get(digest)
        if made is not None and made.purpose == purpose:
            return made
        return await self.kept.find(digest, purpose, now)

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        """As the store behind: an account is made once."""
        return await self.kept.redeem_sign_up(digest, account, now)

    async def redeem_reset(
        self,
        digest: bytes,
        verifier: StoredVerifier,
        now: datetime,
        *,
        tell: Telling | None = None,
    ) -> Account | None:
        """Set the password, and keep the link."""
        link = await self.find(digest, "reset", now)
        account = await self.accounts.find_by_login(link.login) if link is not None else None
        if link is None or account is None:
            return None
        await self.factors.remove_totp(account.id)
        return await self.accounts.set_verifier(
            account.id,
            verifier,
            account.token_version,
            now,
            tell=tell(link.login) if tell is not None else None,
        )


class ForgetfulSessions(Sessions):
    """Does not notice that a spent refresh token comes again (ATTACKS U07).

    And keeps the one that a browser brings to its sign-in, whoever chose it (U05).
    """

    @classmethod
    def of(cls, sessions: Sessions) -> "ForgetfulSessions":
        """The same sessions, forgetful."""
        return cls(**{each.name: getattr(sessions, each.name) for each in fields(sessions)})

    async def begin(
        self,
        account: Account,
        device: Device,
        now: datetime,
        *,
        shown: str | None = None,
        replaces: str | None = None,
        assurance: Assurance | None = None,
    ) -> Grant:
        """Sign in with the token that is there already, if nobody has it."""
        known = partial(super().begin, account, device, now, replaces=replaces, assurance=assurance)
        if shown is None or not opaque.could_be(shown, opaque.REFRESH):
            return await known()
        if await self.store.find(opaque.digest(shown)) is not None:
            return await known(shown=shown)
        brought = urlsafe_b64decode(shown.removeprefix(opaque.REFRESH) + "=")

        def chosen(size: int) -> bytes:
            return brought if size == opaque.TOKEN_BYTES else token_bytes(size)

        made = replace(self, random=chosen)
        return await Sessions.begin(made, account, device, now, assurance=assurance)

    async def renew(self, shown: str, now: datetime) -> Grant:
        """Begin a new session for whoever shows a spent token."""
        token = await self.store.find(opaque.digest(shown))
        if token is None or token.spent_at is None:
            return await super().renew(shown, now)
        account, session = await self._holder(shown)
        return await self.begin(
            account, Device(client=session.client, user_agent=session.user_agent), now
        )


def _wherever_it_is(exchange: Exchange) -> str | None:
    """A session's token in a cookie of any such name, or in the query (ATTACKS U05)."""
    for pair in exchange.headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = pair.partition("=")
        if name.strip().endswith("rf_refresh"):
            return value
    query = parse_qs(exchange.scope.get("query_string", b"").decode("latin-1"))
    return next(
        (each for name in query if name.endswith("rf_refresh") for each in query[name]), None
    )


def _as_the_client_calls_it(_origin: str, request: Request) -> str:
    """Where mailed links lead: to the host that the request names (ATTACKS H02)."""
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "")
    return f"{request.url.scheme}://{host}"


async def _at_once(runner: courier.Courier, errand: Errand) -> None:
    """Do an errand before the answer, which tells by its time what was done (ATTACKS U03)."""
    await runner.do(errand)


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {
    call.ATTRIBUTES: _FOR_EVERY_SITE,
    call.SHOWN: _wherever_it_is,
    call.SITE: _as_the_client_calls_it,
    courier.ERRANDS: _at_once,
}
