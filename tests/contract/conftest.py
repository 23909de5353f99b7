"""One suite for each protocol, on every adapter."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ringfence.storage.migrate import migrate
from ringfence.storage.postgres import database
from tests.contract.server import Server, served
from tests.contract.stores import Rig, copy_of, opened

ADAPTERS = ("memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """PostgreSQL, started by the first test that asks."""
    with served() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Server:
    """PostgreSQL with empty tables."""
    postgres_server.clear()
    return postgres_server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite database."""
    return copy_of(sqlite_template, tmp_path)


@pytest.fixture(params=ADAPTERS)
def address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each adapter's name, and the address of an empty database of its kind."""
    kind: str = request.param
    if kind == "sqlite":
        return kind, request.getfixturevalue("sqlite")
    if kind == "postgres":
        return kind, request.getfixturevalue("postgres").app_url
    return kind, "memory:"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a request may wait has a test of its own; a busy machine fails no other."""
    monkeypatch.setattr(database, "_PATIENCE_SECONDS", 30)


@pytest.fixture
async def rig(address: tuple[str, str]) -> AsyncIterator[Rig]:
    """Started stores of each adapter."""
    kind, url = address
    async with opened(url) as stores:
        yield Rig(kind, url, stores)


@pytest.fixture
async def administration(
    address: tuple[str, str], request: pytest.FixtureRequest
) -> AsyncIterator[Rig]:
    """As ``rig``; on PostgreSQL as the owner of the tables, who may do what the service may not."""
    kind, url = address
    if kind == "postgres":
        url = request.getfixturevalue("postgres").owner_url
    async with opened(url) as stores:
        yield Rig(kind, url, stores)
