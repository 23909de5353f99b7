"""PostgreSQL under rivals and outages: locks decide; what fails refuses until it is back."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ringfence.core.errors import StoreError
from ringfence.storage import Stores
from ringfence.storage.postgres import database as database_module
from ringfence.storage.postgres.database import _TAKE_TURN, _TURN, CHANNEL, Database, connect
from ringfence.storage.postgres.news import News
from ringfence.storage.postgres.revocations import PostgresRevocations
from ringfence.storage.statements import Query
from tests.contract.processes import worker
from tests.contract.server import Server
from tests.contract.stores import (
    NOW,
    SECOND,
    account,
    answers,
    digest,
    feed,
    opened,
    revoked,
    session,
    signed_in,
    token,
    until,
    verifier,
)

pytestmark = pytest.mark.postgres

APPEND = (
    "INSERT INTO revocations (at_us, session, token_version, role_version) VALUES (0, 'slow', 0, 0)"
)
PATIENCE_SECONDS = database_module._PATIENCE_SECONDS  # before the fixture raises it
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
async def stores(postgres: Server) -> AsyncIterator[Stores]:
    async with opened(postgres.app_url) as stores:
        await stores.accounts.create(account())
        yield stores


@pytest.fixture
async def rival(postgres: Server) -> AsyncIterator[Any]:
    """Another process's connection."""
    connection = await connect(postgres.owner_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def beside(postgres: Server, task: "asyncio.Task[Any]") -> AsyncGenerator[None]:
    """Waits until ``task`` waits for a lock, before the block."""
    observer = await connect(postgres.owner_url)
    try:
        await until(lambda: _is_waiting(observer))
        assert not task.done()
        yield
    finally:
        await observer.close()


async def _is_waiting(observer: Any) -> bool:
    return await observer.fetchval(WAITING) > 0


# -------------------------------------------------------------------------------------- rivals


async def test_a_rotation_that_waits_for_a_revocation_sees_it(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """Ledger 11, inside the database."""
    first = await signed_in(stores)
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("UPDATE sessions SET revoked_us = 1")
    rotation = asyncio.create_task(stores.sessions.succeed(first, token("child"), b"sealed"))
    async with beside(postgres, rotation):
        await transaction.commit()
    assert await rotation is False
    assert await stores.sessions.find(digest("child")) is None


async def test_a_revocation_that_waits_for_a_rotation_kills_the_child(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """Ledger 11, the other way round."""
    first = await signed_in(stores)
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("SELECT 1 FROM sessions WHERE id = 'laptop' FOR NO KEY UPDATE")
    await rival.execute(
        "INSERT INTO refresh_tokens (digest, family, parent, signed_in_us, issued_us)"
        " VALUES ($1, 'laptop', $2, 0, 0)",
        digest("child"),
        first.digest,
    )
    revocation = asyncio.create_task(stores.sessions.revoke_family("laptop", NOW))
    async with beside(postgres, revocation):
        await transaction.commit()
    await revocation
    child = await stores.sessions.find(digest("child"))
    assert child is not None
    assert child.family_revoked


async def test_a_sign_in_that_waits_for_a_password_change_begins_nothing(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """Ledger 9."""
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("UPDATE accounts SET token_version = token_version + 1")
    sign_in = asyncio.create_task(stores.sessions.begin(session(), token(), 0))
    async with beside(postgres, sign_in):
        await transaction.commit()
    assert await sign_in is None
    assert await stores.sessions.find(token().digest) is None


async def test_a_password_change_that_waits_for_a_sign_in_ends_its_session(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """Ledger 9, the other way round."""
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("SELECT 1 FROM accounts WHERE id = 'id-alice' FOR NO KEY UPDATE")
    await rival.execute("INSERT INTO sessions VALUES ('laptop', 'id-alice', 0, 0, '', '', NULL)")
    change = asyncio.create_task(stores.accounts.set_verifier("id-alice", verifier("new"), 0, NOW))
    async with beside(postgres, change):
        await transaction.commit()
    await change
    assert await stores.sessions.get("laptop") is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("transaction_isolation", "read committed"),  # the test's server has other defaults
        ("synchronous_commit", "on"),
        ("search_path", "ringfence, pg_temp"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ],
)
async def test_every_connection_brings_its_own_settings(
    postgres: Server, setting: str, value: str
) -> None:
    database = Database(postgres.app_url)
    await database.open()
    row = await database.one(Query("SELECT current_setting($1)"), setting)
    await database.close()
    assert row is not None
    assert row[0] == value


# ----------------------------------------------------------------------------------- the feed


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
async def database(postgres: Server) -> AsyncIterator[Database]:
    database = Database(postgres.app_url)
    await database.open()
    yield database
    await database.close()


async def test_a_feed_that_is_half_a_second_old_is_read_again(database: Database) -> None:
    """DESIGN section 6: at most a second on other hosts, whatever was or was not heard."""
    clock = Clock()
    revocations = PostgresRevocations(database, monotonic=clock)
    assert revocations.changed()
    await revocations.read(0)
    clock.time += 0.499
    assert not revocations.changed()
    clock.time += 0.001
    assert revocations.changed()


async def test_requests_that_ask_at_once_share_one_query(database: Database) -> None:
    revocations = PostgresRevocations(database)
    answered = await asyncio.gather(*(revocations.read(0) for _ in range(50)))
    assert all(answer is answered[0] for answer in answered)


async def test_news_during_a_read_are_read_again(database: Database, stores: Stores) -> None:
    """A read that was under way may not have seen them, and nobody may join it."""
    revocations = PostgresRevocations(database, monotonic=Clock())
    early = asyncio.create_task(revocations.read(0))
    await asyncio.sleep(0)
    database.news.hear()
    late = asyncio.create_task(revocations.read(0))
    assert await early is not await late
    assert not revocations.changed()


async def test_an_earlier_read_does_not_pass_for_a_later_one(database: Database) -> None:
    revocations = PostgresRevocations(database, monotonic=Clock())
    early = asyncio.create_task(revocations.read(0))
    await asyncio.sleep(0)
    database.news.hear()
    await early
    assert revocations.changed()


async def test_a_revocation_that_is_committed_late_is_not_skipped(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """Numbers are given in turn: no later one is committed, and read, before an earlier one."""
    transaction = rival.transaction()
    await transaction.start()
    await rival.fetchrow(_TAKE_TURN, _TURN, CHANNEL)
    await rival.execute(APPEND)
    other = asyncio.create_task(stores.accounts.sign_out_everywhere("id-alice", NOW))
    async with beside(postgres, other):
        assert await feed(stores) == []
        await transaction.commit()
    await other
    assert await feed(stores) == [revoked("slow"), revoked(account="id-alice", tv=1)]


async def test_without_taking_turns_it_would_be_skipped(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """The pair of the test above: a sequence alone gives numbers before the commit."""
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute(APPEND)
    await stores.accounts.sign_out_everywhere("id-alice", NOW)
    (known,) = await feed(stores)
    await transaction.commit()
    assert known == revoked(account="id-alice", tv=1)
    assert await feed(stores, known.number) == []


async def test_workers_on_other_hosts_hear_of_a_revocation(
    postgres: Server, stores: Stores, tmp_path: Path
) -> None:
    """NOTIFY: with the clock stopped and no file shared, nothing else could tell."""
    database = Database(postgres.app_url, News(postgres.app_url, tmp_path))
    await database.open()
    before = database.news.count
    revocations = PostgresRevocations(database, monotonic=Clock())
    revocations.start()
    await until(lambda: database.news.count > before)  # it listens
    await revocations.read(0)
    assert not revocations.changed()
    await stores.accounts.sign_out_everywhere("id-alice", NOW)
    await until(revocations.changed)
    assert list(await revocations.read(0)) == [revoked(account="id-alice", tv=1)]
    await revocations.close()
    await database.close()


async def test_workers_on_this_host_know_once_a_revocation_is_answered(
    database: Database, stores: Stores
) -> None:
    """DESIGN section 6: on the next request. The clock stands still, and nobody listens."""
    revocations = PostgresRevocations(database, monotonic=Clock())
    await revocations.read(0)
    await signed_in(stores)
    assert not revocations.changed()
    await stores.sessions.revoke_family("laptop", NOW)
    assert revocations.changed()
    await revocations.read(0)
    await stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert revocations.changed()
    await revocations.read(0)
    assert not revocations.changed()


async def test_a_feed_that_cannot_be_read_refuses(postgres: Server, stores: Stores) -> None:
    owner = await connect(postgres.owner_url)
    await owner.execute("ALTER TABLE revocations RENAME TO hidden")
    try:
        with pytest.raises(StoreError):
            await feed(stores)
        assert stores.revocations.changed()
    finally:
        await owner.execute("ALTER TABLE hidden RENAME TO revocations")
        await owner.close()
    assert await feed(stores) == []


# ------------------------------------------------------------------------------------ outages


async def test_a_server_that_is_stopped_refuses_until_it_is_back(
    postgres: Server, stores: Stores
) -> None:
    first = await signed_in(stores)
    postgres.process.stop()
    try:
        for asked in (
            stores.ping(),
            stores.accounts.find("id-alice"),
            stores.accounts.create(account("carol")),
            stores.sessions.succeed(first, token("t1"), b"sealed"),
            stores.revocations.read(0),
            stores.purge(NOW),
        ):
            with pytest.raises(StoreError):
                await asked
        assert stores.revocations.changed()
    finally:
        postgres.process.start()
    await until(lambda: answers(stores))
    assert await stores.accounts.find("id-alice") == account()
    assert await stores.sessions.succeed(first, token("t1"), b"sealed")


async def test_a_server_that_is_frozen_holds_no_request_for_two_seconds(
    postgres: Server, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing, not even that a statement was cancelled: only our patience ends it."""
    assert PATIENCE_SECONDS < 2
    monkeypatch.setattr(database_module, "_PATIENCE_SECONDS", 0.2)
    await asyncio.gather(*(stores.ping() for _ in range(20)))  # connections are open
    postgres.process.freeze()
    try:
        async with asyncio.timeout(5):  # it used to be held for 12
            outcomes = await asyncio.gather(
                *(stores.accounts.find("id-alice") for _ in range(20)),
                stores.accounts.create(account("carol")),
                stores.revocations.read(0),
                stores.ping(),
                return_exceptions=True,
            )
        assert {type(outcome) for outcome in outcomes} == {StoreError}
    finally:
        postgres.process.thaw()
    monkeypatch.undo()
    await until(lambda: answers(stores))
    assert await stores.accounts.find("id-alice") == account()
    assert await stores.accounts.find("id-carol") is None


async def test_a_server_that_takes_no_writes_is_not_ready(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    await rival.execute("REVOKE INSERT, UPDATE ON counters FROM ringfence_app")
    try:
        assert await stores.accounts.find("id-alice") == account()  # reading goes on
        with pytest.raises(StoreError):
            await stores.ping()
    finally:
        await rival.execute("GRANT INSERT, UPDATE ON counters TO ringfence_app")
    await stores.ping()


async def test_a_server_that_is_down_stops_the_start(postgres: Server) -> None:
    postgres.process.stop()
    try:
        with pytest.raises(StoreError):
            async with opened(postgres.app_url):
                pass
    finally:
        postgres.process.start()


async def test_kill_9_of_a_backend_loses_no_answered_write(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    """The server restarts all its backends then, and replays its log."""
    assert postgres.process  # skips where its backends are out of reach
    answered: list[str] = []
    refused = asyncio.Event()

    async def write(number: int) -> None:
        for turn in range(10_000):
            name = f"n{number}-{turn}"
            try:
                await stores.accounts.create(account(name))
            except StoreError:
                refused.set()
                return
            answered.append(f"id-{name}")

    writers = [asyncio.create_task(write(number)) for number in range(8)]
    await until(lambda: len(answered) > 100)
    backends = "SELECT pid FROM pg_stat_activity WHERE usename = 'ringfence_app' LIMIT 1"
    os.kill(await rival.fetchval(backends), signal.SIGKILL)
    await refused.wait()
    await asyncio.gather(*writers)
    await until(lambda: answers(stores))
    for name in answered:
        assert await stores.accounts.find(name) is not None
    assert await stores.accounts.create(account("afterwards"))


async def test_kill_9_of_a_client_loses_no_answered_write(postgres: Server, stores: Stores) -> None:
    with worker("write", postgres.app_url, "w") as process:
        process.hear(200)
        process.kill()
    for name in process.names("account"):
        assert await stores.accounts.find(name) is not None
    for name in process.names("token"):
        assert await stores.sessions.find(digest(name)) is not None
    assert await _halves(postgres) == (0, 0)


async def _halves(postgres: Server) -> tuple[int, int]:
    connection = await connect(postgres.owner_url)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM accounts"
            "  WHERE id NOT IN (SELECT account FROM verifiers)),"
            " (SELECT count(*) FROM sessions"
            "  WHERE id NOT IN (SELECT family FROM refresh_tokens))"
        )
        return tuple(row)
    finally:
        await connection.close()


async def test_a_request_that_leaves_takes_its_transaction_with_it(
    postgres: Server, stores: Stores, rival: Any
) -> None:
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("SELECT 1 FROM accounts FOR UPDATE")
    sign_in = asyncio.create_task(stores.sessions.begin(session(), token(), 0))
    async with beside(postgres, sign_in):
        sign_in.cancel()
        await asyncio.wait([sign_in])
    await transaction.rollback()
    assert sign_in.cancelled()
    assert await stores.sessions.get("laptop") is None
    assert await stores.sessions.begin(session(), token(at=NOW + SECOND), 0) is not None


async def test_a_store_that_is_closed_refuses(postgres: Server) -> None:
    async with opened(postgres.app_url) as stores:
        pass
    with pytest.raises(StoreError):
        await stores.accounts.find("id-alice")
    with pytest.raises(StoreError):
        await stores.accounts.create(account())
