"""What the application's role sees and changes of each table, whatever SQL it sends.

The statements here are those that got past every other line: nothing but the database stands
between them and the rows (Ledger 36, 38, 39; ASVS 8.2.2; ATTACKS Z01, Z02, I01, I02, I12).
"""

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ringfence.core.secret import Secret
from ringfence.storage.application.postgres.apply import state
from ringfence.storage.application.postgres.identity import CHALLENGE, signed
from tests.contract.rows.conftest import KEY, ROLES, Guarded

pytestmark = [pytest.mark.postgres, pytest.mark.anyio]

DENIED = "42501"

NUMBERS = {
    "notes": "SELECT id FROM notes",
    "posts": "SELECT id FROM posts",
    "plans": "SELECT number FROM plans",
    "stages": "SELECT id FROM stages",
    "order": 'SELECT id FROM "order"',
    "details": "SELECT id FROM details",
}
#: Which rows a person reads and changes: (who, table): the numbers read, the numbers changed.
SEEN: dict[tuple[str | None, str], tuple[set[int], set[int]]] = {
    ("alice", "notes"): ({1}, {1}),
    ("bob", "notes"): ({2}, {2}),
    ("carol", "notes"): ({1}, set()),
    ("dave", "notes"): ({1}, {1}),
    (None, "notes"): (set(), set()),
    ("alice", "posts"): ({1, 2}, {1}),
    (None, "posts"): ({1, 2}, set()),
    ("alice", "plans"): ({1}, {1}),
    ("carol", "plans"): (set(), set()),
    ("alice", "stages"): ({1}, {1}),
    ("bob", "stages"): ({2}, {2}),
    (None, "stages"): (set(), set()),
    ("alice", "order"): ({1}, {1}),
    ("carol", "order"): ({1}, set()),
    ("dave", "order"): ({1}, {1}),
    ("alice", "details"): ({1}, {1}),
    ("dave", "details"): ({1}, {1}),
    ("carol", "details"): ({1}, set()),
    (None, "details"): (set(), set()),
}


async def numbers(connection: AsyncConnection, statement: str) -> set[Any]:
    return set((await connection.exec_driver_sql(statement)).scalars())


async def refused(connection: AsyncConnection, statement: str) -> str:
    """The SQLSTATE with which the database refuses; empty where it does not."""
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(statement)
    except DBAPIError as error:
        return state(error)
    return ""


@pytest.mark.parametrize(("who", "table"), SEEN)
async def test_each_sees_and_changes_what_is_declared(
    guarded: Guarded, connection: AsyncConnection, who: str | None, table: str
) -> None:
    guarded.asks = who
    read, changed = SEEN[who, table]
    assert await numbers(connection, NUMBERS[table]) == read
    if table == "details" and changed:  # its rows hang on nothing: they can go
        number = await numbers(connection, f'DELETE FROM "{table}" RETURNING id')
    else:
        key = "number" if table in ("plans", "stages") else "id"
        number = await numbers(connection, f'UPDATE "{table}" SET {key} = {key} RETURNING {key}')
    assert number == changed


async def test_without_the_policies_everybody_sees_everything(guarded: Guarded) -> None:
    """The pair of all that is here: the same role, the same grants, no row-level security."""
    async with guarded.engine(guarded.superuser).connect() as connection:
        for switch, seen in (("ENABLE", set[int]()), ("DISABLE", {1, 2})):
            await connection.exec_driver_sql(f"ALTER TABLE notes {switch} ROW LEVEL SECURITY")
            await connection.exec_driver_sql("SET LOCAL ROLE shop_app")
            assert await numbers(connection, NUMBERS["notes"]) == seen
            await connection.exec_driver_sql("RESET ROLE")
        await connection.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM notes WHERE id = 2 OR true",
        "SELECT n.id FROM notes n JOIN posts p ON true",
        "SELECT id FROM (SELECT * FROM notes UNION ALL SELECT * FROM notes) AS all_of_them",
        "WITH RECURSIVE r AS (SELECT id FROM notes UNION SELECT id FROM r) SELECT id FROM r",
        "SELECT (SELECT max(id) FROM notes) WHERE EXISTS (SELECT FROM notes WHERE id = 2)",
        "SELECT id FROM notes, set_config('ringfence.identity', 'sbob', true)",
        "SELECT id FROM notes, set_config('ringfence.identity', repeat('0', 64) || 'sbob', true)",
        "SELECT id FROM notes, set_config('row_security', 'on', true)",
        "SELECT id FROM notes, set_config('role', 'shop_app_everybody', true)",
    ],
)
async def test_an_injected_statement_reads_no_foreign_row(
    guarded: Guarded, connection: AsyncConnection, statement: str
) -> None:
    guarded.asks = "alice"
    assert await numbers(connection, statement) <= {1}


@pytest.mark.parametrize("switch", ["role", "identity"])
async def test_a_switched_identity_sees_nothing(
    guarded: Guarded, connection: AsyncConnection, switch: str
) -> None:
    """Nothing, and not what it saw before: whoever tampers is nobody."""
    guarded.asks = "alice"
    assert await numbers(connection, NUMBERS["notes"]) == {1}
    said, value = ("role", ROLES.everybody) if switch == "role" else ("ringfence.identity", "sbob")
    await connection.exec_driver_sql(f"SELECT set_config('{said}', '{value}', true)")
    assert await numbers(connection, NUMBERS["notes"]) == set()


async def test_a_signature_is_worth_nothing_elsewhere(guarded: Guarded) -> None:
    """Not in the next transaction of the connection, and not on another one at the same time."""
    guarded.asks = "bob"
    async with guarded.as_somebody().connect() as his, guarded.engine().connect() as hers:
        seen = "SELECT current_setting('ringfence.identity', true)"
        token = (await his.exec_driver_sql(seen)).scalar_one()
        assert await numbers(his, NUMBERS["notes"]) == {2}
        replay = f"SELECT id FROM notes, set_config('ringfence.identity', '{token}', true)"
        await hers.exec_driver_sql(f"SELECT set_config('ringfence.identity', '{token}', true)")
        assert await numbers(hers, replay) == set()
        await his.rollback()
        guarded.asks = None
        assert (await his.exec_driver_sql(seen)).scalar_one() in ("", None)
        assert await numbers(his, replay) == set()
        assert await numbers(his, NUMBERS["notes"]) == set()


async def test_a_signature_of_another_key_is_nobodys(guarded: Guarded) -> None:
    async with guarded.engine().connect() as connection:
        challenge = (await connection.exec_driver_sql(CHALLENGE)).scalar_one()
        for key, found in ((Secret(bytes(32)), set()), (KEY, {2})):
            token = signed(key, challenge, "sbob")
            await connection.exec_driver_sql(
                f"SELECT set_config('ringfence.identity', '{token}', true)"
            )
            assert await numbers(connection, NUMBERS["notes"]) == found


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ringfence_identity.keys",
        "SELECT ringfence_rows.identity()",
        "INSERT INTO ringfence_identity.keys VALUES ('', '')",
        "CREATE OR REPLACE FUNCTION ringfence_rows.subject() RETURNS text RETURN 'bob'",
        "TRUNCATE notes",
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON notes USING (true)",
        "DROP POLICY ringfence_select ON notes",
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMP TABLE notes (id int)",
        "CREATE FUNCTION public.mine() RETURNS int AS 'SELECT 1' LANGUAGE sql",
        "CREATE SCHEMA mine",
        'SET ROLE "shop owner"',
        'SET SESSION AUTHORIZATION "shop owner"',
        "ALTER ROLE shop_app BYPASSRLS",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY notes TO PROGRAM 'id'",
        "SELECT setval('notes_id_seq', 1)",
        "UPDATE notes SET \"user\" = 'alice'",
        "UPDATE plans SET team_id = 'blue'",
        "INSERT INTO notes (id, \"user\") VALUES (9, 'bob')",
        "INSERT INTO details VALUES (9, 2)",
        'INSERT INTO "order" VALUES (9, 2)',
        "INSERT INTO stages VALUES (9, 'blue', 2)",
        "INSERT INTO plans VALUES ('blue', 9)",
        "UPDATE details SET step_id = 2",
        "INSERT INTO countries VALUES (9, 'Atlantis')",
        "INSERT INTO members VALUES ('blue', 'alice')",
    ],
)
async def test_the_application_may_not(
    guarded: Guarded, connection: AsyncConnection, statement: str
) -> None:
    guarded.asks = "alice"
    assert await refused(connection, statement) == DENIED


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO notes (id, \"user\") VALUES (9, 'alice') RETURNING id",
        "INSERT INTO notes (\"user\") VALUES ('alice') ON CONFLICT (id) DO UPDATE SET id = 1",
        'INSERT INTO "order" VALUES (9, 1) RETURNING note_id',
        "INSERT INTO details VALUES (9, 1) RETURNING *",
        "INSERT INTO stages VALUES (9, 'red', 1) RETURNING *",
        "INSERT INTO plans VALUES ('red', 9) RETURNING *",
        "SELECT name, count(*) FROM countries GROUP BY name",
        "SELECT * FROM notes FOR UPDATE",
    ],
)
async def test_the_application_may(
    guarded: Guarded, connection: AsyncConnection, statement: str
) -> None:
    guarded.asks = "alice"
    assert await refused(connection, statement) == ""


async def test_whoever_says_so_sees_everybodys_rows(guarded: Guarded) -> None:
    engine = guarded.as_somebody().execution_options(ringfence_everybodys=True)
    async with engine.connect() as connection:
        for table in ("notes", "stages", "details"):
            assert await numbers(connection, NUMBERS[table]) == {1, 2}
        changed = "UPDATE posts SET id = id + 10 RETURNING id"
        assert await numbers(connection, changed) == {11, 12}
        given = "UPDATE notes SET \"user\" = 'carol' WHERE id = 1 RETURNING id"
        assert await numbers(connection, given) == {1}
