"""The layers of a running stack: who implements each, in which order they act, what they use.

``GUARDED`` is the one place that picks who implements a layer. In demo and test, the factories
given to ``Ringfence(layers=…)`` replace its entries; no line on a request's path asks about that.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ringfence.authn import asgi as authn
from ringfence.authn.flows import Flows, flows
from ringfence.authn.keyring import KeyRing
from ringfence.authn.mail import Mailer
from ringfence.authn.route_limits import RouteLimits
from ringfence.authn.second_factor import HIGHEST_AAL
from ringfence.authz import asgi as authz
from ringfence.authz.resources import Finder
from ringfence.authz.starlette import Routes, Survey
from ringfence.boundary import asgi as boundary
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, Seams
from ringfence.core.ownership import Fields
from ringfence.core.policy import level_needed
from ringfence.core.route import Entry
from ringfence.core.seam import Seam, compose
from ringfence.core.settings import Environment, Settings
from ringfence.monitoring import asgi as monitoring
from ringfence.monitoring.metrics import Metrics
from ringfence.network import asgi as network
from ringfence.output import asgi as output
from ringfence.service.app import Service
from ringfence.service.breaches import open_breaches
from ringfence.service.hashing import HashingPool
from ringfence.service.mailers import open_mailer
from ringfence.stack import protocols
from ringfence.stack.gauges import Probe, measure, observed
from ringfence.stack.listener import Listener
from ringfence.stack.reload import Reload
from ringfence.storage import Stores, identity_key, open_stores
from ringfence.storage.keys import KeyFolder, load_or_create, open_keys

Check: TypeAlias = Callable[[Exchange], Awaitable[None] | None]
Clock: TypeAlias = Callable[[], datetime]

#: Makes the object of one layer, which has what ``protocols`` says.
Factory: TypeAlias = Callable[["Parts"], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a factory is given."""

    settings: Settings
    stores: Stores
    keys: KeyRing
    hashing: protocols.Workers
    mailer: Mailer
    clock: Clock
    routes: Routes  # the application's
    finders: Mapping[type, Finder]
    fields: tuple[Fields, ...] = ()  # of the application's databases
    metrics: Metrics | None = None  # if anything is counted
    own: tuple[Entry, ...] = ()  # the service's routes; for authz, which is made last
    guarded: Mapping[Layer, Factory]  # the guarded layers, for whoever wraps one


def _authn(parts: Parts) -> authn.Authn:
    put_together = flows(
        settings=parts.settings,
        stores=parts.stores,
        keys=parts.keys,
        hashing=parts.hashing,
        mailer=parts.mailer,
        random=secrets.token_bytes,
        breaches=open_breaches(parts.settings),
    )
    stores, settings = parts.stores, parts.settings
    budgets = [settings.address_limit, settings.account_limit]
    limits = RouteLimits(stores.counters, [limit for limit in budgets if limit is not None])
    return authn.Authn(put_together, stores.revocations, stores.sessions, limits)


def _authz(parts: Parts) -> authz.Authz:
    production = parts.settings.environment is Environment.PRODUCTION
    return authz.Authz(parts.routes, parts.own, parts.finders, parts.fields, production=production)


#: Who implements each layer.
GUARDED: Final[Mapping[Layer, Factory]] = MappingProxyType(
    {
        Layer.NETWORK: lambda parts: network.Network(parts.settings),
        Layer.BOUNDARY: lambda parts: boundary.Boundary(parts.settings),
        Layer.AUTHN: _authn,
        Layer.AUTHZ: _authz,
        Layer.OUTPUT: lambda parts: output.Output(parts.settings, parts.fields),
        Layer.MONITORING: lambda parts: monitoring.Monitor(parts.settings, metrics=parts.metrics),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers of a running stack, and what they use."""

    network: protocols.Network
    boundary: protocols.Boundary
    authn: protocols.Authn
    authz: protocols.Authz
    output: protocols.Output
    monitoring: protocols.Monitoring
    service: Service
    parts: Parts
    reload: Reload
    listener: Listener | None = None  # where what is counted can be read
    _hooks: ExitStack = field(default_factory=ExitStack)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What every request passes before its body is read, in this order."""
        return (
            self.network.admit,
            self.boundary.check_head,
            self.authz.route,
            self.authn.identify,
            self.authn.count,
            self.authz.authorize,
        )

    @property
    def seams(self) -> Seams:
        """What all layers provide for seams.

        Raises:
            ConfigurationError: A layer provides for a seam of another one.
        """
        found: dict[Any, Any] = {}
        for layer, each in self._by_name.items():
            for seam, provided in each.seams.items():
                if not isinstance(seam, Seam) or seam.layer is not layer:
                    raise ConfigurationError(f"layers: {layer} provides for {seam!r}")
                found[seam] = provided
        return found

    def start(self) -> None:
        """Restrict the process from here on: no new programs, no DDL, SQL judged.

        Raises:
            ConfigurationError: As ``seams``; every problem of the routes. ``stop`` ends what has
                started until then.
        """
        self._hooks.callback(compose(self.seams))
        for each in (self.authz, self.network, self.boundary, self.authn, self.output):
            each.start()
            self._hooks.callback(each.close)
        self.reload.start()
        self.service.start(self.monitoring)
        self._tell_of_what_nobody_reaches()

    def _tell_of_what_nobody_reaches(self) -> None:
        """No sign-in proves level 3: a policy that needs it answers 403 to everybody."""
        for entry in self.authz.entries:
            if entry.policy is None or level_needed(entry.policy) <= HIGHEST_AAL:
                continue
            route = f"{' '.join(sorted(entry.methods))} {entry.pattern}"
            facts = {"route": route, "policy": repr(entry.policy)}
            code = CODES["policy.unreachable"]
            self.monitoring.emit(Event(at=self.parts.clock(), code=code, facts=facts))

    def stop(self) -> None:
        """Undo ``start``, even if it failed halfway."""
        self._hooks.close()

    async def close(self) -> None:
        """Finish what is under way, then let go."""
        self.stop()
        await self.reload.stop()
        if self.listener is not None:
            await self.listener.close()
        await self.service.close()
        self.parts.hashing.close()
        await self.parts.stores.close()
        self.monitoring.close()

    @property
    def _by_name(self) -> Mapping[Layer, protocols.Layered]:
        return {
            Layer.NETWORK: self.network,
            Layer.BOUNDARY: self.boundary,
            Layer.AUTHN: self.authn,
            Layer.AUTHZ: self.authz,
            Layer.OUTPUT: self.output,
            Layer.MONITORING: self.monitoring,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a stack is built from."""

    routes: Routes
    finders: Mapping[type, Finder]
    databases: tuple[protocols.Declared, ...] = ()  # the application's
    clock: Clock
    stores: Stores | None = None
    mailer: Mailer | None = None
    # In place of the guarded ones.
    layers: Mapping[Layer, Factory] = field(default_factory=dict[Layer, Factory])

    async def open(self, settings: Settings) -> Layers:
        """Build the layers and start the stores. Nothing is answered yet.

        Raises:
            ConfigurationError: What is wrong with the keys or the database, by name.
            StoreError: The store does not answer.
        """
        stores = self.stores or open_stores(
            settings.database, session_idle=settings.session_idle, clock=self.clock
        )
        await stores.start()
        try:
            keys = KeyRing(await open_keys(settings.keys, stores), KeyFolder(settings.keys).news)
            layers = self._layers(self._parts(settings, stores, keys))
            if layers.listener is not None:
                await layers.listener.open()
            layers.monitoring.start()
            for database in self.databases:
                database.identify(identity_key.load(settings.keys))
        except BaseException:
            await stores.close()
            raise
        return layers

    def survey(self, settings: Settings) -> Survey:
        """The boundary as it would be, with every problem; nothing is opened, no key is read."""
        with TemporaryDirectory() as folder:
            keys = KeyRing(load_or_create(Path(folder) / "keys"))
        parts = self._parts(settings, open_stores("memory:"), keys)
        service = _service(parts, _authn(parts).flows, parts.stores.ping)
        layer = _authz(replace(parts, own=tuple(service.handlers)))
        problems = layer.build().problems
        return Survey(
            [*layer.entries],
            problems,
            resources=tuple(chain.from_iterable(each.resources for each in self.databases)),
            reasons=tuple(chain.from_iterable(each.reasons for each in self.databases)),
        )

    def _parts(self, settings: Settings, stores: Stores, keys: KeyRing) -> Parts:
        metrics = Metrics() if settings.metrics else None
        return Parts(
            settings=settings,
            stores=stores if metrics is None else observed(stores, metrics, self.clock),
            metrics=metrics,
            keys=keys,
            hashing=HashingPool(),
            mailer=self.mailer or open_mailer(settings, self.clock),
            clock=self.clock,
            routes=self.routes,
            finders=self.finders,
            fields=tuple(chain.from_iterable(each.fields for each in self.databases)),
            guarded=GUARDED,
        )

    def _layers(self, parts: Parts) -> Layers:
        factories = {**GUARDED, **self.layers}
        monitoring: protocols.Monitoring = factories[Layer.MONITORING](parts)
        authn: protocols.Authn = factories[Layer.AUTHN](parts)

        async def ping() -> None:
            await parts.stores.ping()
            monitoring.ping()

        service = _service(parts, authn.flows, ping)
        return Layers(
            network=factories[Layer.NETWORK](parts),
            boundary=factories[Layer.BOUNDARY](parts),
            authn=authn,
            authz=factories[Layer.AUTHZ](replace(parts, own=tuple(service.handlers))),
            output=factories[Layer.OUTPUT](parts),
            monitoring=monitoring,
            service=service,
            parts=parts,
            reload=Reload(parts.keys, parts.stores.fingerprints, monitoring, parts.clock),
            listener=_listener(parts, monitoring),
        )


def _listener(parts: Parts, monitoring: protocols.Monitoring) -> Listener | None:
    """Where what is counted can be read, if it is."""
    if parts.metrics is None or parts.settings.metrics is None:
        return None
    metrics = parts.metrics
    measure(metrics, parts.hashing, monitoring)
    probe = Probe(parts.stores, metrics, parts.clock)

    async def answer() -> str:
        await probe.ask()
        return metrics.exposition()

    return Listener(parts.settings.metrics, answer)


def _service(parts: Parts, flows: Flows, ping: Callable[[], Awaitable[None]]) -> Service:
    return Service(
        settings=parts.settings,
        flows=flows,
        keys=parts.keys,
        outbox=parts.stores.outbox,
        ping=ping,
        clock=parts.clock,
    )
