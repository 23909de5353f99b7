"""What the composition root joins does act: controls are called, and settings arrive.

Each of these was once deleted from the source, and no test and no attack noticed.
"""

import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from starlette.applications import Starlette

from ringfence import ConfigurationError, Refused, Ringfence, Settings
from ringfence.core.codes import Layer
from ringfence.core.settings import Environment
from ringfence.service.app import Service
from ringfence.service.hashing import HashingPool
from ringfence.service.mailers import open_mailer
from ringfence.stack.ringfence import utc_now
from ringfence.storage import open_stores
from tests.unit.authn.credentials import keys


def settings(folder: Path) -> Settings:
    return Settings(
        environment=Environment.TEST,
        origin="http://test.example",
        database="memory:",
        keys=folder / "keys",
        mail=f"file:{folder / 'mail'}",
        log=str(folder / "log"),
    )


@asynccontextmanager
async def started(folder: Path) -> AsyncGenerator[Ringfence]:
    guard = Ringfence(Starlette(), settings=settings(folder), stores=open_stores("memory:"))
    await guard.start()
    try:
        yield guard
    finally:
        await guard.close()


def start_a_program() -> None:
    subprocess.run(["/bin/true"], check=True)


async def test_from_the_start_on_no_program_starts_and_after_the_end_one_does(
    tmp_path: Path,
) -> None:
    """ATTACKS I03, second stage: the hook acts only once the stack has frozen it."""
    async with started(tmp_path):
        with pytest.raises(Refused, match="process.denied"):
            start_a_program()
    start_a_program()


async def test_from_the_start_on_no_table_is_made_and_after_the_end_one_is(tmp_path: Path) -> None:
    """The second line behind the SQL guard: the authorizer of every SQLite connection."""
    engine = create_engine("sqlite://")
    async with started(tmp_path):
        with pytest.raises(Refused, match="database.denied"), engine.connect() as connection:
            connection.execute(text("CREATE TABLE t (id INTEGER)"))
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
    engine.dispose()


@pytest.mark.parametrize("environment", [Environment.PRODUCTION, Environment.TEST])
def test_layers_that_are_given_off_stop_the_start_in_production_alone(
    tmp_path: Path, environment: Environment
) -> None:
    """What the variable may not do in production, an argument in the code may not do either."""
    asked = replace(settings(tmp_path), environment=environment)
    guard = Ringfence(Starlette(), settings=asked, layers_off=[Layer.AUTHZ])
    if environment is Environment.TEST:
        assert guard.settings().layers_off == {Layer.AUTHZ}
    else:
        with pytest.raises(ConfigurationError, match="demo and test only"):
            guard.settings()


def test_the_configured_times_of_a_session_arrive_where_sessions_are_kept(tmp_path: Path) -> None:
    """ASVS 7.3.1 and 7.3.2."""
    idle, absolute = timedelta(hours=5), timedelta(hours=50)
    asked = replace(settings(tmp_path), session_idle=idle, session_absolute=absolute)
    service = Service(
        settings=asked,
        stores=open_stores("memory:"),
        keys=keys(),
        hashing=HashingPool(),
        mailer=open_mailer(asked, utc_now),
        clock=utc_now,
    )
    limits = service._sessions.sessions.limits
    assert (limits.idle, limits.absolute) == (idle, absolute)
