"""The auth service, put together: one table of routes, and who answers each.

The routes are entries of the same table as the application's, with policies of their own, so that
the pipeline guards them like any other route. There is no router behind it: the table has found
the handler already.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ringfence.authn.flows import Flows
from ringfence.authn.keyring import KeyRing
from ringfence.authn.outbox import Errand, OutboxStore
from ringfence.authn.passwords import LONGEST_BYTES, SHORTEST
from ringfence.authn.verifier import ARGON2ID
from ringfence.core.asgi import ASGIApp
from ringfence.core.event import EventSink
from ringfence.core.policy import declared
from ringfence.core.route import Entry
from ringfence.core.settings import Settings
from ringfence.service import wire
from ringfence.service.accounts import AccountHandlers
from ringfence.service.call import Handler, answering
from ringfence.service.courier import Courier, random_pause
from ringfence.service.factors import FactorHandlers
from ringfence.service.passkeys import PasskeyHandlers
from ringfence.service.public import PublicHandlers, kdf
from ringfence.service.sessions import SessionHandlers
from ringfence.service.static import PAGES, Static


class Service:
    """The auth service of one site.

    Args:
        settings: Of the site.
        flows: What people do to be known.
        keys: Of the installation.
        outbox: Where mail waits.
        ping: Raises StoreError where a store or the log is in trouble.
        clock: The time of what is done in the background; requests bring their own.
        pause: Seconds before background work begins (``courier``).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        flows: Flows,
        keys: KeyRing,
        outbox: OutboxStore,
        ping: Callable[[], Awaitable[None]],
        clock: Callable[[], datetime],
        pause: Callable[[], float] = random_pause,
    ) -> None:
        self._flows: Final = flows
        self.courier: Final = Courier(outbox, self._do, clock, pause=pause)
        self._open: Final = PublicHandlers(
            config=_config(settings),
            jwks=flows.tokens.jwks,
            ping=ping,
            derivations=flows.derivations,
            degraded=lambda: ("mail",) if self.courier.late else (),
            salt_key=keys.salt,
            tenant=settings.tenant,
        )
        self._sessions: Final = SessionHandlers(flows)
        self._accounts: Final = AccountHandlers(
            flows, courier=self.courier, pseudonyms=keys.log, origin=settings.origin
        )
        self._factors: Final = FactorHandlers(flows, courier=self.courier, origin=settings.origin)
        self._passkeys: Final = PasskeyHandlers(flows, factors=self._factors)
        routes = [*self._routes(), *_documents()]
        if not settings.sign_up:
            routes = [route for route in routes if route[1] != _SIGN_UP]
        self.handlers: Final[Mapping[Entry, ASGIApp]] = MappingProxyType(
            {_entry(*route): answering(route[2]) for route in routes}
        )

    def start(self, sink: EventSink) -> None:
        """Begin what is done in the background; what goes wrong there is told to ``sink``."""
        self.courier.start(sink)

    async def close(self) -> None:
        """Finish what is under way."""
        await self.courier.close()

    async def _do(self, errand: Errand, now: datetime) -> None:
        """Find out what to mail, and mail it."""
        login, site = errand.login, errand.site
        if errand.kind == "sign-up":
            await self._flows.signup.ask(login, errand.name, site, now)
        elif errand.kind == "reset":
            await self._flows.recovery.ask(login, site, now, errand.name)
        else:
            await self._flows.recovery.tell(login, site, errand.name)

    def _routes(self) -> Iterator[tuple[str, str, Handler]]:
        """API.md's table."""
        yield "GET", "/auth/config", self._open.configuration
        yield "POST", "/auth/prelogin", self._open.prelogin
        yield "POST", _SIGN_UP, self._accounts.sign_up
        yield "POST", "/auth/verify-email", self._accounts.verify_email
        yield "POST", "/auth/sign-in", self._sessions.sign_in
        yield "POST", "/auth/mfa", self._factors.second_step
        yield "POST", "/auth/mfa/totp", self._factors.first_totp
        yield "POST", "/auth/mfa/totp/confirm", self._factors.confirm_first_totp
        yield "POST", "/auth/step-up", self._factors.step_up
        yield "GET", "/auth/factors", self._factors.factors
        yield "POST", "/auth/factors/totp", self._factors.set_up_totp
        yield "POST", "/auth/factors/totp/confirm", self._factors.confirm_totp
        yield "POST", "/auth/factors/recovery-codes", self._factors.new_codes
        yield "DELETE", "/auth/factors/{id}", self._factors.remove
        yield "PATCH", "/auth/factors/{id}", self._passkeys.rename
        yield "POST", "/auth/factors/passkeys/options", self._passkeys.new_options
        yield "POST", "/auth/factors/passkeys", self._passkeys.add
        yield "POST", "/auth/mfa/passkey", self._passkeys.second_step_options
        yield "POST", "/auth/step-up/passkey", self._passkeys.step_up_options
        yield "POST", "/auth/passkey/options", self._passkeys.sign_in_options
        yield "POST", "/auth/passkey", self._passkeys.sign_in
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
        methods=("password", "passkey"),
        sign_up=settings.sign_up,
        kdf=kdf(ARGON2ID),
        password=wire.PasswordRules(min_length=SHORTEST, max_bytes=LONGEST_BYTES),
    )
