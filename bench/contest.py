"""What a contestant is: an application to be served, and the requests that it is measured with."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

ASGIApp: TypeAlias = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

#: How the order is fetched: by SQLAlchemy's asynchronous session, or by ``sqlite3`` in the loop.
Query: TypeAlias = Literal["sqlalchemy", "sqlite3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; what every browser sends beside it is the load's business."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Where and how a contestant is built."""

    folder: Path  # empty, its own
    origin: str  # under which it is reached
    query: Query
    people: int  # accounts, one for each connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """An application that is ready to be served."""

    app: ASGIApp
    requests: tuple[Request, ...]  # one for each connection
