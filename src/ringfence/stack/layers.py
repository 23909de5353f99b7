"""The layers of a running stack, in order, and what they stand on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from ringfence.authn.keys import Keys
from ringfence.authn.mail import Mailer
from ringfence.authz.asgi import Authz
from ringfence.authz.resources import ResourceLoader
from ringfence.authz.starlette import Routes, Survey
from ringfence.boundary.asgi import Boundary, guard_sql, release_sql
from ringfence.boundary.processes import denial
from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange
from ringfence.core.settings import Settings
from ringfence.monitoring.asgi import Monitor
from ringfence.network import sqlite
from ringfence.network.asgi import Network
from ringfence.output.asgi import Output
from ringfence.service.app import Service
from ringfence.service.hashing import HashingPool
from ringfence.service.mailers import open_mailer
from ringfence.storage import Stores, open_stores
from ringfence.storage.keys import load_or_create

Check: TypeAlias = Callable[[Exchange], Awaitable[None] | None]
Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers of a running stack, and what they stand on."""

    network: Network
    boundary: Boundary
    authz: Authz
    service: Service  # holds authn
    output: Output
    monitor: Monitor
    stores: Stores
    settings: Settings

    def freeze(self) -> None:
        """Hold the process to what it has become: no new programs, no DDL, SQL watched."""
        if Layer.BOUNDARY not in self.settings.layers_off:
            denial.freeze()
            guard_sql(self.settings)
        if Layer.NETWORK not in self.settings.layers_off:
            sqlite.freeze()

    async def close(self) -> None:
        """Finish what is under way, then let go."""
        self.authz.close()
        await self.service.close()
        await self.stores.close()
        self.monitor.close()

    def thaw(self) -> None:
        """Undo ``freeze``."""
        if Layer.BOUNDARY not in self.settings.layers_off:
            release_sql(self.settings)
            denial.thaw()
        if Layer.NETWORK not in self.settings.layers_off:
            sqlite.thaw()

    @property
    def checks(self) -> tuple[Check, ...]:
        """What every request passes before its body is read, in this order."""
        return (
            self.network.admit,
            self.boundary.check_head,
            self.authz.route,
            self.service.authn.identify,
            self.authz.authorize,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a stack is built from."""

    routes: Routes
    loaders: Mapping[type, ResourceLoader]
    clock: Clock
    stores: Stores | None = None
    mailer: Mailer | None = None

    async def open(self, settings: Settings) -> Layers:
        """Build the layers and start the stores. Nothing is answered yet.

        Raises:
            ConfigurationError: What is wrong with the keys or the database, by name.
            StoreError: The store does not answer.
        """
        keys = load_or_create(settings.keys)
        stores = self.stores or open_stores(
            settings.database, session_idle=settings.session_idle, clock=self.clock
        )
        monitor = Monitor(settings)

        async def ready() -> None:
            await stores.ping()
            monitor.ping()

        await stores.start()
        service = self._service(settings, replace(stores, ping=ready), keys)
        return Layers(
            settings=settings,
            network=Network(settings),
            boundary=Boundary(settings),
            authz=self._authz(service),
            service=service,
            output=Output(settings),
            monitor=monitor,
            stores=stores,
        )

    def survey(self, settings: Settings) -> Survey:
        """The boundary as it would be, with every problem; nothing is opened, no key is read."""
        with TemporaryDirectory() as folder:
            keys = load_or_create(Path(folder) / "keys")
        authz = self._authz(self._service(settings, open_stores("memory:"), keys))
        problems = authz.build().problems
        return Survey([*authz.entries], problems)

    def _authz(self, service: Service) -> Authz:
        return Authz(self.routes, service.handlers, self.loaders)

    def _service(self, settings: Settings, stores: Stores, keys: Keys) -> Service:
        return Service(
            settings=settings,
            stores=stores,
            keys=keys,
            hashing=HashingPool(),
            mailer=self.mailer or open_mailer(settings, self.clock),
            clock=self.clock,
        )
