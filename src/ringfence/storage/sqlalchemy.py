"""The application's own SQLAlchemy database: one session a request, and loaders for its models.

The policy's loader and the handler share the session, so that the object which was judged is the
object which is changed. The session is opened when it is first asked for, and closed with the
request; what the handler did not commit is rolled back.
"""

from collections.abc import AsyncIterator
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import BigInteger, SmallInteger, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.types import TypeEngine

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.exchange import Slot, current

ModelT = TypeVar("ModelT")

#: The longest decimal that a 64-bit key can have; a longer one names nothing.
_MOST_DIGITS: Final = 18


class Database:
    """An engine whose sessions follow the requests."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine: Final = engine
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

    def loader(self, model: type[ModelT], *, owner: str) -> "ModelLoader[ModelT]":
        """How ``owner(model)`` finds its resource.

        Args:
            model: A mapped class with one primary-key column, an integer or a string.
            owner: The attribute that holds the subject to whom a row belongs.
        """
        return ModelLoader(self, model, owner)


class ModelLoader(Generic[ModelT]):
    """Loads one model by its primary key, into the session of the request."""

    def __init__(self, database: Database, model: type[ModelT], owner: str) -> None:
        mapper = inspect(model)
        keys = mapper.primary_key
        if len(keys) != 1 or keys[0].type.python_type not in (int, str):
            raise ConfigurationError(f"{model.__name__}: one integer or string key is needed")
        if owner not in mapper.all_orm_descriptors:
            raise ConfigurationError(f"{model.__name__}: there is no attribute {owner}")
        self._database = database
        self._model = model
        self._owner = owner
        self._integer = keys[0].type.python_type is int
        self._most = _largest(keys[0].type, database.engine.dialect.name)

    async def load(self, key: str) -> ModelT | None:
        """The row with this key; None where there is none, or the key is not in canonical form."""
        identity: Any = key
        if self._integer:
            if not _canonical_integer(key):
                return None
            identity = int(key)
            if identity > self._most:
                return None
        try:
            return await self._database.session().get(self._model, identity)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            raise StoreError("application", type(error).__name__) from error

    def owner(self, value: object) -> str | None:
        """The subject to whom the row ``value`` belongs."""
        subject = getattr(value, self._owner)
        return None if subject is None else str(subject)


def _largest(kind: TypeEngine[Any], dialect: str) -> int:
    """The largest key that the column holds; SQLite's integers all have 64 bits."""
    if dialect == "sqlite" or isinstance(kind, BigInteger):
        return 2**63 - 1
    return 2**15 - 1 if isinstance(kind, SmallInteger) else 2**31 - 1


def _canonical_integer(key: str) -> bool:
    """One spelling for each number: what is judged and what is used can't differ."""
    if not key.isascii() or not key.isdigit() or len(key) > _MOST_DIGITS:
        return False
    return key == "0" or key[0] != "0"
