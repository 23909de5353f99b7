"""The application's own SQLAlchemy database: whose its rows are, and one session a request.

The policy and the handler share the session, so that the object which was judged is the object
which is changed. The session is opened when it is first asked for, and closed with the
request; what the handler did not commit is rolled back.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ringfence.authz.resources import Finder
from ringfence.core.exchange import Slot, current
from ringfence.core.ownership import Resource
from ringfence.storage.application.finder import ModelFinder
from ringfence.storage.application.ownership import Declarations


class Database:
    """An engine whose sessions follow the requests.

    Args:
        engine: The application's.
        resources: Whose the rows of its classes are.

    Raises:
        ConfigurationError: What is declared does not fit the models.
    """

    def __init__(self, engine: AsyncEngine, resources: Iterable[Resource] = ()) -> None:
        self.engine: Final = engine
        self.declarations: Final = Declarations(resources)
        self._session: Final = Slot[AsyncSession]("database.session")

    async def __call__(self) -> AsyncIterator[AsyncSession]:
        """The session of the current request; for FastAPI, ``Depends(database)``."""
        yield self.session()

    def session(self) -> AsyncSession:
        """The session of the current request.

        Raises:
            LookupError: No request of Ringfence is under way: open a session of your own.
        """
        exchange = current.get()
        if exchange is None:
            raise LookupError("no request is under way")
        session = exchange.state.get(self._session)
        if session is None:
            session = AsyncSession(self.engine, expire_on_commit=False)
            exchange.state[self._session] = session
            exchange.closing.append(session.close)
        return session

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What is declared."""
        return self.declarations.resources

    @property
    def finders(self) -> Mapping[type, Finder]:
        """How ``owner()`` finds what is declared."""
        dialect = self.engine.dialect.name
        return {
            kind: ModelFinder(rows, self.session, dialect)
            for kind, rows in self.declarations.items()
        }
