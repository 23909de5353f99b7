"""The auth service, put together: one table of routes, and who answers each.

The routes are entries of the same table as the application's, with policies of their own, so that
the pipeline guards them like any other route. There is no router behind it: the table has found
the handler already.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from ringfence.authn.accounts import AccountStore
from ringfence.authn.asgi import Authn
from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import CounterStore
from ringfence.authn.hashing import Hashing
from ringfence.authn.keys import Keys
from ringfence.authn.links import LinkStore
from ringfence.authn.mail import Mailer
from ringfence.authn.opaque import Random
from ringfence.authn.passwords import LONGEST_BYTES, SHORTEST, Passwords, Policy
from ringfence.authn.recovery import Recovery
from ringfence.authn.refresh import RefreshLimits
from ringfence.authn.revocation import RevocationSource
from ringfence.authn.sessions import Sessions, SessionStore
from ringfence.authn.signin import SignIn
from ringfence.authn.signup import SignUp
from ringfence.authn.tokens import LIFETIME, AccessTokens
from ringfence.core.asgi import ASGIApp
from ringfence.core.policy import declared
from ringfence.core.route import Entry
from ringfence.core.settings import Settings
from ringfence.service import wire
from ringfence.service.accounts import AccountHandlers
from ringfence.service.call import Handler, answering
from ringfence.service.courier import Courier, random_pause
from ringfence.service.public import KDF, PublicHandlers
from ringfence.service.sessions import SessionHandlers
from ringfence.service.static import PAGES, Static


class Stores(Protocol):
    """Where the service keeps what it keeps."""

    @property
    def accounts(self) -> AccountStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def links(self) -> LinkStore: ...
    @property
    def counters(self) -> CounterStore: ...
    @property
    def revocations(self) -> RevocationSource: ...
    @property
    def ping(self) -> Callable[[], Awaitable[None]]: ...


class Workers(Hashing, Protocol):
    """Where passwords are hashed, until it is closed."""

    def close(self) -> None: ...


class Service:
    """The auth service of one site.

    Args:
        settings: Of the site.
        stores: Started already.
        keys: Of the installation.
        hashing: Where passwords are hashed.
        mailer: How mail is sent.
        clock: The time at which a mail failed; requests bring their own.
        budgets: The limits.
        random: Random bytes.
        pause: Seconds before background work begins (``courier``).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        stores: Stores,
        keys: Keys,
        hashing: Workers,
        mailer: Mailer,
        clock: Callable[[], datetime],
        budgets: Budgets | None = None,
        random: Random = secrets.token_bytes,
        pause: Callable[[], float] = random_pause,
    ) -> None:
        budgets = budgets or Budgets()
        self.tokens: Final = AccessTokens(keys, settings)
        self.passwords: Final = Passwords(
            hashing=hashing,
            policy=Policy.bundled(settings.origin),
            tenant=settings.tenant,
            salt_key=keys.salt,
            peppers=keys.peppers,
        )
        self.authn: Final = Authn(self.tokens, stores.revocations)
        self.courier: Final = Courier(clock, pause=pause)
        self._hashing: Final = hashing
        signin = SignIn(
            accounts=stores.accounts,
            counters=stores.counters,
            proofs=self.passwords,
            budgets=budgets,
            pseudonyms=keys.log,
        )
        sessions = Sessions(
            store=stores.sessions,
            accounts=stores.accounts,
            issuer=self.tokens,
            access_lifetime=LIFETIME,
            sealing_key=keys.sealing,
            limits=RefreshLimits(idle=settings.session_idle, absolute=settings.session_absolute),
            random=random,
        )
        self._open: Final = PublicHandlers(
            config=_config(settings),
            jwks=self.tokens.jwks,
            ping=stores.ping,
            salt_key=keys.salt,
            tenant=settings.tenant,
        )
        self._sessions: Final = SessionHandlers(
            accounts=stores.accounts,
            counters=stores.counters,
            signin=signin,
            sessions=sessions,
            budgets=budgets,
        )
        self._accounts: Final = AccountHandlers(
            accounts=stores.accounts,
            counters=stores.counters,
            signup=SignUp(
                accounts=stores.accounts,
                links=stores.links,
                mailer=mailer,
                passwords=self.passwords,
                random=random,
            ),
            recovery=Recovery(
                accounts=stores.accounts,
                links=stores.links,
                counters=stores.counters,
                mailer=mailer,
                passwords=self.passwords,
                budgets=budgets,
                random=random,
            ),
            signin=signin,
            sessions=sessions,
            courier=self.courier,
            budgets=budgets,
            pseudonyms=keys.log,
            origin=settings.origin,
        )
        routes = [*self._routes(), *_documents()]
        if not settings.sign_up:
            routes = [route for route in routes if route[1] != _SIGN_UP]
        self.handlers: Final[Mapping[Entry, ASGIApp]] = MappingProxyType(
            {_entry(*route): answering(route[2]) for route in routes}
        )

    async def close(self) -> None:
        """Finish what is under way."""
        await self.courier.close()
        self._hashing.close()

    def _routes(self) -> Iterator[tuple[str, str, Handler]]:
        """API.md's table."""
        yield "GET", "/auth/config", self._open.configuration
        yield "POST", "/auth/prelogin", self._open.prelogin
        yield "POST", _SIGN_UP, self._accounts.sign_up
        yield "POST", "/auth/verify-email", self._accounts.verify_email
        yield "POST", "/auth/sign-in", self._sessions.sign_in
        yield "POST", "/auth/refresh", self._sessions.refresh
        yield "POST", "/auth/sign-out", self._sessions.sign_out
        yield "POST", "/auth/sign-out-everywhere", self._sessions.sign_out_everywhere
        yield "GET", "/auth/me", self._sessions.me
        yield "GET", "/auth/sessions", self._sessions.devices
        yield "DELETE", "/auth/sessions/{id}", self._sessions.end_device
        yield "POST", "/auth/password/change", self._accounts.change
        yield "POST", "/auth/password/forgot", self._accounts.forgot
        yield "POST", "/auth/password/reset", self._accounts.reset
        yield "GET", "/.well-known/jwks.json", self._open.keys
        yield "GET", "/healthz", self._open.alive
        yield "GET", "/readyz", self._open.ready


_SIGN_UP: Final = "/auth/sign-up"


def _documents() -> Iterator[tuple[str, str, Handler]]:
    """The hosted pages and their files."""
    static = Static()
    for path, name in PAGES.items():
        yield "GET", path, static.page(name)
    yield "GET", "/auth/static/{name}", static.file


def _entry(method: str, path: str, handler: Any) -> Entry:  # noqa: ANN401  # a method or function
    return Entry(
        pattern=path,
        methods=frozenset({"GET", "HEAD"} if method == "GET" else {method}),
        policy=declared(handler),
        name=f"{handler.__module__}.{handler.__qualname__}",
        handler=handler,
        own=True,
    )


def _config(settings: Settings) -> wire.Config:
    return wire.Config(
        methods=("password",),
        sign_up=settings.sign_up,
        kdf=KDF,
        password=wire.PasswordRules(min_length=SHORTEST, max_bytes=LONGEST_BYTES),
    )
