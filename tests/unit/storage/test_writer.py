"""The group-commit writer: a write that fails takes nobody with it, and none is answered early."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ringfence.core.errors import StoreError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.storage.sqlite import writer as module
from ringfence.storage.sqlite.file import Handle
from ringfence.storage.sqlite.writer import Work, Writer


class Nowhere:
    def emit(self, event: Event) -> None: ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT NOT NULL)")
    return path


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    writer = Writer(Handle(path, read_only=False))
    yield writer
    await writer.close()


def words(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM t ORDER BY id")]


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def adds(word: str | None) -> Work[int]:
    def work(connection: sqlite3.Connection) -> int:
        return connection.execute("INSERT INTO t (word) VALUES (?)", (word,)).rowcount

    return work


async def test_a_write_is_on_the_disk_when_it_is_answered(writer: Writer, path: Path) -> None:
    assert await writer.run(adds("one")) == 1
    assert words(path) == ["one"]


async def test_many_writes_share_one_transaction(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    commit = writer._commit

    async def counted(group: list[module._Job]) -> None:
        commits.append(len(group))
        await commit(group)

    monkeypatch.setattr(writer, "_commit", counted)
    await asyncio.gather(*(writer.run(adds(str(n))) for n in range(100)))
    assert commits == [64, 36]


async def test_writes_happen_in_the_order_they_were_asked(writer: Writer, path: Path) -> None:
    asked = [str(number) for number in range(200)]
    await asyncio.gather(*(writer.run(adds(word)) for word in asked))
    assert words(path) == asked


async def test_a_write_that_fails_half_way_leaves_nothing_and_the_others_all(
    writer: Writer, path: Path
) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t (word) VALUES ('half')")
        raise ZeroDivisionError

    outcomes = await asyncio.gather(
        writer.run(adds("before")),
        writer.run(half),
        writer.run(adds("after")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, ZeroDivisionError, int]
    assert words(path) == ["before", "after"]


async def test_a_constraint_that_is_violated_refuses_that_write_alone(
    writer: Writer, path: Path
) -> None:
    outcomes = await asyncio.gather(
        writer.run(adds(None)), writer.run(adds("good")), return_exceptions=True
    )
    assert isinstance(outcomes[0], StoreError)
    assert outcomes[0].facts["reason"] == "SQLITE_CONSTRAINT_NOTNULL"
    assert words(path) == ["good"]


async def test_a_transaction_that_sqlite_rolled_back_fails_the_whole_group(
    writer: Writer, path: Path
) -> None:
    """What a full disk does; nobody of the group may believe that their write was kept."""

    def lose(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR ROLLBACK INTO t VALUES (1, 'twice'), (1, 'twice')")

    outcomes = await asyncio.gather(
        writer.run(adds("first")),
        writer.run(lose),
        writer.run(adds("last")),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, StoreError) for outcome in outcomes)
    assert words(path) == []
    assert await writer.run(adds("afterwards")) == 1


async def test_a_write_whose_client_has_left_is_not_begun(writer: Writer, path: Path) -> None:
    leaving = asyncio.create_task(writer.run(adds("nobody waits")))
    staying = asyncio.create_task(writer.run(adds("waits")))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert words(path) == ["waits"]


async def test_the_group_belongs_to_no_request(writer: Writer) -> None:
    """The writer's task was started by some request, and must not pass for it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    token = current.set(Exchange({}, request_id="r", now=now, sink=Nowhere()))
    try:
        assert await writer.run(lambda _: current.get()) is None
    finally:
        current.reset(token)


async def test_too_many_that_wait_are_refused_at_once(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    outcomes = await asyncio.gather(
        *(writer.run(adds(str(n))) for n in range(5)), return_exceptions=True
    )
    assert [isinstance(outcome, StoreError) for outcome in outcomes] == [False] * 3 + [True] * 2
    assert words(path) == ["0", "1", "2"]


async def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    writer = Writer(Handle(tmp_path / "missing.sqlite", read_only=False))
    with pytest.raises(StoreError):
        await writer.run(adds("lost"))
    await writer.close()
    assert files_in(tmp_path) == []
