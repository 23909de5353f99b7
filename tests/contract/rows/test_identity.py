"""The identity costs two round trips for each transaction, and does not outlive it (Ledger 38)."""

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.contract.rows.conftest import Guarded
from tests.contract.rows.test_rows import NUMBERS, numbers

pytestmark = [pytest.mark.postgres, pytest.mark.anyio]

#: What is sent to the driver before the first statement of a transaction.
SIGNING = ["SELECT ringfence_rows.challenge()", "SELECT pg_catalog.set_config"]


def sent(engine: AsyncEngine) -> list[str]:
    """The statements that the driver gets from here on; each is a round trip."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: Any) -> None:
        found.append(statement.partition("(")[0] if "set_config" in statement else statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    return found


async def test_it_is_signed_once_for_each_transaction(guarded: Guarded) -> None:
    engine = guarded.as_somebody()
    guarded.asks = "alice"
    async with engine.connect() as connection:
        found = sent(engine)
        for _ in range(2):
            await numbers(connection, NUMBERS["notes"])
            await numbers(connection, NUMBERS["notes"])
            await connection.commit()
    assert found == 2 * [*SIGNING, NUMBERS["notes"], NUMBERS["notes"]]


async def test_nobody_costs_nothing_and_sees_nothing(guarded: Guarded) -> None:
    engine = guarded.as_somebody()
    async with engine.connect() as connection:
        found = sent(engine)
        assert await numbers(connection, NUMBERS["notes"]) == set()
    assert found == [NUMBERS["notes"]]


async def test_a_connection_is_somebody_elses_in_its_next_transaction(guarded: Guarded) -> None:
    async with guarded.as_somebody().connect() as connection:
        for who, seen in (("alice", {1}), ("bob", {2}), (None, set[int]()), ("alice", {1})):
            guarded.asks = who
            assert await numbers(connection, NUMBERS["notes"]) == seen
            await connection.commit()


async def test_without_transactions_nobody_is_anybody(guarded: Guarded) -> None:
    guarded.asks = "alice"
    engine = guarded.as_somebody().execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        assert await numbers(connection, NUMBERS["notes"]) == set()
