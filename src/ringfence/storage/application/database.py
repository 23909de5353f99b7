"""The application's own SQLAlchemy database: whose its rows are, and one session a request.

The policy and the handler share the session, so that the object which was judged is the object
which is changed. The session is opened when it is first asked for, and closed with the
request; what the handler did not commit is rolled back.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ringfence.authz.resources import Finder
from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import Slot, current
from ringfence.core.ownership import Common, Fields, Resource
from ringfence.core.policy import Relation
from ringfence.core.secret import Secret
from ringfence.network.sqlite import EVERYBODYS
from ringfence.storage.application.engines import ENGINE, Engines, scope
from ringfence.storage.application.finder import ModelFinder
from ringfence.storage.application.ownership import Declarations, fields_of
from ringfence.storage.application.postgres.identity import Identity
from ringfence.storage.application.sessions import PinnedSession


class Database:
    """An engine whose sessions follow the requests, and see the caller's rows only.

    Args:
        engine: The application's. It is scoped from here on: without a request, or without
            ``unscoped``, it reads and writes no rows that are declared.
        resources: Whose the rows of its classes are.
        common: Classes whose rows are nobody's own. On PostgreSQL the application's role uses no
            table that is declared in neither way.

    Raises:
        ConfigurationError: What is declared does not fit the models.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        resources: Iterable[Resource] = (),
        *,
        common: Iterable[Common] = (),
    ) -> None:
        self.engine: Final = engine
        self.declarations: Final = Declarations(resources)
        self.common: Final = tuple(common)
        plain = scope(engine.sync_engine, self.declarations.tables)
        self._engines: Final = Engines(
            engine, AsyncEngine(plain), AsyncEngine(plain.execution_options(**{EVERYBODYS: True}))
        )
        self._identity: Final = Identity(engine.sync_engine, plain)
        self._sessions: Final = Slot[dict[AsyncEngine, AsyncSession]]("database.sessions")
        self._unscoped: Final[list[Unscoped]] = []

    def identify(self, key: Secret[bytes] | None) -> None:
        """From here on PostgreSQL is told who asks; None tells it nothing, so it shows nothing."""
        self._identity.key = key

    async def __call__(self) -> AsyncIterator[AsyncSession]:
        """The session of the current request; for FastAPI, ``Depends(database)``."""
        yield self.session()

    def session(self) -> AsyncSession:
        """The session of the current request.

        Raises:
            LookupError: No request of Ringfence is under way: see ``unscoped``.
        """
        return self._session_for(Relation.OWNER)

    def _session(self, engine: AsyncEngine) -> AsyncSession:
        exchange = current.get()
        if exchange is None or exchange.over:
            raise LookupError("no request is under way: see Database.unscoped")
        sessions = exchange.state.setdefault(self._sessions, {})
        session = sessions.get(engine)
        if session is None:
            session = sessions[engine] = AsyncSession(
                engine, sync_session_class=PinnedSession, expire_on_commit=False
            )
            exchange.closing.append(session.close)
        return session

    def unscoped(self, *, reason: str) -> "Unscoped":
        """Sessions that see everybody's rows, for what needs more than the caller's.

            REPORT = database.unscoped(reason="monthly report")

            async with REPORT() as session: ...

        Declared beside the application, so that it stands in ``boundaries.lock``. Each session is
        an event. Scripts and tasks declare theirs, too.

        Raises:
            ConfigurationError: No reason; or a request is under way, so that it is in no lock.
        """
        if not reason.strip() or '"' in reason:
            raise ConfigurationError("unscoped: say why, in words without quotation marks")
        if current.get() is not None:
            raise ConfigurationError(f"unscoped({reason}): declare it beside the application")
        made = Unscoped(self._engines.everybodys, reason)
        self._unscoped.append(made)
        return made

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What is declared."""
        return self.declarations.resources

    @property
    def fields(self) -> tuple[Fields, ...]:
        """The columns of all classes, and who reads and writes which."""
        declared = (fields_of(each.kind, each) for each in self.resources)
        return (*declared, *(fields_of(each.kind, None) for each in self.common))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why rows are read and written that are not the caller's."""
        return tuple(dict.fromkeys(each.reason for each in self._unscoped))

    @property
    def finders(self) -> Mapping[type, Finder]:
        """How ``owner()`` finds what is declared."""
        dialect = self.engine.dialect.name
        return {
            kind: ModelFinder(rows, self._session_for, dialect)
            for kind, rows in self.declarations.items()
        }

    def _session_for(self, relation: Relation) -> AsyncSession:
        return self._session(ENGINE.current()(self._engines, relation))


class Unscoped:
    """Opens sessions that see everybody's rows."""

    def __init__(self, engine: AsyncEngine, reason: str) -> None:
        self._engine: Final = engine
        self.reason: Final = reason

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[AsyncSession]:
        """A session until the end of the block; it commits what it is told to commit."""
        exchange = current.get()
        if exchange is not None:
            exchange.sink.emit(exchange.event("ownership.unscoped", {"reason": self.reason}))
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session
