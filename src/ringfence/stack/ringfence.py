"""The composition root: the layers in order, around one application.

``Ringfence(app)`` guards an ASGI application and mounts the auth service beside it. Mistakes are
found at the start, and are reported all at once. Until the start has succeeded, every request is
answered with 503.
"""

import os
from asyncio import CancelledError, current_task
from collections.abc import Awaitable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from os import urandom
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from ringfence.authn.mail import Mailer
from ringfence.authz.resources import Finder, Loaded, ResourceLoader
from ringfence.authz.starlette import Routes, Survey
from ringfence.core.asgi import ASGIApp, Receive, Scope, Send
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.exchange import NO_SEAMS, SCOPE_KEY, Exchange, Seams, current
from ringfence.core.limit import Limit
from ringfence.core.policy import Policy
from ringfence.core.route import Entry
from ringfence.core.settings import Environment, Settings, parse
from ringfence.output.bare import bare
from ringfence.output.headers import Header, fixed
from ringfence.stack.conversation import Conversations
from ringfence.stack.explain import explain
from ringfence.stack.layers import GUARDED, Check, Clock, Factory, Layers, Plan
from ringfence.stack.lifespan import Lifespan, refused, say
from ringfence.stack.protocols import Answering, Declared, Monitoring
from ringfence.storage import Stores

#: A body that took no longer is treated like one that came with its head.
_A_MOMENT: Final = timedelta(milliseconds=100)

#: Until another process, or this one again, answers.
_ANEW: Final = timedelta(seconds=2)

#: Until a start is over.
_SOON: Final = timedelta(seconds=1)

_ID_BYTES: Final = 12
_IDS_IN_STOCK: Final = 64


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


class Ringfence:
    """An ASGI application that guards another one.

    Args:
        app: FastAPI, Starlette, or any ASGI application (whose routes ``policies`` then names).
        settings: Read from the environment if not given.
        policies: By pattern, the policies of routes whose handler is not the application's own:
            docs pages, static files, mounts. For an application of another kind, those of every
            route, by ``"GET,POST /pattern"``.
        whole_folders: By pattern of a mount or of a route with a ``{name:path}``, the reason why
            hidden files, backups and links that leave the folder are served there as well.
        limits: By prefix, what all routes below it may be used together: ``{"/api":
            limit("600/m", by="account")}``. A prefix may have several.
        database: The application's own, with what is declared about its rows; or several.
        resources: By class that ``owner()`` names, a loader of one's own.
        required: Names of further environment variables without which the start is refused.
        layers: Factories of layers that take the place of the guarded ones (``stack.protocols``
            says what a layer has); in demo and test only.
        clock: The time, for tests.
        stores: The auth service's stores; opened from the settings if not given.
        mailer: How mail is sent; from the settings if not given.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings | None = None,
        policies: Mapping[str, Policy] | None = None,
        whole_folders: Mapping[str, str] | None = None,
        limits: Mapping[str, Limit | Iterable[Limit]] | None = None,
        database: Declared | Iterable[Declared] = (),
        resources: Mapping[type, ResourceLoader] | None = None,
        required: Iterable[str] = (),
        layers: Mapping[Layer, Factory] | None = None,
        clock: Clock = utc_now,
        stores: Stores | None = None,
        mailer: Mailer | None = None,
    ) -> None:
        self.app: Final = app
        self._settings = settings
        self._required: Final = tuple(required)
        self._replaced: Final = dict(layers or {})
        self._clock: Final = clock
        databases = tuple(database) if isinstance(database, Iterable) else (database,)
        self.databases: Final = databases
        self._plan: Final = Plan(
            routes=Routes(app, policies or {}, whole_folders, limits),
            finders=_finders(databases, resources or {}),
            databases=databases,
            clock=clock,
            stores=stores,
            mailer=mailer,
            layers=self._replaced,
        )
        self._layers: Layers | None = None
        self._checks: tuple[Check, ...] = ()
        self._own: Mapping[Entry, ASGIApp] = {}
        self._seams: Seams = NO_SEAMS
        self._conversations: Conversations | None = None
        self._ids: list[str] = []

    # ------------------------------------------------------------------------------- a request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        layers = self._layers
        if layers is None:
            await self._not_started(scope, send)
            return
        exchange = Exchange(
            scope,
            request_id=self._request_id(),
            now=self._clock(),
            sink=layers.monitoring,
            seams=self._seams,
        )
        scope[SCOPE_KEY] = exchange
        token = current.set(exchange)
        try:
            answer = layers.output.guard(exchange, layers.monitoring.watch(exchange, send))
            await self._serve(layers, exchange, receive, answer)
        finally:
            current.reset(token)
            layers.monitoring.ended(exchange)
            exchange.over = True
            if exchange.refusals:
                layers.monitoring.swallowed(exchange)
            scope.pop(SCOPE_KEY, None)  # no cycle: the exchange is gone with the request
            if exchange.closing:
                await _close(exchange, layers.monitoring)

    def _request_id(self) -> str:
        """96 random bits. They come from a stock: one system call is enough for many requests."""
        if not self._ids:
            stock = urandom(_ID_BYTES * _IDS_IN_STOCK).hex()
            length = 2 * _ID_BYTES
            self._ids = [stock[at : at + length] for at in range(0, len(stock), length)]
        return self._ids.pop()

    async def _serve(
        self, layers: Layers, exchange: Exchange, receive: Receive, send: Answering
    ) -> None:
        try:
            await self._pass(layers, exchange, receive, send)
        except (ClientDisconnect, WebSocketDisconnect):
            pass  # the client has left, so there is nobody to answer
        except Refused as refused:
            await _refuse(layers, exchange, refused, send)
        except CancelledError:
            if not await _cut_off(layers, exchange, send):
                raise
        except Exception as error:  # noqa: BLE001  # the last line: nothing unforeseen gets out
            layers.boundary.gather(exchange)  # and out of the log again
            layers.monitoring.crashed(exchange, error)
            await layers.output.answer_crash(exchange, error, send)
        finally:
            layers.boundary.leave(exchange)

    async def _pass(
        self, layers: Layers, exchange: Exchange, receive: Receive, send: Answering
    ) -> None:
        """Let the request pass the checks and reach the application."""
        for check in self._checks:
            wait = check(exchange)
            if wait is not None:
                await wait
        whole = await layers.boundary.read_body(exchange, receive)
        if whole is not receive:
            receive = whole
            await self._judge_again(layers, exchange)
        layers.output.before(exchange)
        wait = layers.boundary.enter(exchange, send)
        if wait is not None:
            await wait
            await self._judge_again(layers, exchange)
        own = self._own.get(exchange.entry) if exchange.entry is not None else None
        if own is not None:
            exchange.scope["path_params"] = dict(exchange.match.parameters)
            await own(exchange.scope, receive, send)
        else:
            await layers.boundary.run(exchange, partial(self._handle, exchange, receive), send)
        if not send.started:
            await send.finish()  # an error that was held back, or nothing at all

    def _handle(self, exchange: Exchange, receive: Receive, send: Send) -> Awaitable[None]:
        if exchange.principal is not None and self._conversations is not None:
            return self._conversations.run(exchange, self.app, receive, send)
        return self.app(exchange.scope, receive, send)

    async def _judge_again(self, layers: Layers, exchange: Exchange) -> None:
        """Judge once more when the body is there: the token may be revoked by then (DESIGN 4).

        From here on the time of the request is that of its body, not that of its head.
        """
        now = self._clock()
        if abs(now - exchange.now) <= _A_MOMENT:
            return
        exchange.now = now
        for judge in (layers.authn.identify, layers.authz.authorize):
            wait = judge(exchange)
            if wait is not None:
                await wait

    async def _not_started(self, scope: Scope, send: Send) -> None:
        """The answer to every request until the table is built: nothing is served yet."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})  # try again later
            return
        code = CODES["service.starting"]
        headers, body = bare(code, self._request_id(), self._fixed, retry_after=_SOON)
        await send({"type": "http.response.start", "status": code.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @cached_property
    def _fixed(self) -> tuple[Header, ...]:
        """The headers of every answer; of settings that stop the start, those by TLS."""
        try:
            settings = self.settings()
        except ConfigurationError:
            settings = Settings()
        return fixed(
            secure=settings.secure,
            max_age=settings.hsts_max_age,
            subdomains=settings.hsts_subdomains,
        )

    # ----------------------------------------------------------------------- the start, the end

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start before the application, seal after it, close last, and only then say so.

        The application may still add routes while it starts; its routes are read afterwards. A
        failure is also raised, after the server was told.
        """
        startup = await receive()
        try:
            layers = await self._plan.open(self.settings())
        except Exception as error:  # noqa: BLE001  # raised, it would mean "needs no start"
            last = refused(error)
        else:
            lifespan = Lifespan(lambda: self._seal(layers), layers.monitoring.redacted)
            try:
                last = await lifespan.run(self.app, scope, startup, receive, send)
            finally:
                self._layers = None
                await self._end(layers)
        await say(last, send)

    async def start(self) -> None:
        """Start without a server: for tests and commands. ``close`` undoes it.

        Raises:
            ConfigurationError: All that is wrong with the settings and the routes, by name.
            StoreError: The store does not answer.
        """
        layers = await self._plan.open(self.settings())
        try:
            self._seal(layers)
        except BaseException:
            await layers.close()
            raise

    async def close(self) -> None:
        """Finish what is under way, and let go of the stores."""
        layers, self._layers = self._layers, None  # nothing is answered any more
        if layers is not None:
            await self._end(layers)

    async def _end(self, layers: Layers) -> None:
        if self._conversations is not None:
            await self._conversations.close()
        await layers.close()

    def _seal(self, layers: Layers) -> None:
        """Read the routes, and restrict the process from here on (``Layers.start``)."""
        layers.start()
        self._checks, self._own = layers.checks, layers.service.handlers
        self._seams = layers.seams
        self._conversations = Conversations(layers.authn, self._clock)
        self._layers = layers

    def settings(self) -> Settings:
        """The settings in force.

        Raises:
            ConfigurationError: What is missing, weak, malformed or unknown, by name.
        """
        settings = self._settings or parse(os.environ, required=self._required)
        if self._replaced and settings.environment is Environment.PRODUCTION:
            raise ConfigurationError("layers= is for RINGFENCE_ENV=demo and test only")
        if unknown := self._replaced.keys() - GUARDED.keys():
            raise ConfigurationError(f"layers: there is no {', '.join(sorted(unknown))}")
        return settings

    # ------------------------------------------------------------------------------ for a person

    def survey(self) -> Survey:
        """The boundary as it would be, with every problem; nothing is opened or started."""
        settings = self._settings
        if settings is None:
            named = os.environ.get("RINGFENCE_ENV", "")
            known = named in [*Environment]
            settings = Settings(environment=Environment(named) if known else Environment.PRODUCTION)
        return self._plan.survey(settings)

    async def explain(self, who: str, method: str, path: str) -> dict[str, Any]:
        """Why a request would be decided as it is: see ``explain``; the stack has been started."""
        if self._layers is None:
            raise LookupError("the stack has not been started")
        return await explain(self._layers, who, method, path, self._clock())


def _finders(
    databases: Iterable[Declared], loaders: Mapping[type, ResourceLoader]
) -> dict[type, Finder]:
    """How the resource of each class is found.

    Raises:
        ConfigurationError: A class is declared twice.
    """
    found: dict[type, Finder] = {kind: Loaded(loader) for kind, loader in loaders.items()}
    for database in databases:
        if twice := found.keys() & database.finders.keys():
            names = ", ".join(sorted(kind.__name__ for kind in twice))
            raise ConfigurationError(f"resources: declared twice: {names}")
        found.update(database.finders)
    return found


async def _refuse(layers: Layers, exchange: Exchange, refused: Refused, send: Answering) -> None:
    """Log a refusal and answer it. Every refusal that ends a request passes through here."""
    layers.monitoring.refused(exchange, refused)
    await layers.output.answer(exchange, refused, send)


async def _cut_off(layers: Layers, exchange: Exchange, send: Answering) -> bool:
    """Answer a request that is cancelled; whether we ourselves did that, and it has an end here.

    Else the server did, which ends, and has waited as long as it does.
    """
    overdue = layers.boundary.overdue(exchange)
    code = "handler.too_slow" if overdue else "service.stopping"
    if overdue and (task := current_task()) is not None:
        overdue = task.uncancel() == 0  # the server may have cancelled it as well
    await _refuse(layers, exchange, Refused(code, retry_after=_ANEW), send)
    return overdue


async def _close(exchange: Exchange, monitor: Monitoring) -> None:
    """Close all that the request has opened, even if closing some of it fails."""
    for close in exchange.closing:
        try:
            await close()
        except Exception as error:  # noqa: BLE001  # the next one is closed all the same
            monitor.crashed(exchange, error)
