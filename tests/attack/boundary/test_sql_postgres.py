"""The SQL guard against what PostgreSQL itself does, and in front of asyncpg.

As ``tests/unit/boundary/sql/test_generated.py`` does with SQLite: if PostgreSQL plans a careless
statement in another way than the same statement with harmless inputs, the guard must have refused.
Here are the quotes that SQLite does not have.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  # it has none
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ringfence.boundary.sql.lexer import Dialect
from ringfence.boundary.sql.sqlalchemy import install, remove
from ringfence.core.errors import Refused
from tests.contract.server import Server, served
from tests.unit.boundary.exchanges import during, exchange
from tests.unit.boundary.sql.placements import PLACEMENTS, Placement, attacks
from tests.unit.boundary.sql.source import Judge

pytestmark = pytest.mark.postgres

SCHEMA: Final = """
    CREATE TEMPORARY TABLE products
        (id INT PRIMARY KEY, name TEXT, price INT, secret TEXT, owner INT, user_id INT)
"""
TEXT, NUMBER = "zq", "7"  # harmless, and what stands for each kind of place

TEMPLATES: Final = [
    ("SELECT id FROM products WHERE (name = E'{}' OR secret = '{}') AND owner = 1", (TEXT, TEXT)),
    (
        "SELECT id FROM products WHERE (name <> $${}$$ AND secret <> '{}') AND owner = 1",
        (TEXT, TEXT),
    ),
    ("SELECT id FROM products WHERE (name <> $a${}$a$ AND secret <> $a${}$a$)", (TEXT, TEXT)),
    ("SELECT id FROM products WHERE name <> E'a'\n'{}' AND secret = '{}'", (TEXT, TEXT)),
    ("SELECT price - {} FROM products WHERE owner = {}", (NUMBER, NUMBER)),
    ("UPDATE products SET name = E'{}' WHERE id = {} AND owner = 1", (TEXT, NUMBER)),
]
PIECES: Final = [
    *("'", "''", "\\'", "\\", "\\\\", "$", "$$", "$a$", "E'", "U&'", "/*", "*/", "--", ";", "||"),
    *(" or ", " and ", "not ", "1=1", "::int", "-", "5", "(", ")", ",", "=", "<>", " ", "\n", "\r"),
    *("id", "secret", "user_id", "current_user", "pg_sleep(0)", "' or '1'='1", "＇"),
]
CHANGES: Final[list[Callable[[str], str]]] = [
    lambda text: text,
    lambda text: text.replace("'", "''"),  # enough in '…', and not in E'…'
    lambda text: text.replace("\\", "\\\\"),
    str.upper,
]
_CONSTANT: Final = re.compile(
    r"E'(?:[^'\\]|''|\\.)*'(?:::\w+)?|'(?:[^']|'')*'(?:::\w+)?|-?\b[0-9]+(?:\.[0-9]+)?(?:::\w+)?"
)
#: The application: what stands in a hole is called ``x``.
SOURCE: Final = "\n".join(
    f"def f{number}(x): return f{text.replace('{}', '{x}')!r}"
    for number, text in enumerate([*(text for text, _ in TEMPLATES), *(p.text for p in PLACEMENTS)])
)
JUDGE: Final = Judge(SOURCE, dialect=Dialect.POSTGRESQL)
INPUT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Database:
    """One connection, for a test that is not a coroutine."""

    runner: asyncio.Runner
    connection: Any

    def plan(self, statement: str) -> str | None:
        """What PostgreSQL would do, without its constants; None if it would not."""
        explained = f"EXPLAIN (VERBOSE, COSTS OFF) {statement}"
        try:
            rows = self.runner.run(self.connection.fetch(explained))
        except asyncpg.PostgresError:
            return None
        constant = _CONSTANT.sub("?", "\n".join(row[0] for row in rows))
        return re.sub(r"\(\?\)(::\w+)?", "?", constant)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    with asyncio.Runner() as runner:
        connection: Any = runner.run(asyncpg.connect(server.owner_url))
        runner.run(connection.execute(SCHEMA))
        yield Database(runner, connection)
        runner.run(connection.close())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(TEMPLATES),
    st.tuples(INPUT | st.none(), INPUT | st.none()),
    st.tuples(st.sampled_from(CHANGES), st.sampled_from(CHANGES)),
)
@example(TEMPLATES[0], ("\\' or 1=1 --", None), (CHANGES[1], CHANGES[0]))
@example(TEMPLATES[0], ("\\", " or 1=1 --"), (CHANGES[0], CHANGES[0]))
@example(TEMPLATES[1], ("$$ or 1=1 or name = $$", None), (CHANGES[0], CHANGES[0]))
@example(TEMPLATES[3], ("\\", " or 1=1 --"), (CHANGES[0], CHANGES[0]))
@example(TEMPLATES[4], ("5::int", "owner"), (CHANGES[0], CHANGES[0]))
def test_what_changes_a_plan_is_refused(
    database: Database,
    template: tuple[str, tuple[str, str]],
    given_: tuple[str | None, str | None],
    changes: tuple[Callable[[str], str], Callable[[str], str]],
) -> None:
    text, places = template
    harmless = [f"{place}{index}" for index, place in enumerate(places)]
    sent = [value or default for value, default in zip(given_, harmless, strict=True)]
    joined = [change(value) for change, value in zip(changes, sent, strict=True)]
    # A fraction is a number, but PostgreSQL compares it in another way.
    assume(not any(p == NUMBER and "." in j for p, j in zip(places, joined, strict=True)))
    statement = text.format(*joined)
    plan = database.plan(statement)
    if plan is not None and plan != database.plan(text.format(*harmless)):
        assert JUDGE(statement)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(PLACEMENTS))
def test_what_is_an_attack_on_sqlite_is_refused_here_too(
    database: Database, data: st.DataObject, placement: Placement
) -> None:
    value = data.draw(attacks(placement.kind))
    assert JUDGE(placement.text.replace("{x}", value), value)


# --------------------------------------------------------------------------------- asyncpg


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[AsyncConnection]:
    install()
    engine = create_async_engine(server.owner_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as made:
        await made.exec_driver_sql(SCHEMA)
        yield made
    await engine.dispose()
    remove()


ATTACK: Final = "x' OR 1=1 OR '"


async def test_joined_text_is_refused_before_asyncpg_gets_it(connection: AsyncConnection) -> None:
    made = exchange(query=b"q=" + quote(ATTACK).encode())
    statement = f"SELECT secret FROM products WHERE name = '{ATTACK}'"
    with during(made):
        for act in (connection.exec_driver_sql(statement), connection.execute(sa.text(statement))):
            with pytest.raises(Refused, match="sql.injected"):
                await act


async def test_a_bound_parameter_may_hold_anything(connection: AsyncConnection) -> None:
    made = exchange(query=f"q={quote(ATTACK)}&r=$&s=secret".encode())
    products = sa.Table("products", sa.MetaData(), sa.Column("secret"), sa.Column("name"))
    with during(made):
        for value in (ATTACK, "$", "secret"):
            await connection.execute(sa.select(products).where(products.c.name == value))
            text = sa.text("SELECT secret FROM products WHERE name = :name")
            await connection.execute(text, {"name": value})
